"""From a memory, a path and a model to what a sampler takes: checks, readout, the mode."""

import logging
from dataclasses import replace

import torch
import torch.nn.functional as F
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ....mirage_core import MirageError
from ..memory_device import on_intermediate_device, read
from ..threads import limit_threads
from .blocks import Block, block_of, check_block
from .choice import PATCHES, check_what_is_connected, choose_mode
from .connected import with_references
from .families import BEHIND, BY_MASK, FRAME, WHOLE
from .models import ModelKind
from .modes import MODES, hold_sound, hold_start, keep_exact
from .packed import Shape, packed_shape
from .remembered import Conditioned, Remembered
from .request import Request, Steering
from .sigmas import ALWAYS
from .sound import sound_of
from .start import remembered_frames, start_frames
from .token_timesteps import give_tokens_their_timesteps
from .told import with_start_told
from .told_cameras import with_cameras_told

log = logging.getLogger(__name__)

KEY = "mirage_size"


def condition(request: Request) -> Conditioned:
    """Read the memory along the path and condition the model on it.

    Raises:
        MirageError: something does not fit; found before any long work.
    """
    kind = ModelKind.of(request.model)
    mode = choose_mode(request, kind)
    kind.check_length(request.path)
    check_what_is_connected(request, kind, mode)
    start, denoise, behind = start_frames(request, kind)
    sound = sound_of(request.sound, request.sound_mask, kind, request.path)
    references = remembered_frames(request, kind, mode)
    texts, pictures = with_references([request.positive, request.negative], kind, request.path.size, mode)
    front = pictures.shape[2]
    start = torch.cat([pictures.expand(len(start), -1, -1, -1, -1), start], dim=2)
    denoise = F.pad(denoise, (0, 0, 0, 0, front, 0), value=1.0)
    readout = request.readout
    readout = read(request.memory, request.path) if readout is None else on_intermediate_device(readout)
    if not bool(readout.known.any()):
        log.warning("The memory knows nothing of what the cameras of this path see.")
    spatial = request.memory.spec.spatial
    remembered = Remembered(kind, readout, spatial, start, 1.0 - denoise, front, references, request.preceding)
    base = Conditioned(request.model.clone(), *texts, start, denoise, mode, remembered, behind, sound)
    base = with_start_told(base, len(request.path.video))
    if request.steering.strength != 0:
        base = with_cameras_told(base, request.path)
    return _steered(base, request.steering)


def _steered(base: Conditioned, steering: Steering) -> Conditioned:
    """What a sampler takes, with the memory in it and the start held."""
    remembered, family, denoise = base.remembered, base.remembered.kind.family, base.denoise
    steers, kept = steering.strength != 0, bool((denoise < 1).any())
    masks = family.start == BY_MASK and not (family.mask == WHOLE and _uneven(denoise))
    if steers or (kept and not masks):
        _refuse_other_latents(base.model, remembered.kind, remembered.size, base.mode if steers else "")
    if steers:
        limit_threads(base.model, remembered.size)
        base = replace(base, latents=remembered.latents)
        labels = (kept and remembered.kind.reference_tokens) or _uneven(denoise)  # that ComfyUI gets wrong
        told = base.mode in ("per-token", "concat")  # which give the timesteps themselves
        if family.mask == FRAME and "per-token" in family.entries and not told and labels:
            give_tokens_their_timesteps(base.model, ALWAYS, denoise)
        base = MODES[base.mode](base, steering)
        if steering.keep_exact:
            base = keep_exact(base, steering)
    if kept and not masks:
        base = replace(hold_start(base), denoise=torch.ones_like(denoise))
    return base if masks or base.sound is None else hold_sound(base)


def _refuse_other_latents(model: ModelPatcher, kind: ModelKind, size: tuple[int, int, int], mode: str) -> None:
    """Patch ``model``, a clone: it samples latents of the size that the memory was read for, and no others.

    Args:
        mode: in which the memory steers, if it does.
    """
    T, *tokens = size

    def fits(x: Tensor, shape: Shape, block: Block | None) -> bool:
        if not kind.video:
            return shape[1:] == (kind.channels, *tokens) and len(x) == T
        frames = shape[2] if len(shape) == 5 else 0
        if shape[1:] != (kind.channels, frames, *tokens):
            return False
        if block is not None:
            return block.frames == T
        return frames == T or (frames > T and kind.family.guides == BEHIND)

    def check(executor, x: Tensor, timestep: Tensor, model_options: dict = {}, seed: int | None = None) -> Tensor:  # noqa: B006
        guider = executor.class_obj
        (conds, *_) = guider.conds.values()
        shape, block = packed_shape(conds) or tuple(x.shape), block_of(model_options, x)
        check_block(block, guider.cfg, mode, in_network=mode in PATCHES)
        if not fits(x, shape, block):
            there = shape if block is None else (*shape[:2], block.frames, *shape[3:])
            raise MirageError(
                f"latent: must be the one that comes with the conditioned model, {T} latent frames of {tuple(tokens)} "
                f"tokens (h, w), as the memory was read; the sampler brings {there}. Sample that one."
            )
        return executor(x, timestep, model_options, seed)

    model.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, KEY, check)


def _uneven(denoise: Tensor) -> bool:
    """Whether a frame of the noise mask is kept in part."""
    return bool((denoise.amax(dim=(3, 4)) != denoise.amin(dim=(3, 4))).any())
