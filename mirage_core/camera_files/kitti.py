"""KITTI odometry poses: a row per frame, the 12 numbers of its 3 x 4 cam2world, row by row.

OpenCV axes, metres, the first camera is the origin. There are no intrinsics. Source: the development kit of the KITTI
odometry benchmark, readme.txt, Ground truth.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from ..files import write_text
from .parsed import Parsed, ReadOptions, Written, numbers, oriented, read_text

TITLE = "KITTI odometry poses"
SUFFIX = ".txt"
OPTIONS = ("field_of_view", "invert", "transpose", "flip")
COLUMNS = 12


def fits(path: Path, text: str) -> bool:
    rows = [line.split() for line in text[:4096].splitlines()[:3] if line.strip()]
    return path.suffix.lower() == SUFFIX and bool(rows) and all(len(row) == COLUMNS for row in rows)


def read(path: Path, options: ReadOptions) -> Parsed:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    rows = [numbers(line, COLUMNS, f"{path.name}, row {n + 1}") for n, line in enumerate(lines)]
    if not rows:
        raise MirageError(f"{path.name}: must hold rows of 12 numbers; it holds none.")
    notes = ["cam2world matrices, OpenCV axes", "metres, or units of a reconstruction"]
    matrices = np.array(rows).reshape(-1, 3, 4)
    return Parsed(oriented(matrices, options, False, path.name), None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    rows = (" ".join(f"{value:.9e}" for value in matrix[:3].flatten()) for matrix in written.cam2world)
    write_text(path, "\n".join(rows) + "\n")
