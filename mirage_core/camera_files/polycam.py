"""Polycam keyframes: a folder (cameras, or corrected_cameras) with a .json for each frame, any of which stands for all.

t_00 to t_23 are the rows of a 3 x 4 cam2world of ARKit, OpenGL axes (y up, z backward), metres, the world's y is up; fx
fy cx cy in pixels of width x height. Frames are ordered by name, which is a time. Source: nerfstudio,
process_data/polycam_utils.py (which turns the world's axes besides).
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import natural
from .json_file import array, load
from .parsed import FLIP, Parsed, ReadOptions, intrinsics, normalised, oriented

TITLE = "Polycam keyframes"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "flip")
MARK = '"t_00"'
ENTRIES = [f"t_{row}{column}" for row in range(3) for column in range(4)]
LENS = ("fx", "fy", "cx", "cy", "width", "height")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and MARK in text


def parts(path: Path) -> list[Path]:
    """The files of all frames, given that of one."""
    if path.suffix.lower() != SUFFIX or not path.is_file() or MARK.encode() not in path.read_bytes():
        return []
    files = (file for file in path.parent.iterdir() if file.suffix.lower() == SUFFIX and file.is_file())
    return sorted((file for file in files if MARK.encode() in file.read_bytes()), key=lambda file: natural(file.name))


def read(path: Path, options: ReadOptions) -> Parsed:
    files = parts(path)
    if not files:
        raise MirageError(f"{path.name}: must hold t_00 to t_23, fx, fy, cx, cy, width and height; it has no t_00.")
    rows = []
    for file in files:
        data = load(file)
        try:
            rows.append([data[name] for name in (*ENTRIES, *LENS)])
        except KeyError as error:
            raise MirageError(
                f"{file.name}: must hold t_00 to t_23, {', '.join(LENS)}; it lacks {brief(error)}."
            ) from error
    table = array(rows, (None, len(ENTRIES) + len(LENS)), "its entries", path.name)  # (T, 18)
    fx, fy, cx, cy, width, height = table[:, len(ENTRIES) :].T
    sizes = [options.image_size or (int(H), int(W)) for H, W in zip(height, width, strict=True)]
    K = np.stack([normalised(one, size) for one, size in zip(intrinsics(fx, fy, cx, cy), sizes, strict=True)])
    cam2world = oriented(table[:, : len(ENTRIES)].reshape(-1, 3, 4), options, False, path.name) @ FLIP
    notes = ["all frames of its folder", "cam2world matrices, OpenGL axes (y up, z backward)", "metres of ARKit"]
    return Parsed(cam2world, K, notes, sizes[0])
