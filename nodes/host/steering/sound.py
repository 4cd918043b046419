"""Latents of sound that are sampled with a video."""

from collections.abc import Sequence
from dataclasses import dataclass

import comfy.model_management
import torch
from comfy.nested_tensor import NestedTensor
from torch import Tensor

import nodes as host_nodes  # ComfyUI's own module of that name

from ....mirage_core import LatentPath, MirageError
from ....mirage_core.chunks import Chunk
from ....mirage_core.errors import describe
from .models import ModelKind


@dataclass(frozen=True, eq=False)
class Sound:
    """Latents of sound, their noise mask in the same shape, 1 = to be made, and which of their axes is time."""

    latents: Tensor
    mask: Tensor
    axis: int

    def part(self, chunk: Chunk, frames: int, made: Sequence[Tensor]) -> tuple["Sound", int]:
        """What is sampled with a chunk of a walk, and how much of its time the chunk before has made already.

        Args:
            frames: video frames of the whole walk, whose sound this is.
            made: what the chunks before added, ``(A, ...)`` time first.
        """
        first, start, stop = (self._at(frame, frames) for frame in (chunk.begin, chunk.start, chunk.stop))
        latents, mask = (value.movedim(self.axis, 0)[first:stop].clone() for value in (self.latents, self.mask))
        before = start - first if made else 0
        if before:
            latents[:before], mask[:before] = torch.cat(tuple(made))[first:start].to(latents), 0.0
        parts = (value.movedim(0, self.axis).contiguous() for value in (latents, mask))
        return Sound(*parts, self.axis), before

    def whole(self, made: Sequence[Tensor]) -> Tensor:
        """Latents of the sound of a walk, of what each chunk added to it."""
        return torch.cat(tuple(made)).movedim(0, self.axis).contiguous()

    def beside(self, video: Tensor, made: Sequence[Tensor]) -> NestedTensor:
        """A video and the sound of a walk as ComfyUI has them together."""
        return NestedTensor((video, self.whole(made)))

    def _at(self, frame: int, frames: int) -> int:
        """The sound latent that begins with a video frame."""
        return round(self.latents.shape[self.axis] * frame / frames)


def sound_of(latents: Tensor | None, mask: Tensor | None, kind: ModelKind, path: LatentPath) -> Sound | None:
    """The sound to be sampled with a video; None: the model makes none, or is asked for none.

    Args:
        latents: that are connected, with their noise mask.

    Raises:
        MirageError: the model makes no sound, or another one.
    """
    channels, axis = kind.family.sound_channels, kind.family.sound_axis
    if latents is None:
        if not kind.family.needs_sound:
            return None
        latents = _silence(path)
    if not channels:
        raise MirageError(
            f"sound: must not be given to {kind.name}, which makes none; got a latent with sound. Take the video "
            "alone, by LTXVSeparateAVLatent, or disconnect the sound."
        )
    fits = isinstance(latents, Tensor) and latents.ndim == 4 and latents.shape[1] == channels and latents.numel()
    if not fits:
        raise MirageError(
            f"sound: must be latents of {channels} channels and four axes, as {kind.name} makes them; got "
            f"{describe(latents)}. Make them with the node for empty sound of this model."
        )
    latents = latents.to(comfy.model_management.intermediate_device())
    return Sound(latents, torch.ones_like(latents) if mask is None else mask.to(latents).expand_as(latents), axis)


def _silence(path: LatentPath) -> Tensor:
    """Empty latents of sound for a model that makes no video without, from ComfyUI's own node for them."""
    node = host_nodes.NODE_CLASS_MAPPINGS["EmptyMiniMaxH3LatentAV"]
    (latent,) = node.execute(width=32, height=32, length=len(path.video)).result
    return latent["samples"].unbind()[1]


def separated(latent: dict) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None]:
    """Of a LATENT: the video, its noise mask, sound, and its noise mask."""
    samples, mask = latent["samples"], latent.get("noise_mask")
    if not getattr(samples, "is_nested", False):
        return samples, mask, None, None
    video, sound = samples.unbind()
    if mask is not None and getattr(mask, "is_nested", False):
        return video, mask.unbind()[0], sound, mask.unbind()[1]
    return video, mask, sound, None
