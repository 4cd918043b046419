"""The splat in plain torch operations, for any device.

One 64-bit key per point and cell, depth bits above point index, reduced with an atomic minimum: the nearest point wins
and equal depths go to the lower index, in whatever order the device runs. All views are taken together, the points in
tiles that stay in the cache of a CPU core.

With footprints a second pass lets every token's disk reach into the cells around its own. Hardly any disk changes
anything: a token is looked at more closely only if it is nearer than the farthest winner within its reach.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from ..conventions import MIN_DEPTH, NO_POINT
from .projection import DISK_RADIUS, MAX_RADIUS, REACH_PENALTY, Views, project

TILE = {"cpu": 2**17}  # points x views that are worked on at a time; measured with benchmarks/readout.py
TILE_ELSEWHERE = 2**25
EMPTY = torch.iinfo(torch.int64).max
MAX_STEP = int(MAX_RADIUS + 0.5)  # cells that a disk can reach away from its own
# Conditions are added up as numbers instead of being combined as bools: on a CPU a mask that branches (where,
# masked_fill, comparisons) costs ten to forty times an addition. These weights put any violation beyond doubt.
OUTSIDE = 2.0**24  # per cell
BEHIND = 2.0**40  # per scene unit: the smallest step of a float32 next to MIN_DEPTH is 2^-33


def winning_points(xyz: Tensor, footprint: Tensor | None, views: Views) -> Tensor:
    """Return which point wins each cell: int64 ``(T, h, w)``, -1 where none lands.

    Args:
        xyz: ``(N, 3)`` world frame.
        footprint: ``(N,)`` world widths of the tokens; None = every point covers the one cell it falls into.
    """
    T, (h, w) = len(views), views.size
    # (T, h w + 1): the last key of a view takes what misses it
    keys = torch.full((T, h * w + 1), EMPTY, dtype=torch.int64, device=xyz.device)
    columns = xyz.T.contiguous().T  # (N, 3), one run of memory per coordinate
    each = views[:, None]
    tile = max(1, TILE.get(xyz.device.type, TILE_ELSEWHERE) // T)
    starts = range(0, len(xyz), tile)
    for start in starts:
        _splat_points(keys, columns[start : start + tile], start, each)
    if footprint is not None and len(xyz):
        winner_depth = (keys[:, :-1] >> 32).to(torch.int32).view(torch.float32)  # NaN where no point landed
        farthest = _farthest_within_reach(winner_depth.nan_to_num(torch.inf).view(T, h, w))
        found = [_reaching(columns[a : a + tile], footprint[a : a + tile], a, each, farthest) for a in starts]
        *point, off_u, off_v, radius = (torch.cat(parts) for parts in zip(*found, strict=True))
        _write_disks(keys, (h, w), point, off_u, off_v, radius)
    keys = keys[:, :-1].reshape(T, h, w)
    return torch.where(keys == EMPTY, NO_POINT, keys & 0xFFFFFFFF)


def _splat_points(keys: Tensor, xyz: Tensor, start: int, views: Views) -> None:
    u, v, z = project(xyz, views)  # (T, N)
    column, row = views.cells(u, v)
    n = torch.arange(start, start + len(xyz), device=xyz.device)
    view = torch.arange(len(z), device=xyz.device)[:, None]
    _write(keys, view, column, row, z, n, views.size)


def _reaching(xyz: Tensor, footprint: Tensor, start: int, views: Views, farthest: Tensor) -> tuple[Tensor, ...]:
    """Find the points whose disk may win a cell around their own.

    Args:
        farthest: ``(T, h', w', MAX_STEP)`` from ``_farthest_within_reach``.

    Returns:
        View, column, row, pushed back depth and point index; then where in its cell the point fell, in columns and
        rows, and the radius of its disk. All ``(M,)``, in cells.
    """
    h, w = views.size
    u, v, z = project(xyz, views)  # (T, N)
    column, row = views.cells(u, v)
    off_u, off_v = u - (column + views.anchor), v - (row + views.anchor)
    radius = (footprint * views.focal[2] / z.clamp(min=MIN_DEPTH) * DISK_RADIUS).clamp(max=MAX_RADIUS)
    pushed = z * REACH_PENALTY
    near_column, near_row = column.clamp(-MAX_STEP, w - 1 + MAX_STEP), row.clamp(-MAX_STEP, h - 1 + MAX_STEP)
    violation = _violation(column, near_column, row, near_row, z)
    step = (radius + 0.5).floor().clamp(min=1.0)  # how many cells away the disk can reach
    place = (near_row + MAX_STEP) * (w + 2 * MAX_STEP) + (near_column + MAX_STEP)
    view = torch.arange(len(z), device=z.device)[:, None]
    place = (place * MAX_STEP + (step - 1)).long() + view * farthest[0].numel()
    gain = torch.minimum(torch.maximum(off_u.abs(), off_v.abs()) + radius - 1.0, farthest.take(place) - pushed)
    chosen = (gain >= violation).flatten().nonzero().squeeze(1)  # int64 (M,); gain is at most MAX_RADIUS
    column, row, pushed, off_u, off_v, radius = (
        x.flatten()[chosen] for x in (column, row, pushed, off_u, off_v, radius)
    )
    return chosen // len(xyz), column, row, pushed, chosen % len(xyz) + start, off_u, off_v, radius


def _farthest_within_reach(winner_depth: Tensor) -> Tensor:
    """Depth of the farthest winner within 1, 2, ... cells of each cell, the grid padded by ``MAX_STEP`` on all sides.

    Args:
        winner_depth: ``(T, h, w)`` scene units, infinite where no point landed.

    Returns:
        ``(T, h', w', MAX_STEP)``.
    """
    reached = [F.pad(winner_depth, (MAX_STEP,) * 4, value=-1.0).unsqueeze(1)]
    for _ in range(MAX_STEP):
        reached.append(F.max_pool2d(reached[-1], 3, stride=1, padding=1))
    return torch.cat(reached[1:], dim=1).movedim(1, -1).contiguous()


def _write_disks(keys: Tensor, size: tuple[int, int], point: list[Tensor], off_u, off_v, radius) -> None:
    """Write disks, as ``_reaching`` found them, into the cells around their own."""
    limit = radius * radius
    small = (radius < 1.0).nonzero().squeeze(1)  # reaches only towards the sides of the cell that it is nearest to
    if len(small):
        toward_u, toward_v = (torch.where(x[small] < 0, -1.0, 1.0) for x in (off_u, off_v))
        still = torch.zeros_like(toward_u)
        for right, down in ((toward_u, still), (still, toward_v), (toward_u, toward_v)):
            _write_where_hit(keys, size, point, small, right, down, off_u, off_v, limit)
    for reach in range(1, MAX_STEP + 1):
        some = ((radius >= 1.0) & ((radius + 0.5).floor() == reach)).nonzero().squeeze(1)
        for down, right in itertools.product(range(-reach, reach + 1), repeat=2):
            if len(some) and (down, right) != (0, 0):
                _write_where_hit(keys, size, point, some, right, down, off_u, off_v, limit)


def _write_where_hit(keys, size, point, some, right, down, off_u, off_v, limit) -> None:
    """Let the points ``some``, int64 ``(S,)``, compete for the cell ``right`` and ``down`` of theirs, if in reach."""
    du, dv = right - off_u[some], down - off_v[some]
    hit = (du * du + dv * dv <= limit[some]).nonzero().squeeze(1)
    if len(hit):
        view, column, row, z, n = (x[some[hit]] for x in point)
        right, down = (x[hit] if isinstance(x, Tensor) else x for x in (right, down))
        _write(keys, view, column + right, row + down, z, n, size)


def _write(keys: Tensor, view: Tensor, column: Tensor, row: Tensor, z: Tensor, n: Tensor, size: tuple[int, int]):
    """Let points compete for cells; those outside the grid or behind the camera go to the view's spare key."""
    h, w = size
    near_column, near_row = column.clamp(0, w - 1), row.clamp(0, h - 1)
    cell = near_row * w + near_column + _violation(column, near_column, row, near_row, z)
    place = cell.clamp(max=h * w).long() + view * (h * w + 1)
    # the bits of a positive float32 sort like the float; the low word breaks ties by index
    key = (z.view(torch.int32).long() << 32) | n
    keys.view(-1).scatter_reduce_(0, place.flatten(), key.flatten(), "amin")


def _violation(column: Tensor, near_column: Tensor, row: Tensor, near_row: Tensor, z: Tensor) -> Tensor:
    """0 for a point at a cell and depth that count, else at least 64; the near ones are the nearest that do."""
    away = (column - near_column).abs() + (row - near_row).abs()
    return away * OUTSIDE + (MIN_DEPTH - z).clamp(min=0.0) * BEHIND
