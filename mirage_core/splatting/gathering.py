"""What the winning points carry, in plain torch operations."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor

from ..conventions import NO_POINT
from ..points import PointBlock
from .projection import Views, project


class Gathered(NamedTuple):
    """Values of the winning points, 0 where there is none; as in ``Readout``."""

    latents: Tensor  # (T, C, h, w), the blocks' dtype
    depth: Tensor  # (T, h, w) scene units
    offset: Tensor  # (T, 2, h, w) cells to the right and down from where the token stands
    scale: Tensor  # (T, h, w) width of the token in the view, cells


def gather(blocks: Sequence[PointBlock], xyz: Tensor, footprint: Tensor, point: Tensor, views: Views) -> Gathered:
    """Read the points that won.

    Args:
        blocks: not empty, in order; they may lie on another device than all else, and are read there.
        xyz: ``(N, 3)`` of all their points, world frame, scene units.
        footprint: ``(N,)`` world widths of the tokens, scene units.
        point: int64 ``(T, h, w)`` which of the N won, -1 = none.
        views: the T views, on the device of ``xyz``.
    """
    T, h, w = point.shape
    cell = (point != NO_POINT).flatten().nonzero().squeeze(1)  # int64 (M,) of the T h w cells
    winner = point.flatten()[cell]  # int64 (M,)
    seen_from = views[cell // (h * w),]
    u, v, z = project(xyz[winner], seen_from)  # (M,) each: cells, cells, scene units
    offset = torch.stack([u - (cell % w + views.anchor), v - (cell // w % h + views.anchor)], dim=1)
    tokens = _tokens(blocks, winner.to(blocks[0].xyz.device)).to(xyz.device)

    def spread(values: Tensor) -> Tensor:
        """Values of the winners ``(M, ...)`` over all cells ``(T h w, ...)``, 0 where there is none."""
        return values.new_zeros(T * h * w, *values.shape[1:]).index_copy_(0, cell, values)

    return Gathered(
        latents=rearrange(spread(tokens), "(t h w) c -> t c h w", t=T, h=h, w=w).contiguous(),
        depth=spread(z).view(T, h, w),
        offset=rearrange(spread(offset), "(t h w) xy -> t xy h w", t=T, h=h, w=w).contiguous(),
        scale=spread(footprint[winner] * seen_from.focal[2] / z).view(T, h, w),
    )


def _tokens(blocks: Sequence[PointBlock], winner: Tensor) -> Tensor:
    """Latent values ``(M, C)`` of the points ``winner`` (int64 ``(M,)``), touching only the blocks they lie in.

    Of blocks that keep them differently: in a dtype that is wide enough for all.
    """
    if len(blocks) == 1:
        return blocks[0].tokens(winner)
    winner, order = winner.sort()
    ends = torch.tensor([len(block) for block in blocks]).cumsum(0)
    stops = torch.searchsorted(winner, ends.to(winner.device)).tolist()  # of each block among the winners
    one_of_each = {block.features.dtype: block for block in blocks}.values()
    dtype = reduce(torch.promote_types, (block.tokens(slice(0, 0)).dtype for block in one_of_each))
    tokens = torch.empty(len(winner), blocks[0].features.shape[1], dtype=dtype, device=winner.device)
    first = 0  # index of a block's first point
    for block, start, stop, end in zip(blocks, [0, *stops], stops, ends.tolist(), strict=False):
        if stop > start:
            tokens[order[start:stop]] = block.tokens(winner[start:stop] - first).to(tokens.dtype)
        first = end
    return tokens
