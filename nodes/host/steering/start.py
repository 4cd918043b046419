"""Frames that come in as latents: what a video begins with, and remembered frames for a branch."""

import comfy.model_management
import torch
from einops import rearrange
from torch import Tensor

from ....mirage_core import MirageError
from ....mirage_core.errors import describe
from .families import BEHIND
from .guides import Behind, guide_frames
from .models import ModelKind
from .request import Request


def start_frames(request: Request, kind: ModelKind) -> tuple[Tensor, Tensor, Behind]:
    """Latents ``(B, C, T, h, w)`` to begin with, their noise mask ``(B|1, 1, T, h, w)``, and guides behind them.

    Raises:
        MirageError: the start does not fit the path, the model or the texts.
    """
    T, h, w = request.path.size
    device = comfy.model_management.intermediate_device()
    empty = kind.empty(torch.zeros(1, kind.channels, T, h, w, device=device))
    guides = _guides(request, kind)
    if request.start is None:
        mask = torch.ones(1, 1, T, h, w, device=device)
        return empty, mask, Behind(empty[:, :, :0], mask[:, :, :0])
    given = _frames("start", request.start, kind, (h, w))
    B, _, frames, *_ = given.shape
    frames -= guides
    if frames > T:
        raise MirageError(f"start: must not be longer than the path, {T} latent frames; got {frames}.")
    if B > 1 and not kind.video:
        raise MirageError("start: must be one row of pictures for a picture model; got a batch of videos.")
    if request.start_mask is None:
        mask = torch.full((1, 1, frames, h, w), 1.0 if frames == T else 0.0, device=device)
        mask = torch.cat([mask, torch.zeros(1, 1, guides, h, w, device=device)], dim=2)
    else:
        mask = _start_mask(request.start_mask, given, kind).to(device)
    latents = torch.cat([given[:, :, :frames], empty[:, :, frames:].expand(B, -1, -1, -1, -1)], dim=2)
    rest = torch.ones(len(mask), 1, T - frames, h, w, device=device)
    behind = Behind(given[:, :, frames:], mask[:, :, frames:])
    return latents, torch.cat([mask[:, :, :frames], rest], dim=2), behind


def _guides(request: Request, kind: ModelKind) -> int:
    """Frames of guides that the texts bring, which stand behind the video in the latent that came with them.

    Raises:
        MirageError: that latent is not connected.
    """
    if kind.family.guides != BEHIND:
        return 0
    count = guide_frames([request.positive, request.negative], request.path.grid)
    there = 0 if request.start is None else request.start.shape[2]
    if count >= max(there, 1):
        raise MirageError(
            f"start: must be the latent that came with the guides of the texts, with {count} frames of guides behind "
            f"those of the video; got {there} latent frames. Connect the latent of the last LTXVAddGuide to start."
        )
    return count


def remembered_frames(request: Request, kind: ModelKind, mode: str) -> Tensor | None:
    """Latents ``(1, C, R, h, w)`` that are connected for a branch.

    Raises:
        MirageError: they do not fit the model, or the mode is another one.
    """
    if request.reference is None:
        return None
    if mode != "branch":
        raise MirageError(f"reference: is for mode branch; the mode is {mode}. Disconnect it.")
    frames = _frames("reference", request.reference, kind, request.path.grid)
    if len(frames) != 1:
        raise MirageError(f"reference: must be one video of remembered frames; got a batch of {len(frames)}.")
    return frames


def _start_mask(mask: Tensor, given: Tensor, kind: ModelKind) -> Tensor:
    """A noise mask in the size of the latent: other sizes are squeezed in time by ComfyUI, and keep nothing."""
    B, C, frames, h, w = given.shape
    if not kind.video and mask.ndim == 4:
        mask = rearrange(mask, "t c h w -> 1 c t h w")
    fits = mask.ndim == 5 and mask.shape[0] in (1, B) and mask.shape[1] in (1, C)
    if fits and tuple(mask.shape[2:]) == (frames, 1, 1):  # of whole frames, as LTXVImgToVideo makes it
        mask = mask.expand(-1, -1, -1, h, w)
    if not fits or tuple(mask.shape[2:]) != (frames, h, w):
        raise MirageError(
            f"start: its noise mask must be (1, 1, {frames}, {h}, {w}), per latent frame and token; "
            f"got {tuple(mask.shape)}. Masks of video frames do not stay where they are: leave it out."
        )
    return mask.float().amax(dim=1, keepdim=True)


def _frames(name: str, samples: Tensor, kind: ModelKind, tokens: tuple[int, int]) -> Tensor:
    """Latents of a LATENT as ``(B, C, T, h, w)``; pictures are the frames of one video."""
    frames = samples
    if isinstance(samples, Tensor) and samples.ndim == 4:
        frames = rearrange(samples, "t c h w -> 1 c t h w")
    fits = isinstance(frames, Tensor) and frames.ndim == 5
    if not fits or frames.shape[1] != kind.channels or tuple(frames.shape[3:]) != tokens or not frames.shape[2]:
        raise MirageError(
            f"{name}: must be latents of {kind.channels} channels and {tokens[1]} x {tokens[0]} tokens, as width and "
            f"height say; got {describe(samples)}."
        )
    return frames.float().to(comfy.model_management.intermediate_device())
