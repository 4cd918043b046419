"""A path through a memory as one picture: a strip of the share known, and the path from above and from the side."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageColor, ImageDraw
from torch import Tensor

from ...mirage_core import LatentMemory
from ...mirage_core.colours import as_bytes
from ...mirage_core.coverage import Coverage
from .palette import CORAL, DIM, GROUND, MARGIN, SMALL_SIZE, TEAL, TEXT, TITLE, TRACK, WIDTH, YELLOW, blank, font
from .pixels import as_image

GAP, STRIP, MAP = 32, 110, 420
KNOWN, CAREFUL, PATH = TEAL, CORAL, YELLOW
MOST_POINTS = 40_000  # drawn, evenly thinned
DOTS = ((5, 1_500), (4, 6_000), (3, 15_000), (2, 2 * MOST_POINTS))  # pixels a point is wide, up to so many points
FRUSTUMS = 12  # drawn along the path
OUTLIERS = 0.01  # share of the points on either side that a map may leave out
VIEWS = (("from above", 0, 2, -1), ("from the side", 2, 1, 1))  # title, axis to the right, axis down, and its sign


def path_picture(memory: LatentMemory, covered: Coverage, colours: Tensor) -> Tensor:
    """IMAGE ``(1, H, W, 3)``.

    Args:
        colours: ``(N, 3)`` 0..1 of all points of the memory.
    """
    height = 2 * MARGIN + TITLE + STRIP + GAP + TITLE + MAP + TITLE
    picture, draw = blank(WIDTH, height)
    _strip(draw, covered)
    every = max(1, memory.num_points // MOST_POINTS)
    xyz = memory.column("xyz")[::every].cpu().numpy()
    rgb = as_bytes(colours[::every]).numpy()
    size = (WIDTH - 2 * MARGIN - GAP) // 2
    for column, (title, right, down, sign) in enumerate(VIEWS):
        left, top = MARGIN + column * (size + GAP), MARGIN + TITLE + STRIP + GAP
        draw.text((left, top), title, fill=TEXT, font=font())
        _map(picture, covered, xyz, rgb, (right, down, sign), (left, top + TITLE, left + size, top + TITLE + MAP))
    legend = "yellow: the path, a triangle per view; its start is the dot. Red: inside of things, or hardly known"
    draw.text((MARGIN, height - MARGIN - 14), legend, fill=DIM, font=font(SMALL_SIZE))
    return as_image(picture)


def _strip(draw: ImageDraw.ImageDraw, covered: Coverage) -> None:
    """A bar per latent frame: the share that the memory knows."""
    small, count = font(SMALL_SIZE), len(covered.known)
    draw.text((MARGIN, MARGIN), "known along the path", fill=TEXT, font=font())
    top, base = MARGIN + TITLE, MARGIN + TITLE + STRIP - 18
    step = (WIDTH - 2 * MARGIN) / count
    careful = set(covered.entering) | set(covered.leaving)
    every = max(1, round(60 / step))
    for t, share in enumerate(covered.known):
        x = MARGIN + t * step
        end = x + max(step - (2 if step > 6 else 0), 1)
        draw.rectangle((x, top, end, base), fill=TRACK)
        draw.rectangle((x, base - share * (base - top), end, base), fill=CAREFUL if t in careful else KNOWN)
        if t % every == 0:
            draw.text((x, base + 4), f"{covered.path.frames[t]}", fill=DIM, font=small)
            draw.text((x + 2, top + 2), f"{share:.0%}", fill=TEXT, font=small)


def _map(
    picture: Image.Image,
    covered: Coverage,
    xyz: np.ndarray,
    rgb: np.ndarray,
    axes: tuple[int, int, int],
    box: tuple[int, int, int, int],
) -> None:
    """Points, path and views, projected along one axis of the world, in one scale."""
    left, top, right, bottom = box
    across, along, sign = axes

    def flat(points: np.ndarray) -> np.ndarray:
        return np.stack([points[:, across], sign * points[:, along]], axis=1)

    points, centers = flat(xyz), covered.path.views.centers.cpu().numpy()
    low, high = np.quantile(points, [OUTLIERS, 1 - OUTLIERS], axis=0)
    low, high = np.minimum(low, flat(centers).min(axis=0)), np.maximum(high, flat(centers).max(axis=0))
    scale = 0.94 * min((right - left) / max(high[0] - low[0], 1e-6), (bottom - top) / max(high[1] - low[1], 1e-6))
    middle = np.array([(left + right) / 2, (top + bottom) / 2])

    def place(values: np.ndarray) -> np.ndarray:
        return (flat(values) - (low + high) / 2) * scale + middle

    canvas = np.array(picture)
    canvas[top:bottom, left:right] = ImageColor.getrgb(GROUND)
    dot = next(edge for edge, most in DOTS if len(xyz) <= most)
    at = np.floor(place(xyz)).astype(int)
    inside = (at >= (left, top)).all(axis=1) & (at < (right - dot, bottom - dot)).all(axis=1)
    for down, over in np.ndindex(dot, dot):
        canvas[at[inside, 1] + down, at[inside, 0] + over] = rgb[inside]
    picture.paste(Image.fromarray(canvas))
    draw = ImageDraw.Draw(picture)
    line = [tuple(one) for one in place(centers)]
    if len(line) > 1:
        draw.line(line, fill=PATH, width=2)
    careful = set(covered.entering) | set(covered.leaving)
    for t in _spread(len(line), FRUSTUMS):
        colour = CAREFUL if t in careful else PATH
        corners = _frustum(covered, t, 26.0 / scale)
        draw.polygon([line[t], *(tuple(one) for one in place(corners))], outline=colour)
    for t in careful:
        x, y = line[t]
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=CAREFUL)
    x, y = line[0]
    draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=PATH)


def _frustum(covered: Coverage, t: int, length: float) -> np.ndarray:
    """The two ends of a view's middle line of sight, left and right, in the world: ``(2, 3)``."""
    K, matrix = covered.path.views.K[t].cpu().numpy(), covered.path.views.cam2world[t].cpu().numpy()
    rays = np.array([[(edge - K[0, 2]) / K[0, 0], 0.0, 1.0] for edge in (0.0, 1.0)])
    rays *= length / np.linalg.norm(rays, axis=1, keepdims=True)
    return rays @ matrix[:3, :3].T + matrix[:3, 3]


def _spread(count: int, most: int) -> Sequence[int]:
    return range(count) if count <= most else [round(n * (count - 1) / (most - 1)) for n in range(most)]
