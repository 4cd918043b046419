"""Open3D and Redwood .log trajectories: per frame a line of three whole numbers, then the four rows of its cam2world.

OpenCV axes; lines that begin with # are comments. There are no intrinsics (Open3D takes those of a PrimeSense). Source:
Open3D, io/file_format/FileLOG.cpp, after redwood-data.org/indoor/fileformat.html.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from ..files import write_text
from .parsed import Parsed, ReadOptions, Written, numbers, oriented, read_text

TITLE = "Open3D / Redwood .log"
SUFFIX = ".log"
OPTIONS = ("field_of_view", "invert", "transpose", "flip")
LINES = 5  # of a frame


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and [len(row.split()) for row in _rows(text)[:LINES]] == [3, 4, 4, 4, 4]


def _rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def read(path: Path, options: ReadOptions) -> Parsed:
    rows = _rows(read_text(path))
    if not rows or len(rows) % LINES:
        raise MirageError(
            f"{path.name}: must hold five lines a frame, three whole numbers and a matrix of four rows; got "
            f"{len(rows)} lines."
        )
    matrices = []
    for at in range(0, len(rows), LINES):
        where = f"{path.name}, frame {at // LINES}"
        numbers(rows[at], 3, where)
        matrices.append([numbers(row, 4, where) for row in rows[at + 1 : at + LINES]])
    notes = ["cam2world matrices, OpenCV axes", "metres, or units of a reconstruction"]
    return Parsed(oriented(np.array(matrices), options, False, path.name), None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    lines = []
    for n, matrix in enumerate(written.cam2world):
        lines += [f"{n} {n} {n + 1}", *(" ".join(f"{value:.9f}" for value in row) for row in matrix)]
    write_text(path, "\n".join(lines) + "\n")
