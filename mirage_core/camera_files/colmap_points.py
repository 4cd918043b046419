"""Sparse points of a COLMAP model, text or binary: places in the world, and the images that each was found in.

Layout from COLMAP's documentation of its output format: an entry's track names images by number.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ..cameras import Cameras
from ..errors import MirageError, brief, damage_refused
from ..sparse_points import SparsePoints
from .colmap import is_model, numbered_images, points_file
from .parsed import numbers, read_text

HEAD = struct.Struct("<Q3d3BdQ")  # number, place, colour, error, length of the track
SEEN = 8  # bytes of a track's entry: image, place among its 2D points
Point = tuple[tuple[float, float, float], set[int]]  # place in the world, images that it was found in


def read_sparse_points(path: str | Path, cameras: Cameras) -> SparsePoints:
    """What the images of a COLMAP model see of its sparse points; none where it has none, or the file is no model.

    Args:
        path: as ``read_cameras`` takes it.
        cameras: all that ``read_cameras`` found there, in the file's own world.

    Raises:
        MirageError: the points are damaged.
    """
    path = Path(path)
    if not is_model(path) or not points_file(path).is_file():
        return SparsePoints.none(len(cameras))
    file = points_file(path)
    with damage_refused(f"{file.name}:", "the whole sparse points of a COLMAP model"), np.errstate(all="ignore"):
        order = {number: view for view, number in enumerate(numbered_images(path))}
        seen: list[list] = [[] for _ in range(len(cameras))]
        for place, images in (_binary if file.suffix == ".bin" else _text)(file):
            for image in images & order.keys():
                seen[order[image]].append(place)
    return SparsePoints(tuple(_of_camera(places, cameras, view) for view, places in enumerate(seen)))


def _of_camera(places: list, cameras: Cameras, view: int) -> torch.Tensor:
    """Places of the world in a camera's own frame: ``(M, 3)``."""
    cam2world = cameras.on_cpu.cam2world[view].double()
    world = torch.tensor(places, dtype=torch.float64).view(-1, 3)
    return ((world - cam2world[:3, 3]) @ cam2world[:3, :3]).float()


def _text(path: Path) -> Iterator[Point]:
    for line in read_text(path).splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 8 or len(words) % 2:
            raise MirageError(
                f"{path.name}: a point is ID, X, Y, Z, R, G, B, ERROR and pairs of IMAGE_ID and POINT2D_IDX; "
                f"got {line[:60]!r}."
            )
        where = f"{path.name}, point {brief(words[0])}"
        x, y, z = numbers(" ".join(words[1:4]), 3, where)
        track = numbers(" ".join(words[8:]), len(words) - 8, where)
        yield (x, y, z), {int(image) for image in track[::2]}


def _binary(path: Path) -> Iterator[Point]:
    data = path.read_bytes()
    (count,), at = struct.unpack_from("<Q", data), 8
    for _ in range(count):
        _, x, y, z, *_, length = HEAD.unpack_from(data, at)
        at += HEAD.size
        if length > (len(data) - at) // SEEN:
            raise MirageError(f"{path.name}: the file ends too early; a track of {length} images does not fit.")
        track = struct.unpack_from(f"<{2 * length}i", data, at)
        at += SEEN * length
        yield (x, y, z), set(track[::2])
