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
from .choice import check_what_is_connected, choose_mode
from .connected import told_the_start, with_references
from .models import ModelKind
from .modes import MODES, hold_start, keep_exact
from .remembered import Conditioned, Remembered
from .request import Request, Steering
from .sigmas import ALWAYS
from .start import remembered_frames, start_frames
from .token_timesteps import give_tokens_their_timesteps

log = logging.getLogger(__name__)

KEY = "mirage_size"


def condition(request: Request) -> Conditioned:
    """Read the memory along the path and condition the model on it.

    Raises:
        MirageError: something does not fit; found before any long work.
    """
    kind = ModelKind.of(request.model)
    mode = choose_mode(request, kind)
    check_what_is_connected(request, kind, mode)
    start, denoise = start_frames(request, kind)
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
    return _steered(Conditioned(request.model.clone(), *texts, start, denoise, mode, remembered), request.steering)


def _steered(base: Conditioned, steering: Steering) -> Conditioned:
    """What a sampler takes, with the memory and the start in it."""
    remembered, kind, denoise = base.remembered, base.remembered.kind, base.denoise
    steers, kept = steering.strength != 0, bool((denoise < 1).any())
    if kind.pictures_latent:
        start = torch.where(remembered.kept_whole, remembered.start, kind.empty(remembered.start))
        positive, negative = (
            told_the_start(text, start, remembered.kept_whole) for text in (base.positive, base.negative)
        )
        base = replace(base, positive=positive, negative=negative)
    if steers or (kept and not kind.per_frame):
        _refuse_other_latents(base.model, kind, remembered.size)
    if steers:
        limit_threads(base.model, remembered.size)
        base = replace(base, latents=remembered.latents)
        labels = (kept and kind.reference_tokens) or _uneven(denoise)  # that ComfyUI gets wrong
        if kind.per_frame and base.mode != "per-token" and labels:
            give_tokens_their_timesteps(base.model, ALWAYS, denoise)
        base = MODES[base.mode](base, steering)
        if steering.keep_exact:
            base = keep_exact(base, steering)
    if kept and not kind.per_frame:
        base = replace(hold_start(base), denoise=torch.ones_like(denoise))
    return base


def _refuse_other_latents(model: ModelPatcher, kind: ModelKind, size: tuple[int, int, int]) -> None:
    """Patch ``model``, a clone: it samples latents of the size that the memory was read for, and no others."""
    T, *tokens = size
    wanted = (kind.channels, T, *tokens) if kind.video else (kind.channels, *tokens)

    def check(executor, x: Tensor, *args, **kwargs) -> Tensor:
        if tuple(x.shape[1:]) != wanted or not (kind.video or len(x) == T):
            raise MirageError(
                f"latent: must be the one that comes with the conditioned model, {T} frames of {tuple(tokens)} tokens "
                f"(h, w), as the memory was read; the sampler brings {tuple(x.shape)}. Sample that one, without sound "
                "or guides added to it."
            )
        return executor(x, *args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, KEY, check)


def _uneven(denoise: Tensor) -> bool:
    """Whether a frame of the noise mask is kept in part."""
    return bool((denoise.amax(dim=(3, 4)) != denoise.amin(dim=(3, 4))).any())
