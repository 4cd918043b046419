"""Writing to the memory so that it grows with the scene, not with the number of frames.

A token of a new view is compared with what the memory shows in that view. It agrees if its depth lies between the
nearest and the farthest remembered depth in the cell and its eight neighbours, give or take a tolerance: surfaces that
recede within a token, as a floor does, must not be written again and again. It also agrees if any remembered point lies
in its cell at its depth, seen or hidden behind another: what was written once is not written again.

Locked points stay whatever is written, and no token is put where it agrees with what they alone show.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .cameras import Cameras
from .compaction import appended
from .conventions import MIN_DEPTH, NO_POINT
from .devices import placed, working_device
from .errors import MirageError, check_shape
from .geometry import depth_envelope
from .points import LiftSource, PointBlock
from .splatting import Views, backend_named, project, visible_blocks

AGREEMENT = 2.0**-4  # of depth: 6 %, above sensor noise and the spread within a token, below the gap to another object


def fill(
    blocks: Sequence[PointBlock], block: PointBlock, cameras: Cameras | None, shown: Tensor | None = None
) -> tuple[PointBlock, ...]:
    """Add the points of ``block`` that the memory does not explain yet, view after view.

    Args:
        shown: ``(T, h, w)`` depth that the cameras see of ``blocks``, 0 = none, if it is known already.
    """
    source = _source("fill", block, cameras)
    if len(block) == 0:
        return tuple(blocks)
    views = Views.of(cameras, source.size, source.token_anchor)
    near = [blocks[number] for number in visible_blocks(blocks, views)]
    here = block.to(working_device(block.device))
    views = views.to(here.device)
    xyz, footprint = (placed(column, here.device) for column in _joined((*near, block[:0])))  # of no blocks, too
    if shown is None:
        remembered = _depth_maps((xyz, footprint), views)  # (T, h, w), infinite where unknown
    else:
        check_shape("shown", shown, f"{(len(cameras), *source.size)}", (len(cameras), *source.size))
        remembered = torch.where(shown >= MIN_DEPTH, shown, torch.inf).to(here.device)
    kept = here.source.view.new_zeros(0)  # int64 (M,) points of block
    for t in range(len(cameras)):
        view = views[slice(t, t + 1),]
        mine = (here.source.view == t).nonzero().squeeze(1)
        fresh = here.xyz[kept]
        nearest = torch.minimum(remembered[t], _depth_maps((fresh, here.footprint[kept]), view)[0])
        explained = _explained(here.xyz[mine], nearest, view)
        explained |= _present(here.xyz[mine], torch.cat([xyz, fresh]), view)
        kept = torch.cat([kept, mine[~explained]])
    return appended(blocks, block[kept.to(block.device)])


def append(blocks: Sequence[PointBlock], block: PointBlock, cameras: Cameras | None = None) -> tuple[PointBlock, ...]:
    """Add all points of ``block``, but those that agree with locked ones.

    Args:
        cameras: the views it was lifted from; needed where a point is locked.
    """
    locked = _locked(blocks)
    if locked is None or len(block) == 0:
        return appended(blocks, block)
    source = _source("append and locked points", block, cameras)
    views = Views.of(cameras, source.size, source.token_anchor)
    return appended(blocks, block[~_agrees_with(locked, block, source, views)])


def refresh(blocks: Sequence[PointBlock], block: PointBlock, cameras: Cameras | None) -> tuple[PointBlock, ...]:
    """Add all points of ``block``, view after view, and remove older ones that they replace.

    A remembered point goes if it lies in a cell where the new view saw a token, and agrees with it in depth or lies in
    front of it. What lies behind is hidden, not gone. Locked points stay, and new ones that agree with them are left
    out.
    """
    source, locked = _source("refresh", block, cameras), _locked(blocks)
    views = Views.of(cameras, source.size, source.token_anchor)
    written = None if locked is None else ~_agrees_with(locked, block, source, views)
    kept = [old for old in blocks if len(old)]
    for t in range(len(cameras)):
        here = source.view == t
        mine = block[here]
        if len(mine):
            seen_from = views[slice(t, t + 1),]
            near, view = visible_blocks(kept, seen_from), seen_from.to(working_device(block.device))
            shown = _depth_maps((placed(mine.xyz, view.device), None), view)[0]
            for number in near:
                kept[number] = _without_replaced(kept[number], shown, view)
            mine = mine if written is None else block[here & written]
            kept = list(appended([old for old in kept if len(old)], mine))
    return tuple(kept)


def _locked(blocks: Sequence[PointBlock]) -> PointBlock | None:
    """The locked points, on the device of their blocks; None if there is none."""
    locked = [block[block.locked] for block in blocks if block.locked is not None]
    return PointBlock.concatenated(locked) if locked else None


def _agrees_with(locked: PointBlock, block: PointBlock, source: LiftSource, views: Views) -> Tensor:
    """Which points of ``block`` agree with what the locked ones, alone, show its views: bool ``(N,)``.

    Args:
        source: of ``block``; no two of its points of one view lie in one cell.
    """
    views = views.to(working_device(block.device))
    xyz, footprint, fresh = (placed(x, views.device) for x in (locked.xyz, locked.footprint, block.xyz))
    of_view, agrees = source.view.to(views.device), torch.zeros(len(fresh), dtype=torch.bool, device=views.device)
    shown = _depth_maps((xyz, footprint), views)  # (T, h, w), infinite where unknown
    for t in range(len(shown)):
        view, mine = views[slice(t, t + 1),], (of_view == t).nonzero().squeeze(1)
        agrees[mine] = _explained(fresh[mine], shown[t], view) | _present(fresh[mine], xyz, view)
    return agrees.to(block.device)


def _source(policy: str, block: PointBlock, cameras: Cameras | None) -> LiftSource:
    if cameras is None:
        raise MirageError(f"cameras: must be those the block was lifted from, with policy {policy}; got None.")
    if block.source is None:
        raise MirageError(
            f"points: must know their cells with policy {policy}, as lifted ones do (in Python by lift); these do not. "
            "Lift the latents again, or set policy to append."
        )
    last = int(block.source.view.max()) if len(block) else 0
    if last >= len(cameras):
        raise MirageError(
            f"cameras: must be the views the block was lifted from, at least {last + 1}; got {len(cameras)}."
        )
    return block.source


def _joined(blocks: Sequence[PointBlock]) -> tuple[Tensor, Tensor]:
    """World positions ``(N, 3)`` and footprints ``(N,)`` of all points, scene units."""
    return torch.cat([b.xyz for b in blocks]), torch.cat([b.footprint for b in blocks])


def _depth_maps(points: tuple[Tensor, Tensor | None], views: Views) -> Tensor:
    """Depth ``(T, h, w)`` of what the views see of some points, scene units, infinite where nothing.

    Args:
        points: world positions ``(N, 3)``, and footprints ``(N,)`` or None, as ``winning_points`` takes them.
    """
    xyz, footprint = points
    winner = backend_named("auto", xyz.device).winning_points(xyz, footprint, views)
    known = winner != NO_POINT
    view = known.nonzero()[:, 0]
    depth = torch.full(winner.shape, torch.inf, device=winner.device)
    depth[known] = project(xyz[winner[known]], views[view,])[2]
    return depth


def _explained(xyz: Tensor, shown: Tensor, view: Views) -> Tensor:
    """Whether world points ``(M, 3)`` agree with the depth map ``shown`` ``(h, w)`` of one view: bool ``(M,)``.

    Args:
        shown: scene units, infinite = nothing.
    """
    column, row, z, inside = _places(xyz, view)
    near, far = depth_envelope(shown)
    agrees = (z >= near[row, column] * (1 - AGREEMENT)) & (z <= far[row, column] * (1 + AGREEMENT))
    return inside & shown[row, column].isfinite() & agrees


def _present(xyz: Tensor, others: Tensor, view: Views) -> Tensor:
    """Whether any of ``others`` lies in the cell of a point, at its depth: bool ``(M,)``.

    Args:
        xyz: ``(M, 3)`` world frame, no two in one cell.
        others: ``(N, 3)`` world frame.
    """
    h, w = view.size
    column, row, z, inside = _places(xyz, view)
    wanted = torch.zeros(h, w, device=z.device)  # 0 = no point here
    wanted[row[inside], column[inside]] = z[inside]
    other_column, other_row, other_z, other_inside = _places(others, view)
    there = wanted[other_row, other_column]
    same = other_inside & ((other_z - there).abs() <= AGREEMENT * there)
    found = torch.zeros(h, w, dtype=torch.bool, device=z.device)
    found[other_row[same], other_column[same]] = True
    return inside & found[row, column]


def _without_replaced(old: PointBlock, shown: Tensor, view: Views) -> PointBlock:
    """A block without what lies at or in front of the depth ``shown`` ``(h, w)``, infinite = nothing new, unlocked."""
    column, row, z, inside = _places(placed(old.xyz, view.device), view)
    limit = torch.where(shown.isfinite(), shown * (1 + AGREEMENT), 0.0)  # (h, w), 0 = nothing new here
    replaced = (inside & (z <= limit[row, column])).to(old.device)
    if old.locked is not None:
        replaced &= ~old.locked
    return old[~replaced] if bool(replaced.any()) else old


def _places(xyz: Tensor, view: Views) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Column, row (int64, 0 where outside) and depth of world points ``(M, 3)``, and which lie inside: all ``(M,)``."""
    h, w = view.size
    u, v, z = project(xyz, view)
    column, row = view.cells(u, v)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h) & (z >= MIN_DEPTH)
    column, row = (torch.where(inside, x, 0.0).long() for x in (column, row))
    return column, row, z, inside
