"""Which past views see what the next ones will see: overlap of voxel sets.

Source: arXiv 2606.09828 and its released code (0.1 unit voxels, at most 4 references of IoU 0.04 or more, best first).
Departs from it in ``seen_voxels``: a view's set holds the voxels of the points that it shows, not of all those in its
field of view, as ``voxels_in_view`` finds them. Views of two sides of a wall share nothing, and no set holds more
voxels than the view has tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .cameras import Cameras
from .conventions import MIN_DEPTH, NO_POINT
from .devices import working_device
from .errors import MirageError, check_number
from .memory import LatentMemory
from .readout import Readout
from .splatting import Views, project

VOXEL = 0.1  # scene units
MIN_OVERLAP = 0.04  # IoU
MAX_REFERENCES = 4
AXIS_BITS = 20  # of a voxel number along each axis and side: 2^20 voxels of 0.1 units are 105 km
VIEWS_AT_ONCE = 8  # bounds the memory that a projection takes


@dataclass(frozen=True)
class Reference:
    """A past view that shares places with the views asked for."""

    position: int  # in the list that was searched
    overlap: float  # IoU of voxels


def seen_voxels(memory: LatentMemory, readout: Readout, voxel: float = VOXEL) -> tuple[Tensor, ...]:
    """The voxels of the points that win a token in each view: sorted int64 ``(M_t,)``, one tensor per view.

    Args:
        readout: of this memory.
        voxel: edge length, scene units.

    Raises:
        MirageError: the memory is empty, or lies farther than 2^20 voxels from the origin.
    """
    xyz = _positions(memory, voxel)
    points = readout.point.to(xyz.device)  # int64 (T, h, w)
    return tuple(torch.unique(_numbered(xyz[view[view != NO_POINT]], voxel)) for view in points)


def voxels_in_view(memory: LatentMemory, cameras: Cameras, voxel: float = VOXEL) -> tuple[Tensor, ...]:
    """The voxels of all points in each camera's field of view, hidden ones too, as in the released code.

    Arguments, result and errors as of ``seen_voxels``.
    """
    xyz = _positions(memory, voxel)
    numbers, place = torch.unique(_numbered(xyz, voxel), return_inverse=True)  # int64 (M,) sorted, (N,)
    views = Views.of(cameras, (1, 1), "center").to(xyz.device)
    sets = []
    for first in range(0, len(cameras), VIEWS_AT_ONCE):
        u, v, z = project(xyz, views[slice(first, first + VIEWS_AT_ONCE), None])  # (t, N) each
        for inside in (z >= MIN_DEPTH) & (u >= 0) & (u < 1) & (v >= 0) & (v < 1):
            seen = torch.zeros_like(numbers, dtype=torch.bool)
            seen[place[inside]] = True
            sets.append(numbers[seen])
    return tuple(sets)


def joined(sets: Sequence[Tensor]) -> Tensor:
    """The union of voxel sets, sorted int64 ``(M,)``."""
    return torch.unique(torch.cat(list(sets)))


def overlaps(target: Tensor, sets: Sequence[Tensor]) -> Tensor:
    """IoU of one voxel set with each of K others: float64 ``(K,)``; 0 where both are empty.

    Args:
        target: sorted int64 ``(M,)``.
        sets: sorted int64 ``(M_k,)`` each.
    """
    if not sets:
        return torch.zeros(0, dtype=torch.float64)
    sizes = torch.tensor([len(one) for one in sets])
    every = torch.cat([one.to(target.device) for one in sets])
    shared = torch.zeros(len(every), dtype=torch.float64)
    if len(target) and len(every):
        at = torch.searchsorted(target, every).clamp(max=len(target) - 1)
        shared = (target[at] == every).cpu().double()
    owner = torch.repeat_interleave(torch.arange(len(sets)), sizes)
    both = torch.zeros(len(sets), dtype=torch.float64).index_add_(0, owner, shared)
    return both / (sizes + len(target) - both).clamp(min=1)


def pick_references(
    target: Tensor, sets: Sequence[Tensor], most: int = MAX_REFERENCES, least_overlap: float = MIN_OVERLAP
) -> tuple[Reference, ...]:
    """The past views that share most with the target, best first; of equals the earlier one.

    Args:
        target: union of what the views to be made see, sorted int64 ``(M,)``.
        sets: what each past view saw.
        most: how many at most; 0 = none.
        least_overlap: IoU below which a view is no reference.
    """
    if not isinstance(most, int) or most < 0:
        raise MirageError(f"most: must be a whole number of at least 0; got {most!r}.")
    shares = overlaps(target, sets)
    order = torch.argsort(shares, descending=True, stable=True).tolist()
    found = [Reference(position, float(shares[position])) for position in order[:most]]
    return tuple(reference for reference in found if reference.overlap >= least_overlap)


def _positions(memory: LatentMemory, voxel: float) -> Tensor:
    """All points ``(N, 3)``, on a device that can number voxels."""
    memory.require_points()
    check_number("voxel", voxel, above=0.0)
    return torch.cat([block.xyz for block in memory.blocks]).to(working_device(memory.device))


def _numbered(xyz: Tensor, voxel: float) -> Tensor:
    """One number per voxel, int64 ``(N,)``, for points ``(N, 3)``; the same in every memory of one voxel size."""
    cells = torch.floor(xyz / voxel).long()
    limit = 2**AXIS_BITS
    if len(cells) and int(cells.abs().max()) >= limit:
        raise MirageError(
            f"voxel: must be at least {float(xyz.abs().max()) / limit:.3g} scene units for points that far "
            f"from the origin; got {voxel:g}."
        )
    cells += limit
    return (cells[:, 0] << (2 * AXIS_BITS + 2)) | (cells[:, 1] << (AXIS_BITS + 1)) | cells[:, 2]
