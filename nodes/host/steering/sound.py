"""Latents of sound that are sampled with a video."""

from dataclasses import dataclass

import torch
from torch import Tensor

import nodes as host_nodes  # ComfyUI's own module of that name

from ....mirage_core import LatentPath, MirageError
from ....mirage_core.errors import describe
from .models import ModelKind


@dataclass(frozen=True, eq=False)
class Sound:
    """Latents of sound, and their noise mask of the same number of axes, 1 = to be made."""

    latents: Tensor
    mask: Tensor


def sound_of(latents: Tensor | None, mask: Tensor | None, kind: ModelKind, path: LatentPath) -> Sound | None:
    """The sound to be sampled with a video; None: the model makes none, or is asked for none.

    Args:
        latents: that are connected, with their noise mask.

    Raises:
        MirageError: the model makes no sound, or another one.
    """
    if latents is None:
        return _silence(path) if kind.family.needs_sound else None
    if not kind.family.sound_axis:
        raise MirageError(
            f"start: must be a video without sound for {kind.name}, which makes none; got one with sound. Take "
            "its video alone, by LTXVSeparateAVLatent."
        )
    if not isinstance(latents, Tensor) or latents.ndim != 4 or not latents.numel():
        raise MirageError(f"start: its sound must be latents of four axes; got {describe(latents)}.")
    if mask is None:
        return Sound(latents, torch.ones_like(latents))
    return Sound(latents, mask.expand_as(latents))


def _silence(path: LatentPath) -> Sound:
    """Empty latents of sound for a model that makes no video without, from ComfyUI's own node for them."""
    node = host_nodes.NODE_CLASS_MAPPINGS["EmptyMiniMaxH3LatentAV"]
    (latent,) = node.execute(width=32, height=32, length=len(path.video)).result
    _, sound = latent["samples"].unbind()
    return Sound(sound, torch.ones_like(sound))


def separated(latent: dict) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Of a LATENT: the video, its noise mask, sound, and its noise mask."""
    samples, mask = latent["samples"], latent.get("noise_mask")
    if not getattr(samples, "is_nested", False):
        return samples, mask, None, None
    video, sound = samples.unbind()
    if mask is not None and getattr(mask, "is_nested", False):
        return video, mask.unbind()[0], sound, mask.unbind()[1]
    return video, mask, sound, None
