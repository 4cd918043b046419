"""Blocks: cutting points so that neighbours in space lie together, and keeping one point per voxel.

A readout skips whole blocks that no view can see, so a block should be small in space and not too small in number.
Locked points are set aside before others are chosen from, and stay.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .devices import working_device
from .errors import MirageError
from .points import PointBlock
from .values import derived

BLOCK_POINTS = 4096
VOXEL_BITS = 20  # per axis: three of them and a sign fit into an int64
FEW_POINTS = BLOCK_POINTS // 2  # a block of fewer is joined with its neighbours
FEW_BLOCKS = 16  # as soon as so many of them follow each other: a point is copied once or twice, not at every insert
CUT_BITS = 10  # per axis: a block is cut from cells of a thousandth of the points' extent
SEARCH_STEPS = 24  # of bisection: the voxel size is then known to better than a millionth of the scene


def appended(blocks: Sequence[PointBlock], new: PointBlock) -> tuple[PointBlock, ...]:
    """Add points behind some blocks.

    Many points are cut along a Morton curve. Few are kept as they come, and many such blocks in a row are joined in the
    order in which they came: what was seen one after the other lies together.
    """
    if len(new) == 0:
        return tuple(blocks)
    if len(new) > BLOCK_POINTS:
        return (*blocks, *cut(new))
    blocks = (*blocks, derived(new, source=None))
    tail = blocks[-FEW_BLOCKS:]
    if len(tail) < FEW_BLOCKS or any(len(block) >= FEW_POINTS or block.store != new.store for block in tail):
        return blocks
    return (*blocks[:-FEW_BLOCKS], *_runs(PointBlock.concatenated(tail)))


def cut(points: PointBlock) -> tuple[PointBlock, ...]:
    """All points in blocks along a Morton curve; within a block they stay in the order in which they came."""
    xyz = points.xyz.to(working_device(points.device)).double()
    lowest = xyz.amin(dim=0)
    extent = float((xyz - lowest).max())
    cells = (xyz - lowest) * ((2**CUT_BITS - 1) / max(extent, 2.0**-60))
    order = torch.argsort(_morton(cells.long(), CUT_BITS), stable=True)  # int64 (N,)
    return tuple(points[mine.sort().values.to(points.device)] for mine in order.split(BLOCK_POINTS))


def _runs(points: PointBlock) -> tuple[PointBlock, ...]:
    return tuple(points[start : start + BLOCK_POINTS] for start in range(0, len(points), BLOCK_POINTS))


def compacted(points: PointBlock, voxel: float) -> tuple[PointBlock, ...]:
    """Keep the finest point of each voxel (smallest footprint, then lowest index), in Morton order, cut into blocks.

    It grows to the area of all points that it stands for, at most to the width of the voxel: detail goes, but the
    surface stays closed. Locked points come first, each of them once, however wide the voxel.

    Raises:
        MirageError: the voxel is so small that the scene would need more than 2^20 of them along an axis.
    """
    if points.locked is not None:
        locked, free = _parted(points)
        return (*cut(locked), *(compacted(free, voxel) if len(free) else ()))
    device = points.device
    points = points.to(working_device(device))
    code = _morton(_voxels(points.xyz, voxel), VOXEL_BITS)  # int64 (N,)
    order = torch.argsort(points.footprint, stable=True)  # finest first, then lowest index
    order = order[torch.argsort(code[order], stable=True)]
    sorted_code = code[order]
    first = torch.ones_like(sorted_code, dtype=torch.bool)
    first[1:] = sorted_code[1:] != sorted_code[:-1]
    kept = points[order[first]]
    voxel_of = first.cumsum(0) - 1  # int64 (N,) which of the kept points each stands behind
    area = torch.zeros_like(kept.footprint).index_add_(0, voxel_of, points.footprint[order].square())
    kept = derived(kept, footprint=area.sqrt().clamp(max=voxel).maximum(kept.footprint))
    return _runs(kept.to(device))


def pruned(points: PointBlock, max_bytes: int) -> tuple[PointBlock, ...]:
    """The finest ``compacted`` whose points fit into ``max_bytes``, found by bisection of the voxel size.

    Raises:
        MirageError: not even one point fits.
    """
    if points.locked is not None:
        check_locked_fit([points], max_bytes)
        locked, free = _parted(points)
        left = max_bytes - locked.nbytes
        return (*cut(locked), *(_runs(free) if free.nbytes <= left else pruned(free, left)))
    per_point = points[:1].nbytes
    allowed = max_bytes // per_point
    if allowed < 1:
        raise MirageError(
            f"budget (in Python max_bytes): must hold at least one point, {per_point} bytes or "
            f"{per_point / 2**20:.2g} MiB; got {max_bytes} bytes."
        )
    xyz = points.xyz.to(working_device(points.device))
    extent = float((xyz.amax(dim=0) - xyz.amin(dim=0)).max())
    small, large = extent * 2.0**-VOXEL_BITS, 2.0 * extent + 1.0  # one voxel of the large size holds everything
    for _ in range(SEARCH_STEPS):
        middle = (small * large) ** 0.5 if small > 0 else large / 2
        fits = len(torch.unique(_voxels(xyz, middle), dim=0)) <= allowed
        small, large = (small, middle) if fits else (middle, large)
    return compacted(points, large)


def check_locked_fit(blocks: Sequence[PointBlock], max_bytes: int) -> None:
    """Raise MirageError unless all locked points of some blocks fit into a budget, and one more if there is one."""
    with_locks = [block for block in blocks if block.locked is not None]
    if not with_locks:
        return
    locked = sum(int(block.locked.sum()) for block in with_locks)
    more = locked < sum(len(block) for block in blocks)
    least = (locked + more) * (with_locks[0].nbytes // len(with_locks[0]))
    if least > max_bytes:
        raise MirageError(
            f"budget (in Python max_bytes): must hold the {locked:,} locked points{' and one more' if more else ''}, "
            f"{least} bytes or {least / 2**20:.2g} MiB; got {max_bytes} bytes. Unlock some of them, or set it higher."
        )


def _parted(points: PointBlock) -> tuple[PointBlock, PointBlock]:
    """The locked points, each of them once though two memories were merged that both had it; and all others."""
    locked = points[points.locked]
    here = locked.to(working_device(points.device))
    places = torch.cat([here.xyz.double(), here.frame.double()[:, None]], dim=1)  # (N, 4)
    groups, group = torch.unique(places, dim=0, return_inverse=True)
    number = torch.arange(len(here), device=here.device)
    first = number.new_full((len(groups),), len(here)).scatter_reduce_(0, group, number, "amin")[group]  # int64 (N,)
    again = (first != number) & (here.tokens() == here.tokens(first)).all(dim=1)
    return locked[~again], points[~points.locked]


def _voxels(xyz: Tensor, voxel: float) -> Tensor:
    """Voxel coordinates int64 ``(N, 3)``, from 0 at the lowest corner of the points."""
    cells = ((xyz.double() - xyz.amin(dim=0).double()) / voxel).floor().long()
    if int(cells.max()) >= 2**VOXEL_BITS:
        raise MirageError(
            f"voxel: must be at least {voxel * (int(cells.max()) + 1) / 2**VOXEL_BITS:.3g} scene units for a "
            f"scene of this extent; got {voxel:g}."
        )
    return cells


def _morton(cells: Tensor, bits: int) -> Tensor:
    """Interleave the lowest ``bits`` of int64 ``(N, 3)`` into int64 ``(N,)``."""
    code = torch.zeros_like(cells[:, 0])
    for bit in range(bits):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code
