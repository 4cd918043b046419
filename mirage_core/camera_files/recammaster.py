"""ReCamMaster / MultiCamVideo camera_extrinsics.json: frames of named cameras, each a bracketed 4 x 4 cam2world.

The matrices are those of row vectors: the position stands in the last row, in centimetres. Unreal axes: x forward, y
right, z up, left-handed. The file has no intrinsics.
"""

import json
import re
from pathlib import Path

import numpy as np

from ..errors import MirageError
from .json_file import load
from .parsed import Parsed, ReadOptions, Written, numbers

TITLE = "ReCamMaster / MultiCamVideo JSON"
SUFFIX = ".json"
CENTIMETRES = 100.0
UNREAL = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])  # OpenCV x, y, z of Unreal x, y, z
FRAME = re.compile(r"^frame(\d+)$")


def fits(path: Path) -> bool:
    return (
        path.suffix.lower() == SUFFIX and re.search(rb'"frame0"\s*:\s*\{\s*"cam', path.read_bytes()[:4096]) is not None
    )


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    frames = sorted((int(match[1]), name) for name in data if (match := FRAME.match(name)))
    if not frames:
        raise MirageError(
            f"{path.name}: must hold frame0, frame1, ...; it holds {', '.join(list(data)[:3]) or 'nothing'}."
        )
    cameras = list(data[frames[0][1]])
    camera = options.camera or cameras[0]
    if camera not in cameras:
        raise MirageError(f"{path.name}: camera must be one of {', '.join(cameras)}; got {camera!r}.")
    rows = []
    for _, name in frames:
        text = data[name].get(camera)
        if not isinstance(text, str):
            raise MirageError(f"{path.name}: {name} must hold {camera} as bracketed rows; got {text!r}.")
        rows.append(numbers(re.sub(r"[\[\]]", " ", text), 16, f"{path.name}, {name}, {camera}"))
    matrices = np.array(rows).reshape(-1, 4, 4)  # of row vectors
    if options.transpose:
        matrices = matrices.transpose(0, 2, 1)
    if np.abs(matrices[:, :3, 3]).max() > 1e-3:
        raise MirageError(
            f"{path.name}: positions must stand in the last row of each matrix; they do not. Set transpose."
        )
    if options.invert:
        matrices = np.linalg.inv(matrices)
    cam2world = np.tile(np.eye(4), (len(matrices), 1, 1))
    cam2world[:, :3, :3] = UNREAL @ matrices[:, :3, :3].transpose(0, 2, 1) @ UNREAL.T
    cam2world[:, :3, 3] = matrices[:, 3, :3] @ UNREAL.T / CENTIMETRES
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
    path.write_text(json.dumps(frames, indent=1), encoding="utf-8")
