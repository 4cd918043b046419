"""Reading the memory: splat it into the token grid of any camera."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from .cameras import Cameras
from .conventions import NO_POINT, TOKEN_ANCHORS
from .errors import MirageError, check_choice, check_size, describe
from .memory import LatentMemory
from .points import PointBlock
from .splatting import Views, backend_named, project


@dataclass(frozen=True, eq=False)
class Readout:
    """What T views see of a memory. Everything is 0 where ``known`` is False, but ``point``, which is -1.

    Attributes:
        latents: ``(T, C, h, w)`` tokens, in the dtype of the memory's features.
        known: bool ``(T, h, w)``.
        depth: ``(T, h, w)`` z-depth of the winning point, scene units.
        point: int64 ``(T, h, w)`` index of the winning point in the memory.
        offset: ``(T, 2, h, w)`` where the winning point fell, in tokens from the token's centre, right and down.
            Within 0.5, or beyond where another token's disk reached in.
        scale: ``(T, h, w)`` tokens that the winning token subtends: above 1 it is seen from nearer than when recorded.
    """

    latents: Tensor
    known: Tensor
    depth: Tensor
    point: Tensor
    offset: Tensor
    scale: Tensor

    @property
    def known_share(self) -> Tensor:
        """``(T,)`` share of each view's tokens that the memory knows."""
        return self.known.flatten(1).float().mean(dim=1)


def splat(
    memory: LatentMemory,
    cameras: Cameras,
    size: tuple[int, int],
    footprint: bool = True,
    token_anchor: str = "center",
    backend: str = "auto",
) -> Readout:
    """Splat a memory into the token grids of some cameras.

    The nearest depth wins a cell and equal depths go to the lower point index; the result does not depend on the
    order in which a device runs. With ``footprint`` a token also covers the cells whose centre lies in the disk it
    subtends (splatting/projection.py), which closes the gaps that single points leave.

    Args:
        size: ``(h, w)`` of the token grid.
        footprint: False = every point covers the one cell it falls into, as in the published code.
        token_anchor: "center", or "corner" for the published code's convention (conventions.py).
        backend: "auto", "portable" (any torch device) or "reference" (loops, for tests).

    Raises:
        MirageError: the memory is empty, the size is not positive, or an option is unknown.

    Source: arXiv 2606.09828, latent readout. Departs from the released code: a reduction of packed depth and index
    keys instead of sort and overwrite, and footprints.
    """
    if not isinstance(memory, LatentMemory):
        raise MirageError(f"splat: memory must be a LatentMemory; got {describe(memory)}.")
    if not isinstance(cameras, Cameras):
        raise MirageError(f"splat: cameras must be Cameras; got {describe(cameras)}.")
    size = check_size("splat", "size", size)
    check_choice("splat", "token_anchor", token_anchor, TOKEN_ANCHORS)
    winning_points = backend_named(backend)
    memory.require_points("splat")
    blocks = [block for block in memory.blocks if len(block)]
    xyz = torch.cat([block.xyz for block in blocks])
    widths = torch.cat([block.footprint for block in blocks])
    views = Views.of(cameras.to(xyz.device), size, token_anchor)
    point = winning_points(xyz, widths if footprint else None, views)
    return _read(blocks, xyz, widths, point, views)


def _read(blocks: Sequence[PointBlock], xyz: Tensor, widths: Tensor, point: Tensor, views: Views) -> Readout:
    """Gather what the winning points ``point`` (int64 ``(T, h, w)``) carry."""
    T, h, w = point.shape
    known = point != NO_POINT
    cell = known.flatten().nonzero().squeeze(1)  # int64 (M,) of the T h w cells
    winner = point.flatten()[cell]  # int64 (M,)
    seen_from = views[cell // (h * w),]
    u, v, z = project(xyz[winner], seen_from)
    offset = torch.stack([u - (cell % w + views.anchor), v - (cell // w % h + views.anchor)], dim=1)

    def spread(values: Tensor) -> Tensor:
        """Values of the winners ``(M, ...)`` over all cells ``(T h w, ...)``, 0 where there is none."""
        return values.new_zeros(T * h * w, *values.shape[1:]).index_copy_(0, cell, values)

    return Readout(
        latents=rearrange(spread(_features(blocks, winner)), "(t h w) c -> t c h w", t=T, h=h, w=w).contiguous(),
        known=known,
        depth=spread(z).view(T, h, w),
        point=point,
        offset=rearrange(spread(offset), "(t h w) xy -> t xy h w", t=T, h=h, w=w).contiguous(),
        scale=spread(widths[winner] * seen_from.focal[2] / z).view(T, h, w),
    )


def _features(blocks: Sequence[PointBlock], winner: Tensor) -> Tensor:
    """Features ``(M, C)`` of the points ``winner`` (int64 ``(M,)``), touching only the blocks they lie in."""
    if len(blocks) == 1:
        return blocks[0].features.index_select(0, winner)
    ends = torch.tensor([len(block) for block in blocks], device=winner.device).cumsum(0)
    owner = torch.searchsorted(ends, winner, right=True)  # int64 (M,)
    features = blocks[0].features.new_empty(len(winner), blocks[0].features.shape[1])
    for number in owner.unique().tolist():
        mine = owner == number
        block = blocks[number]
        features[mine] = block.features[winner[mine] - (ends[number] - len(block))].to(features.dtype)
    return features
