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
from ..decoding import decoded
from ..notes import of_request
from ..sampling import MAX_SEED, SamplerSettings, sample
from ..steering.conditioning import condition
from ..steering.models import ModelKind
from ..steering.request import AUTO, Request, choose_mode
from .depth import DepthModel, MovingThings, depth_of_memory
from .progress import WalkProgress


@dataclass(frozen=True, eq=False)
class Prompt:
    """What a walk shows from a pixel frame on: a CONDITIONING."""

    frame: int
    positive: list


@dataclass(eq=False)
class WalkModels:
    """What a walk is made with.

    Attributes:
        request: how the memory conditions the model; cameras, start and text are filled in for every chunk.
        path: one camera per pixel frame.
        prompts: text of later chunks; the first positive is the request's.
    """

    request: Request
    sampler: SamplerSettings
    path: Cameras
    prompts: Sequence[Prompt]
    vae: object
    depth: DepthModel
    moving: MovingThings | None
    progress: WalkProgress

    def denoise(self, chunk_request: ChunkRequest) -> Tensor:
        """Latents ``(T, C, h, w)`` of a chunk; its first frame is the one given, bit for bit."""
        self.progress.stage("sampling")
        chunk = chunk_request.chunk
        prepared = condition(self._request(chunk_request))
        seed = (self.sampler.seed + chunk.number) % (MAX_SEED + 1)
        settings = replace(self.sampler, seed=seed)
        made = sample(
            prepared.model,
            prepared.positive,
            prepared.negative,
            prepared.latent,
            settings,
            self.progress.on_step,
        )
        latents = rearrange(prepared.video(made)["samples"], "1 c t h w -> t c h w").to(chunk_request.first)
        return torch.cat([chunk_request.first, latents[1:]])

    def estimate(self, latents: Tensor, cameras: Cameras, readout: Readout) -> Estimate:
        """Depth of the latent frames of a chunk, from its decoded frames, or from the memory."""
        self.progress.stage("depth", self.progress.steps)
        if not self.depth.looks and self.moving is None:
            return depth_of_memory(readout)
        frames = decoded(self.vae, latents)[:: self.request.memory.spec.temporal]
        self.progress.stage("depth", self.progress.steps + 1, frames[-1])
        estimated = self.depth.estimate(frames, cameras) if self.depth.looks else depth_of_memory(readout)
        if self.moving is None:
            return estimated
        return Estimate(estimated.depth, {**estimated.exclude, "moving": self.moving.mask(frames)})

    def text_of(self, first_frame: int) -> list:
        """The positive CONDITIONING of a chunk by the first pixel frame that it adds."""
        begun = [prompt for prompt in self.prompts if prompt.frame <= first_frame]
        return max(begun, key=lambda prompt: prompt.frame).positive if begun else self.request.positive

    def notes(self, plan: Sequence[Chunk]) -> list[str]:
        """What is connected and has no effect.

        Raises:
            MirageError: the model cannot take the mode; found before any long work.
        """
        kind = ModelKind.of(self.request.model)
        kind.check(self.request.memory.spec)
        mode = choose_mode(self.request, kind)
        notes = of_request(replace(self.request, vae=None), mode)  # the walk decodes with it in any mode
        shown = [self.text_of(chunk.start) for chunk in plan]
        starts = ", ".join(str(chunk.start) for chunk in plan)
        return notes + [
            f"prompts: the one from frame {prompt.frame} has no effect. It holds for chunks that begin there or later, "
            f"until another takes its place; they begin at {starts}."
            for prompt in self.prompts
            if not any(prompt.positive is one for one in shown)
        ]

    def _request(self, chunk_request: ChunkRequest) -> Request:
        chunk = chunk_request.chunk
        given = {}
        if self.request.branch is not None and self.request.mode in (AUTO, "branch"):
            given["preceding"] = (chunk_request.preceding, chunk_request.preceding_scene)
            if len(chunk_request.references):
                given["reference"] = {"samples": rearrange(chunk_request.references, "r c h w -> 1 c r h w")}
        return replace(
            self.request,
            positive=self.text_of(chunk.start),
            cameras=self.path[slice(chunk.stop - chunk.frames, chunk.stop)],
            start={"samples": rearrange(chunk_request.first, "t c h w -> 1 c t h w")},
            readout=chunk_request.readout,
            **given,
        )
