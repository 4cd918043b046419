"""The splat as a loop over points: the definition that every backend must equal. Far too slow to use.

Arithmetic is numpy float32, one rounding per operation, in the order that projection.py states.
"""

import numpy as np
import torch
from torch import Tensor

from ..conventions import MIN_DEPTH, NO_POINT
from .projection import DISK_RADIUS, MAX_RADIUS, REACH_PENALTY, Views

ONE = np.float32(1.0)


def winning_points(xyz: Tensor, footprint: Tensor | None, views: Views) -> Tensor:
    """Return which point wins each cell: int64 ``(T, h, w)``, -1 where none lands.

    Args:
        xyz: ``(N, 3)`` world frame.
        footprint: ``(N,)`` world widths of the tokens; None = every point covers the one cell it falls into.
    """
    h, w = views.size
    points = torch.full((len(views), h, w), NO_POINT, dtype=torch.int64)
    widths = [None] * len(xyz) if footprint is None else footprint.cpu().numpy()
    for t in range(len(views)):
        nearest = {}  # (row, column) -> (depth it competes with, point)
        for n, (position, width) in enumerate(zip(xyz.cpu().numpy(), widths, strict=True)):
            for cell, depth in _covered_cells(position, width, views, t):
                nearest[cell] = min(nearest.get(cell, (np.inf, n)), (depth, n))
        for (row, column), (_, n) in nearest.items():
            points[t, row, column] = n
    return points.to(xyz.device)


def working_bytes(points: int, views: int, size: tuple[int, int]) -> int:
    """The loops run on the CPU."""
    return 0


def _covered_cells(position, width, views: Views, t: int) -> list[tuple[tuple[int, int], np.float32]]:
    """The cells that a point covers in view ``t``, as (row, column), each with the depth it competes with there."""
    h, w = views.size
    rotation, center, focal, principal = (
        x[..., t].cpu().numpy() for x in (views.rotation, views.center, views.focal, views.principal)
    )
    d = position - center
    x, y, z = ((rotation[0, k] * d[0] + rotation[1, k] * d[1]) + rotation[2, k] * d[2] for k in range(3))
    if z < MIN_DEPTH:
        return []
    u = x * focal[0] / z + principal[0]
    v = y * focal[1] / z + principal[1]
    column, row = (np.rint(u), np.rint(v)) if views.corner else (np.floor(u), np.floor(v))
    covered = [(row, column, z)]
    if width is not None:
        off_u, off_v = u - (column + np.float32(views.anchor)), v - (row + np.float32(views.anchor))
        radius = min(width * focal[2] / z * np.float32(DISK_RADIUS), np.float32(MAX_RADIUS))
        around = range(-int(MAX_RADIUS) - 1, int(MAX_RADIUS) + 2)
        for down, right in ((down, right) for down in around for right in around if (down, right) != (0, 0)):
            du, dv = np.float32(right) - off_u, np.float32(down) - off_v
            if du * du + dv * dv <= radius * radius:
                covered.append((row + ONE * down, column + ONE * right, z * np.float32(REACH_PENALTY)))
    return [((int(r), int(c)), depth) for r, c, depth in covered if 0 <= r < h and 0 <= c < w]
