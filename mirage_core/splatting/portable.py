"""The splat in plain torch operations, for any device.

One 64-bit key per point and cell, depth bits above point index, reduced with an atomic minimum: the nearest point wins
and equal depths go to the lower index, in whatever order the device runs. All views are taken together, the points in
tiles that stay in the cache of a CPU core.

With footprints every token's disk also reaches into the cells around its own. Hardly any disk changes anything: a token
is looked at more closely only if it is nearer than the farthest winner within its reach. Winners only ever come nearer,
so those found so far are enough to tell which tokens may matter.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import MIN_DEPTH, NO_POINT
from .projection import DISK_RADIUS, MAX_RADIUS, REACH_PENALTY, Views, project

TILE = {"cpu": 2**18}  # points x views that are worked on at a time; measured with benchmarks/readout.py
TILE_ELSEWHERE = 2**22  # 0.3 GB of working space, see below
BYTES_PER_PLACE = 72  # that a point of a tile takes in each view, with footprints
BYTES_PER_CELL = 240  # of each view: keys, and how far away their winners are
VIEWS = 32  # that are worked on at a time
WRITES = 2**20  # cells that disks are tried on at a time
REFRESHED = frozenset((0, *(2 * 4**k for k in range(16))))  # tiles after which the farthest winners are found anew
EMPTY = torch.iinfo(torch.int64).max
MAX_STEP = int(MAX_RADIUS + 0.5)  # cells that a disk can reach away from its own
# Conditions are added up as numbers instead of being combined as bools: on a CPU a mask that branches (where,
# masked_fill, comparisons) costs ten to forty times an addition. These weights put any violation beyond doubt.
OUTSIDE = 2.0**24  # per cell
BEHIND = 2.0**60  # per scene unit: the float32 next below MIN_DEPTH is 2^-34 away


def winning_points(xyz: Tensor, footprint: Tensor | None, views: Views) -> Tensor:
    """Return which point wins each cell: int64 ``(T, h, w)``, -1 where none lands.

    Args:
        xyz: ``(N, 3)`` world frame.
        footprint: ``(N,)`` world widths of the tokens; None = every point covers the one cell it falls into.
    """
    if len(views) > VIEWS:  # a tile of few points would know too little of what is near
        groups = (views[slice(first, first + VIEWS),] for first in range(0, len(views), VIEWS))
        return torch.cat([winning_points(xyz, footprint, group) for group in groups])
    T, (h, w) = len(views), views.size
    # (T, h w + 1): the last key of a view takes what misses it
    keys = torch.full((T, h * w + 1), EMPTY, dtype=torch.int64, device=xyz.device)
    columns = xyz.T.contiguous().T  # (N, 3), one run of memory per coordinate
    each = views[:, None]
    tile = max(1, TILE.get(xyz.device.type, TILE_ELSEWHERE) // T)
    found, farthest = [], None
    if footprint is not None and len(xyz) > tile:  # a first look at all places: most disks are then known to be hidden
        n = torch.arange(0, len(xyz), -(-len(xyz) // tile), device=xyz.device)
        u, v, z = project(columns[n], each)
        keys.scatter_reduce_(1, *_compete(*views.cells(u, v), z, n, views.size), "amin")
    for number, start in enumerate(range(0, len(xyz), tile)):
        u, v, z = project(columns[start : start + tile], each)  # (T, M)
        column, row = views.cells(u, v)
        n = torch.arange(start, start + u.shape[1], device=xyz.device)
        keys.scatter_reduce_(1, *_compete(column, row, z, n, views.size), "amin")
        if footprint is not None:
            if number in REFRESHED:
                farthest = _farthest_within_reach(keys, views.size)
            width = footprint[start : start + tile] * each.focal[2] / z.clamp(min=MIN_DEPTH)
            found.append(_reaching(u, v, z, column, row, width, start, views.size, farthest))
    if found:
        view, column, row, *rest = (torch.cat(parts) for parts in zip(*found, strict=True))
        _write_disks(keys, views, _farthest_within_reach(keys, views.size), view, column, row, *rest)
    keys = keys[:, :-1].reshape(T, h, w)
    return torch.where(keys == EMPTY, NO_POINT, keys & 0xFFFFFFFF)


def working_bytes(points: int, views: int, size: tuple[int, int]) -> int:
    """Bytes that ``winning_points`` takes on a GPU, about, beside its arguments."""
    together = min(views, VIEWS)
    tile = min(points * together, max(TILE_ELSEWHERE, together))
    return BYTES_PER_PLACE * tile + BYTES_PER_CELL * views * size[0] * size[1]


def _reaching(u, v, z, column, row, width, start: int, size: tuple[int, int], farthest: Tensor) -> tuple[Tensor, ...]:
    """Find the points whose disk may win a cell around their own.

    Args:
        u, v, z, column, row, width: ``(T, M)``, in cells and scene units; width of the token, in cells.
        start: index of the first point.

    Returns:
        View, column, row, u, v, pushed back depth, radius of the disk and point index: ``(S,)``, in cells.
    """
    h, w = size
    radius = (width * DISK_RADIUS).clamp(max=MAX_RADIUS)
    pushed = z * REACH_PENALTY
    near_column, near_row = column.clamp(-MAX_STEP, w - 1 + MAX_STEP), row.clamp(-MAX_STEP, h - 1 + MAX_STEP)
    view = torch.arange(len(z), device=z.device)[:, None]
    gain = farthest.take(_place(view, near_column, near_row, radius, size)) - pushed
    # a finite number and infinity, against 0 or at least 2^24: clamped, so that nothing outside passes
    useful = gain.clamp(max=1.0) >= _violation(column, near_column, row, near_row, z)
    chosen = useful.flatten().nonzero().squeeze(1)  # int64 (S,)
    picked = (x.flatten()[chosen] for x in (column, row, u, v, pushed, radius))
    return chosen // z.shape[1], *picked, chosen % z.shape[1] + start


def _place(view: Tensor, column: Tensor, row: Tensor, radius: Tensor, size: tuple[int, int]) -> Tensor:
    """Where in the flattened ``farthest`` the reach of a disk stands: int64; the arguments broadcast.

    Args:
        view: int64, which of the T.
        column, row: of the point's cell, floats, at most ``MAX_STEP`` outside of the grid.
        radius: of the disk, cells.
        size: ``(h, w)``.
    """
    step = (radius + 0.5).floor().clamp(min=1.0)  # how many cells away the disk can reach
    padded_h, padded_w = (n + 2 * MAX_STEP for n in size)
    cell = (row + MAX_STEP) * padded_w + (column + MAX_STEP)
    return (cell * MAX_STEP + (step - 1.0)).long() + view * (padded_h * padded_w * MAX_STEP)


def _farthest_within_reach(keys: Tensor, size: tuple[int, int]) -> Tensor:
    """Depth of the farthest winner within 1, 2, ... cells of each cell, infinite if one of them has no winner.

    Args:
        keys: int64 ``(T, h w + 1)``, see ``winning_points``.
        size: ``(h, w)``.

    Returns:
        ``(T, h', w', MAX_STEP)`` scene units, the grid padded by ``MAX_STEP`` on all sides.
    """
    depth = (keys[:, :-1] >> 32).to(torch.int32).view(torch.float32)  # NaN where no point landed
    depth = depth.nan_to_num(torch.inf).view(-1, *size)
    reached = [F.pad(depth, (MAX_STEP,) * 4, value=-1.0)]
    for _ in range(MAX_STEP):
        wider = F.pad(reached[-1], (1, 1, 1, 1), value=-1.0)
        rows = torch.maximum(torch.maximum(wider[:, :-2], wider[:, 1:-1]), wider[:, 2:])
        reached.append(torch.maximum(torch.maximum(rows[:, :, :-2], rows[:, :, 1:-1]), rows[:, :, 2:]))
    return torch.stack(reached[1:], dim=-1)


def _write_disks(keys: Tensor, views: Views, farthest: Tensor, view, column, row, u, v, pushed, radius, n) -> None:
    """Write disks into the cells around their own: ``keys`` int64 ``(T, h w + 1)`` changes in place.

    Args:
        farthest: as ``_farthest_within_reach`` returns it.
        view, column, row, u, v, pushed, radius, n: ``(S,)`` each, as ``_reaching`` returns them.
    """
    off_u, off_v = u - (column + views.anchor), v - (row + views.anchor)  # where in its cell the point fell
    useful = torch.maximum(off_u.abs(), off_v.abs()) + radius >= 1.0
    useful &= pushed <= farthest.take(_place(view, column, row, radius, views.size))
    kept = useful.nonzero().squeeze(1)
    view, column, row, pushed, n, off_u, off_v, radius = (
        x[kept] for x in (view, column, row, pushed, n, off_u, off_v, radius)
    )
    # 0: smaller than a cell, and so reaches only towards the sides of the cell that it is nearest to
    reach = torch.where(radius < 1.0, 0.0, (radius + 0.5).floor())
    for steps in range(MAX_STEP + 1):
        group = (reach == steps).nonzero().squeeze(1)
        cells = 3 if steps == 0 else (2 * steps + 1) ** 2 - 1
        for some in group.split(max(1, WRITES // cells)):
            right, down = _around(steps, off_u[some], off_v[some])  # (S, cells) both
            du, dv = right - off_u[some, None], down - off_v[some, None]
            s, k = (du * du + dv * dv <= (radius[some] * radius[some])[:, None]).nonzero().unbind(1)
            hit = some[s]
            cell, key = _compete(column[hit] + right[s, k], row[hit] + down[s, k], pushed[hit], n[hit], views.size)
            keys.view(-1).scatter_reduce_(0, cell + view[hit] * keys.shape[1], key, "amin")


def _around(steps: int, off_u: Tensor, off_v: Tensor) -> tuple[Tensor, Tensor]:
    """Cells around a point's own that a disk may reach, as steps to the right and down: ``(S, cells)`` both.

    Args:
        steps: how many cells away the disk can reach, 0 = only to the sides that the point is nearest to.
        off_u, off_v: ``(S,)`` where in its cell the point fell, cells from where the token stands.
    """
    if steps == 0:
        toward_u, toward_v = (torch.where(x < 0, -1.0, 1.0) for x in (off_u, off_v))
        still = torch.zeros_like(toward_u)
        return torch.stack([toward_u, still, toward_u], dim=1), torch.stack([still, toward_v, toward_v], dim=1)
    line = torch.arange(-steps, steps + 1, device=off_u.device, dtype=off_u.dtype)
    right, down = (x.flatten() for x in torch.meshgrid(line, line, indexing="xy"))
    others = (right != 0) | (down != 0)
    return right[others].expand(len(off_u), -1), down[others].expand(len(off_u), -1)


def _compete(column: Tensor, row: Tensor, z: Tensor, n: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """For which cell of its view a point competes, the spare one if outside or behind, and with which key: int64."""
    h, w = size
    near_column, near_row = column.clamp(0, w - 1), row.clamp(0, h - 1)
    cell = near_row * w + near_column + _violation(column, near_column, row, near_row, z)
    # the bits of a positive float32 sort like the float; the low word breaks ties by index
    key = z.view(torch.int32).long()
    key <<= 32
    key |= n
    return cell.clamp(max=h * w).long(), key


def _violation(column: Tensor, near_column: Tensor, row: Tensor, near_row: Tensor, z: Tensor) -> Tensor:
    """0 for a point at a cell and depth that count, else at least 2^24; the near ones are the nearest that do."""
    away = (column - near_column).abs() + (row - near_row).abs()
    return away * OUTSIDE + (MIN_DEPTH - z).clamp(min=0.0) * BEHIND
