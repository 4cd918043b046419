"""Making a memory smaller: one point per voxel, ordered and cut so that neighbours in space lie together."""

from dataclasses import replace

import torch
from torch import Tensor

from .errors import MirageError
from .points import PointBlock

BLOCK_POINTS = 4096
VOXEL_BITS = 20  # per axis: three of them and a sign fit into an int64
SEARCH_STEPS = 24  # of bisection: the voxel size is then known to better than a millionth of the scene


def compacted(points: PointBlock, voxel: float) -> tuple[PointBlock, ...]:
    """Keep the finest point of each voxel (smallest footprint, then lowest index), in Morton order, cut into blocks.

    It grows to the area of all points that it stands for, at most to the width of the voxel: detail goes, but the
    surface stays closed.

    Raises:
        MirageError: the voxel is so small that the scene would need more than 2^20 of them along an axis.
    """
    code = _morton(_voxels(points.xyz, voxel))  # int64 (N,)
    order = torch.argsort(points.footprint, stable=True)  # finest first, then lowest index
    order = order[torch.argsort(code[order], stable=True)]
    sorted_code = code[order]
    first = torch.ones_like(sorted_code, dtype=torch.bool)
    first[1:] = sorted_code[1:] != sorted_code[:-1]
    kept = points[order[first]]
    voxel_of = first.cumsum(0) - 1  # int64 (N,) which of the kept points each stands behind
    area = torch.zeros_like(kept.footprint).index_add_(0, voxel_of, points.footprint[order].square())
    kept = replace(kept, footprint=area.sqrt().clamp(max=voxel).maximum(kept.footprint))
    return tuple(kept[start : start + BLOCK_POINTS] for start in range(0, len(kept), BLOCK_POINTS))


def pruned(points: PointBlock, max_bytes: int) -> tuple[PointBlock, ...]:
    """The finest ``compacted`` whose points fit into ``max_bytes``, found by bisection of the voxel size."""
    per_point = points[:1].nbytes
    allowed = max_bytes // per_point
    if allowed < 1:
        raise MirageError(f"prune: max_bytes must hold at least one point of {per_point} bytes; got {max_bytes}.")
    extent = float((points.xyz.amax(dim=0) - points.xyz.amin(dim=0)).max())
    small, large = extent * 2.0**-VOXEL_BITS, 2.0 * extent + 1.0  # one voxel of the large size holds everything
    for _ in range(SEARCH_STEPS):
        middle = (small * large) ** 0.5 if small > 0 else large / 2
        fits = len(torch.unique(_voxels(points.xyz, middle), dim=0)) <= allowed
        small, large = (small, middle) if fits else (middle, large)
    return compacted(points, large)


def _voxels(xyz: Tensor, voxel: float) -> Tensor:
    """Voxel coordinates int64 ``(N, 3)``, from 0 at the lowest corner of the points."""
    cells = ((xyz.double() - xyz.amin(dim=0).double()) / voxel).floor().long()
    if int(cells.max()) >= 2**VOXEL_BITS:
        raise MirageError(
            f"compact: voxel must be at least {voxel * (int(cells.max()) + 1) / 2**VOXEL_BITS:.3g} scene units for a "
            f"scene of this extent; got {voxel:g}."
        )
    return cells


def _morton(cells: Tensor) -> Tensor:
    """Interleave the bits of int64 ``(N, 3)`` into int64 ``(N,)``."""
    code = torch.zeros_like(cells[:, 0])
    for bit in range(VOXEL_BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code
