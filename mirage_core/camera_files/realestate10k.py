"""RealEstate10K and CameraCtrl text files.

A first line that is no row (the video's address), then a row per frame: timestamp in microseconds, fx fy cx cy
normalised by width and height, two zeros, and the 3 x 4 world2cam matrix, row by row. OpenCV axes.
"""

from pathlib import Path

import numpy as np

from ..cameras import Cameras
from ..files import write_text
from .parsed import Parsed, ReadOptions, Written, intrinsics, numbers, oriented, read_text

TITLE = "RealEstate10K / CameraCtrl text"
SUFFIX = ".txt"
OPTIONS = ("invert", "transpose", "flip")
COLUMNS = 19
MICROSECONDS = 1_000_000 / 30


def fits(path: Path, text: str) -> bool:
    lines = [line for line in text[:4096].splitlines() if line.strip()]
    return path.suffix.lower() == SUFFIX and any(len(line.split()) == COLUMNS for line in lines[:2])


def read(path: Path, options: ReadOptions) -> Parsed:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    first = 0 if lines and len(lines[0].split()) == COLUMNS else 1
    rows = [numbers(line, COLUMNS, f"{path.name}, row {n + 1}") for n, line in enumerate(lines[first:])]
    table = np.array(rows).reshape(-1, COLUMNS)
    matrices = table[:, 7:].reshape(-1, 3, 4)
    return Parsed(
        cam2world=oriented(matrices, options, world2cam=True, name=path.name),
        K=intrinsics(*table[:, 1:5].T),
        notes=["world2cam matrices, OpenCV axes", "K normalised by the picture's size", "units of a reconstruction"],
    )


def write(path: Path, written: Written) -> None:
    lines = [" ".join([f"{row[0]:.0f}", *(f"{value:.9f}" for value in row[1:])]) for row in _rows(written)]
    write_text(path, "\n".join(["https://", *lines]) + "\n")


def cameractrl_poses(cameras: Cameras) -> list[list[float]]:
    """What other node packs pass around as CAMERACTRL_POSES: a file's rows as lists; the first camera is the origin."""
    return _rows(Written(cameras.relative_to(cameras[0]), (1, 1)))


def _rows(written: Written) -> list[list[float]]:
    rows = []
    for n, (K, matrix) in enumerate(zip(written.K, written.world2cam, strict=True)):
        rows.append([n * MICROSECONDS, K[0, 0], K[1, 1], K[0, 2], K[1, 2], 0.0, 0.0, *matrix[:3].flatten()])
    return [[float(value) for value in row] for row in rows]
