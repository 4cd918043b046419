"""The models of a walk: the denoiser and the estimator of depth that ``mirage_core.walk`` calls."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor

from ....mirage_core import Cameras, Readout
from ....mirage_core.chunks import Chunk
from ....mirage_core.update import Estimate
from ....mirage_core.walk import ChunkRequest
from ..steering.choice import choose_mode, notes_on
from ..steering.conditioning import condition
from ..steering.models import ModelKind
from ..steering.request import AUTO, Request
from ..steering.sampling import MAX_SEED, SamplerSettings, sample
from ..steering.sound import Sound
from ..steering.told_cameras import refuse_cameras
from .depth import DepthModel, MovingThings, depth_of_memory
from .progress import WalkProgress
from .recording import Recording


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a walk shows from a video frame on: a CONDITIONING."""

    frame: int
    positive: list


@dataclass(frozen=True, eq=False)
class WalkInputs:
    """What a walk is made with.

    Attributes:
        request: of the whole walk; path, start and text of a chunk take their place.
        prompts: texts of later chunks; the first positive is the request's.
        moving: what is kept out of the memory.
        sound: of the whole walk; none for a model that makes none.
        sound_vae: decodes it for the video.
    """

    request: Request
    sampler: SamplerSettings
    depth: DepthModel
    moving: MovingThings | None = None
    prompts: Sequence[Prompt] = ()
    sound: Sound | None = None
    sound_vae: object | None = None

    @property
    def picture_size(self) -> tuple[int, int]:
        """``(H, W)`` pixels of the video."""
        (h, w), spatial = self.request.path.grid, self.request.memory.spec.spatial
        return h * spatial, w * spatial

    def text_of(self, chunk: Chunk) -> list:
        """The positive CONDITIONING of a chunk, by the first video frame that it adds."""
        begun = [prompt for prompt in self.prompts if prompt.frame <= chunk.start]
        return max(begun, key=lambda prompt: prompt.frame).positive if begun else self.request.positive

    def notes(self, plan: Sequence[Chunk]) -> list[str]:
        """What is connected and has no effect.

        Raises:
            MirageError: the model cannot take the mode, or texts do not fit a walk; found before any long work.
        """
        request, kind = self.request, ModelKind.of(self.request.model)
        mode = choose_mode(request, kind)
        steering = replace(request.steering, vae=None)  # the walk decodes with it in any mode
        shown = [self.text_of(chunk) for chunk in plan]
        if len(plan) > 1:
            refuse_cameras([*shown, request.negative], kind)
        starts = ", ".join(str(chunk.start) for chunk in plan)
        return notes_on(replace(request, steering=steering), mode) + [
            f"prompts: the one from video frame {prompt.frame} has no effect. It holds for chunks that begin there or "
            f"later, until another takes its place; they begin at {starts}."
            for prompt in self.prompts
            if not any(prompt.positive is one for one in shown)
        ]

    def of_chunk(self, chunk_request: ChunkRequest) -> Request:
        """What is to condition the model for a chunk."""
        given, steering = {}, self.request.steering
        if steering.branch is not None and steering.mode in (AUTO, "branch"):
            given["preceding"] = (chunk_request.preceding, chunk_request.preceding_shown)
            if len(chunk_request.references):
                given["reference"] = rearrange(chunk_request.references, "r c h w -> 1 c r h w")
        return replace(
            self.request,
            positive=self.text_of(chunk_request.chunk),
            path=chunk_request.path,
            start=rearrange(chunk_request.first, "t c h w -> 1 c t h w"),
            readout=chunk_request.readout,
            **given,
        )


@dataclass(frozen=True, eq=False)
class WalkModels:
    """The callables of a walk."""

    inputs: WalkInputs
    progress: WalkProgress
    recording: Recording

    def denoise(self, chunk_request: ChunkRequest) -> Tensor | tuple[Tensor, Tensor]:
        """Latents ``(T, C, h, w)`` of a chunk, its first frames as given, bit for bit; and the sound that it adds."""
        self.progress.stage("sampling")
        request, sampler, sound = self.inputs.of_chunk(chunk_request), self.inputs.sampler, self.inputs.sound
        before = 0
        if sound is not None:
            frames = len(self.inputs.request.path.video)
            sound, before = sound.part(chunk_request.chunk, frames, chunk_request.sound)
            request = replace(request, sound=sound.latents, sound_mask=sound.mask)
        conditioned = condition(request)
        settings = replace(sampler, seed=(sampler.seed + chunk_request.chunk.number) % (MAX_SEED + 1))
        made = sample(conditioned, settings, self.progress.on_step)
        video = made.unbind()[0] if made.is_nested else made
        latents = rearrange(video, "1 c t h w -> t c h w").to(chunk_request.first)
        latents = torch.cat([chunk_request.first, latents[len(chunk_request.first) :]])
        if sound is None:
            return latents
        return latents, made.unbind()[1].movedim(sound.axis, 0)[before:].to(latents)

    def estimate(self, latents: Tensor, cameras: Cameras, readout: Readout) -> Estimate:
        """Depth of the latent frames that a chunk adds, which are decoded, or from the memory."""
        depth, moving = self.inputs.depth, self.inputs.moving
        self.progress.stage("decoding", self.progress.steps)
        frames = self.recording.decoded(latents)
        self.progress.stage("depth", self.progress.steps + 1, frames[-1])
        estimated = depth.estimate(frames, cameras) if depth.looks else depth_of_memory(readout)
        if moving is None:
            return estimated
        return Estimate(estimated.depth, {**estimated.exclude, "moving": moving.mask(frames)})
