"""The video's part of what is sampled.

ComfyUI samples video and sound as one row of numbers ``(B, 1, N)``, the video's first. Frames of guides, which LTX
takes behind those of the video, are sampled with them.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Shape = tuple[int, ...]  # (B, C, T', h, w) of the video in a row of numbers, frames of guides included


def packed_shape(conds: list[dict]) -> Shape | None:
    """The shape of the video in what is sampled, as ComfyUI notes it in prepared conditionings; None: as it is.

    Args:
        conds: those of a guider, positive or negative.
    """
    noted = [cond["model_conds"].get("latent_shapes") for cond in conds]
    return shape_of(next((value.cond for value in noted if value is not None), None))


def shape_of(shapes: Sequence[Shape] | None) -> Shape | None:
    """The shape of the video among ComfyUI's ``latent_shapes``; None: it is sampled alone, as it is."""
    return tuple(shapes[0]) if shapes and len(shapes) > 1 else None


def video_of(x: Tensor, frames: int, shape: Shape | None = None) -> Tensor:
    """The video ``(B, C, T, h, w)`` in what a sampler handles.

    Args:
        frames: T.
        shape: from ``packed_shape``.
    """
    return _whole(x, shape)[:, :, :frames]


def with_video(x: Tensor, video: Tensor, shape: Shape | None = None) -> Tensor:
    """``x`` with another video ``(B, C, T, h, w)`` in it."""
    whole = _whole(x, shape)
    whole = torch.cat([video, whole[:, :, video.shape[2] :]], dim=2)
    if shape is None:
        return whole
    return torch.cat([whole.reshape(len(x), 1, -1), x[..., whole[0].numel() :]], dim=-1)


def _whole(x: Tensor, shape: Shape | None) -> Tensor:
    return x if shape is None else x[..., : math.prod(shape[1:])].reshape(len(x), *shape[1:])
