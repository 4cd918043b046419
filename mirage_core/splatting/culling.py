"""Which blocks can be seen at all, from the boxes around them: the others are never read."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..conventions import MIN_DEPTH
from ..points import PointBlock
from .projection import MAX_RADIUS, Views

MARGIN = MAX_RADIUS + 1.0  # cells that the farthest disk reaches into a view from outside, and rounding at its border
SLACK = 2.0**-18  # of the numbers that are added up: float32 projections are off by a few times 2^-24 of them


def visible_blocks(blocks: Sequence[PointBlock], views: Views) -> list[int]:
    """Numbers of the blocks of which some view may see a point; empty blocks are not among them.

    Conservative: a box is skipped only if it lies wholly on the outer side of one of the five planes of every view's
    frustum, widened by ``MARGIN``.

    Args:
        views: on the CPU.
    """
    filled = [number for number, block in enumerate(blocks) if len(block)]
    if not filled:
        return []
    boxes = np.stack([blocks[number].box for number in filled])  # (B, 2, 3)
    middle, half = boxes.mean(axis=1), (boxes[:, 1] - boxes[:, 0]) / 2  # (B, 3) both
    seen = np.zeros(len(filled), dtype=bool)
    for normals, offsets, center in _frustums(views):
        away = middle - center  # (B, 3)
        reached = away @ normals.T + half @ np.abs(normals).T + offsets  # (B, 5) most inward point of each box
        error = (np.abs(away) + half) @ np.abs(normals).T * SLACK
        seen |= (reached >= -error).all(axis=1)
    return [filled[place] for place in np.flatnonzero(seen)]


def _frustums(views: Views) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Per view the planes ``normals @ (x - center) + offsets >= 0`` that all it may see fulfils: (5, 3), (5,), (3,)."""
    rotation, center, focal, principal = (
        x.double().numpy() for x in (views.rotation, views.center, views.focal, views.principal)
    )
    h, w = views.size
    for t in range(len(views)):
        right, down, forward = rotation[..., t].T  # camera axes in the world
        normals = [forward]
        for sideways, f, p, cells in zip((right, down), focal[:2, t], principal[:, t], (w, h), strict=True):
            normals.append(f * sideways + (p + MARGIN) * forward)
            normals.append((cells + MARGIN - p) * forward - f * sideways)
        yield np.stack(normals), np.array([-MIN_DEPTH, 0.0, 0.0, 0.0, 0.0]), center[:, t]
