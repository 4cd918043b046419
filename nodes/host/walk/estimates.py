"""What ComfyUI estimates for the chunks of a walk: the memory that it makes room for on the device."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import comfy.sampler_helpers
from comfy.model_patcher import ModelPatcher

from ....mirage_core.chunks import Chunk
from ....mirage_core.walk import WalkSettings
from ..steering.choice import choose_mode
from ..steering.connected import with_references
from ..steering.models import ModelKind
from .models import WalkInputs


@dataclass(frozen=True)
class Sampling:
    """What sampling takes, in bytes.

    Attributes:
        mode: in which the memory steers; empty if it does not.
        working: beside the weights, with as many texts at once as the sampler asks for.
        least: beside the weights, with one text at a time, as ComfyUI samples where there is little room.
        weights: of the model and of all that is loaded with it; on a graphics card they may stay in RAM in part.
    """

    mode: str
    working: int
    least: int
    weights: int


def latent_frames(inputs: WalkInputs, frames: int) -> int:
    """Latent frames that so many video frames have."""
    return len(inputs.request.path.timing.stands_at(frames))


def sampling_bytes(inputs: WalkInputs, settings: WalkSettings, plan: Sequence[Chunk]) -> Sampling:
    """What the chunk takes that takes most, with all the context that it may be given.

    Raises:
        MirageError: texts or sound do not fit the path.
    """
    request, steering = inputs.request, inputs.request.steering
    model, kind = request.model, ModelKind.of(request.model)
    mode = choose_mode(request, kind) if steering.strength != 0 else ""
    beside = {"branch": steering.branch and steering.branch.patcher, "uni3c": steering.uni3c}.get(mode)
    both = inputs.sampler.cfg != 1 or model.model_options.get("disable_cfg1_optimization", False)
    loaded, estimates = [] if beside is None else [beside], {}
    for chunk in plan:
        text, size = inputs.text_of(chunk), (latent_frames(inputs, chunk.frames), *request.path.grid)
        texts, pictures = with_references([text, request.negative], kind, size, mode)
        more = pictures.shape[2] + _context(inputs, settings, plan, chunk, mode)
        shape = _sampled(inputs, kind, chunk, more)
        if (id(text), shape) not in estimates:
            conds = {name: comfy.sampler_helpers.convert_cond(one) for name, one in zip("pn", texts, strict=True)}
            models, controls = comfy.sampler_helpers.get_additional_models(conds, model.model_dtype())
            two, one = comfy.sampler_helpers.estimate_memory(model, shape, conds)
            estimates[id(text), shape] = (math.ceil((two if both else one) + controls), math.ceil(one + controls))
            loaded += models
    return Sampling(mode, *max(estimates.values()), _weights([model, *loaded]))


def decoding_bytes(inputs: WalkInputs, plan: Sequence[Chunk]) -> int | None:
    """What decoding the longest chunk takes, with the weights of the VAE; None = the VAE does not say."""
    vae, request = inputs.request.steering.vae, inputs.request
    if not hasattr(vae, "memory_used_decode"):
        return None
    frames = max(latent_frames(inputs, chunk.frames) for chunk in plan)
    shape = (1, request.memory.spec.channels, frames, *request.path.grid)
    if vae.latent_dim == 2:  # of pictures, decoded one by one
        shape = (*shape[:2], *shape[3:])
    return math.ceil(vae.memory_used_decode(shape, vae.vae_dtype) + vae.patcher.model_size())


def _context(inputs: WalkInputs, settings: WalkSettings, plan: Sequence[Chunk], chunk: Chunk, mode: str) -> int:
    """Latent frames at most that the network is given beside those of a chunk."""
    overlap = inputs.request.path.timing.overlap
    if mode == "guides":  # each frame that is not given may have one of guides, or as many tokens
        return latent_frames(inputs, chunk.frames) - (overlap if chunk.number else 1)
    if mode != "branch" or not chunk.number:
        return 0
    before = latent_frames(inputs, plan[chunk.number - 1].frames) - overlap
    return min(settings.preceding, before) + min(settings.references, latent_frames(inputs, chunk.start))


def _sampled(inputs: WalkInputs, kind: ModelKind, chunk: Chunk, more: int) -> tuple[int, ...]:
    """The shape that the network is given: video, or video and sound as one row of numbers, or pictures.

    Args:
        more: latent frames beside those of the chunk.
    """
    request = inputs.request
    frames, channels = latent_frames(inputs, chunk.frames) + more, kind.channels
    if not kind.video:
        return (frames, channels, *request.path.grid)
    shape = (1, channels, frames, *request.path.grid)
    if inputs.sound is None:
        return shape
    sound, _ = inputs.sound.part(chunk, len(request.path.video), ())
    return (1, 1, math.prod(shape) + sound.latents.numel())


def _weights(models: Sequence[ModelPatcher]) -> int:
    """Bytes of models and of all that ComfyUI loads with them, each counted once."""
    every = {}
    for model in models:
        for one in (model, *model.get_nested_additional_models(), *model.model_patches_models()):
            every[id(one.model)] = one.model_size()
    return sum(every.values())
