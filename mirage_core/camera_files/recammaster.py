"""ReCamMaster / MultiCamVideo camera_extrinsics.json: frames of named cameras, each a bracketed 4 x 4 cam2world.

The matrices are those of row vectors: the position stands in the last row, in centimetres. Unreal axes: x forward, y
right, z up, left-handed. The file has no intrinsics.
"""

import json
import re
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief, describe
from ..files import write_text
from .json_file import load
from .parsed import Parsed, ReadOptions, Written, numbers, oriented

TITLE = "ReCamMaster / MultiCamVideo JSON"
SUFFIX = ".json"
OPTIONS = ("field_of_view", "camera", "invert", "transpose", "flip")
CENTIMETRES = 100.0
UNREAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # OpenCV x, y, z of Unreal x, y, z
UNREAL_4 = np.block([[UNREAL, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])
FRAME = re.compile(r"^frame(\d+)$")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and re.search(r'"frame0"\s*:\s*\{\s*"cam', text[:4096]) is not None


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    frames = sorted((int(match[1]), name) for name in data if (match := FRAME.match(name)))
    if not frames:
        raise MirageError(
            f"{path.name}: must hold frame0, frame1, ...; it holds {brief(', '.join(data)) or 'nothing'}."
        )
    cameras = list(data[frames[0][1]])
    camera = options.camera or cameras[0]
    if camera not in cameras:
        raise MirageError(
            f"{path.name}: camera must be one of {brief(', '.join(cameras), 160)}; got {brief(repr(camera))}."
        )
    rows = []
    for _, name in frames:
        text = data[name].get(camera)
        if not isinstance(text, str):
            raise MirageError(f"{path.name}: {name} must hold {camera} as bracketed rows; got {describe(text)}.")
        rows.append(numbers(re.sub(r"[\[\]]", " ", text), 16, f"{path.name}, {name}, {camera}"))
    matrices = np.array(rows).reshape(-1, 4, 4)  # of row vectors
    if np.abs(matrices[:, 3, :3] if options.transpose else matrices[:, :3, 3]).max() > 1e-3:
        place, change = ("column", "Unset") if options.transpose else ("row", "Set")
        raise MirageError(
            f"{path.name}: positions must stand in the last {place} of each matrix; they do not. {change} transpose."
        )
    # the axes are turned first: options are about OpenCV cameras, here as in other formats
    cam2world = oriented(UNREAL_4 @ matrices.transpose(0, 2, 1) @ UNREAL_4.T, options, False, path.name)
    cam2world[:, :3, 3] /= CENTIMETRES
    notes = [
        f"camera {camera} of {len(cameras)}",
        "cam2world matrices of row vectors, Unreal axes (x forward, y right, z up)",
        "centimetres, read as metres",
    ]
    return Parsed(cam2world, None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    frames = {}
    for n, matrix in enumerate(written.cam2world):
        rows = np.eye(4)
        rows[:3, :3] = (UNREAL.T @ matrix[:3, :3] @ UNREAL).T
        rows[3, :3] = CENTIMETRES * matrix[:3, 3] @ UNREAL
        text = " ".join("[" + " ".join(f"{value:.9g}" for value in row) + "]" for row in rows)
        frames[f"frame{n}"] = {"cam01": f"{text} "}
    write_text(path, json.dumps(frames, indent=1))
