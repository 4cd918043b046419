"""TUM RGB-D trajectories, as SLAM and evo write them: a row per frame, "timestamp tx ty tz qx qy qz qw".

cam2world as position and quaternion (w last), OpenCV axes, seconds; rows that begin with # are comments. There are no
intrinsics. Source: "File Formats", Ground-truth trajectories, of the TUM RGB-D benchmark.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from ..files import write_text
from .parsed import (
    UNIT,
    Parsed,
    ReadOptions,
    Written,
    matrix_to_quaternion,
    numbers,
    oriented,
    pose,
    quaternion_to_matrix,
    read_text,
    unit_quaternions,
)

TITLE = "TUM trajectory"
SUFFIX = ".txt"
SUFFIXES = (".txt", ".tum")
OPTIONS = ("field_of_view", "invert", "flip")
COLUMNS = 8
FPS = 30


def fits(path: Path, text: str) -> bool:
    rows = [line.split() for line in _rows(text)[:3]]
    if path.suffix.lower() not in SUFFIXES or not rows or any(len(row) != COLUMNS for row in rows):
        return False
    try:
        quaternions = np.array(rows, dtype=np.float64)[:, 4:]
    except ValueError:
        return False
    return bool((np.abs(np.linalg.norm(quaternions, axis=1) - 1) <= UNIT).all())


def _rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def read(path: Path, options: ReadOptions) -> Parsed:
    rows = [numbers(line, COLUMNS, f"{path.name}, row {n + 1}") for n, line in enumerate(_rows(read_text(path)))]
    if not rows:
        raise MirageError(f"{path.name}: must hold rows of timestamp tx ty tz qx qy qz qw; it holds none.")
    table = np.array(rows)  # (T, 8)
    wxyz = unit_quaternions(table[:, [7, 4, 5, 6]], path.name)
    notes = ["cam2world as position and quaternion (w last), OpenCV axes", "metres, or units of a reconstruction"]
    matrices = pose(quaternion_to_matrix(wxyz), table[:, 1:4])
    return Parsed(oriented(matrices, options, False, path.name), None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    wxyz = matrix_to_quaternion(written.cam2world[:, :3, :3])
    lines = [
        " ".join([f"{n / FPS:.6f}", *(f"{value:.9f}" for value in (*center, *quaternion[[1, 2, 3, 0]]))])
        for n, (center, quaternion) in enumerate(zip(written.cam2world[:, :3, 3], wxyz, strict=True))
    ]
    write_text(path, "\n".join(["# timestamp tx ty tz qx qy qz qw", *lines]) + "\n")
