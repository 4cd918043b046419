"""Spatia: w2c.txt, a line of JSON for each frame's 3 x 4 or 4 x 4 world2cam, and intrinsics.txt beside it.

OpenCV axes; the second file is "[fx fy cx cy]", normalised by width and height. Without it there are no intrinsics.
Source: github ZhaoJingjing713/Spatia, README.md, Input Format.
"""

import re
from pathlib import Path

import numpy as np

from .json_file import matrices, parse
from .parsed import Parsed, ReadOptions, intrinsics, numbers, oriented, read_text

TITLE = "Spatia w2c.txt"
SUFFIX = ".txt"
OPTIONS = ("field_of_view", "invert", "transpose", "flip")
LENS = "intrinsics.txt"
START = re.compile(r"\s*\[\s*\[\s*[-+0-9.]")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and START.match(text) is not None


def parts(path: Path) -> list[Path]:
    """The matrices, and the intrinsics where they are there."""
    lens = path.with_name(LENS)
    if path.suffix.lower() != SUFFIX or path == lens or not (path.is_file() and lens.is_file()):
        return []
    return [path, lens]


def read(path: Path, options: ReadOptions) -> Parsed:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    rows = [parse(line, f"{path.name}, line {n + 1}") for n, line in enumerate(lines)]
    cam2world = oriented(matrices(rows, "its lines", path.name), options, True, path.name)
    notes = ["world2cam matrices, OpenCV axes", "units of a reconstruction"]
    lens = path.with_name(LENS)
    if not lens.is_file():
        return Parsed(cam2world, None, [*notes, f"no {LENS} beside it"], options.image_size)
    K = intrinsics(*numbers(re.sub(r"[\[\],]", " ", read_text(lens)), 4, LENS))
    K = np.tile(K, (len(cam2world), 1, 1))
    return Parsed(cam2world, K, [*notes, f"K of {LENS}, normalised by the picture's size"], options.image_size)
