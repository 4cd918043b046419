"""cameras.json of 3D Gaussian Splatting: a list of img_name, width, height, position, rotation, fx and fy.

cam2world as position and 3 x 3 rotation (row by row), OpenCV axes, focal lengths in pixels, the principal point in the
middle. Pictures are ordered by name: the file has those of the test set first. Source: github
graphdeco-inria/gaussian-splatting, utils/camera_utils.py, camera_to_JSON.
"""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief, describe
from ..files import natural, write_text
from .json_file import array, check_perspective, load_any
from .parsed import Parsed, ReadOptions, Written, intrinsics, normalised, oriented, pose

TITLE = "3D Gaussian Splatting cameras.json"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "flip")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and all(f'"{name}"' in text for name in ("img_name", "position", "rotation"))


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load_any(path)
    if not isinstance(data, list) or not data:
        raise MirageError(f"{path.name}: must hold a JSON list of cameras; got {describe(data)}.")
    try:
        views = sorted(data, key=lambda view: natural(str(view.get("img_name", ""))))
        for view in views:
            check_perspective(view, path.name)
        columns = [[view[name] for view in views] for name in ("rotation", "position", "fx", "fy", "width", "height")]
    except (AttributeError, KeyError, TypeError) as error:
        raise MirageError(
            f"{path.name}: every camera must hold position, rotation, fx, fy, width and height; {brief(error, 160)}."
        ) from error
    rotations = array(columns[0], (None, 3, 3), "rotation", path.name)
    positions = array(columns[1], (None, 3), "position", path.name)
    fx, fy, width, height = (
        array(column, (None,), name, path.name)
        for name, column in zip(("fx", "fy", "width", "height"), columns[2:], strict=True)
    )
    size = options.image_size or (int(height[0]), int(width[0]))
    sizes = [options.image_size or (int(H), int(W)) for H, W in zip(height, width, strict=True)]
    K = [normalised(intrinsics(x, y, W / 2, H / 2), (H, W)) for x, y, (H, W) in zip(fx, fy, sizes, strict=True)]
    notes = ["cam2world as position and rotation, OpenCV axes", "units of a reconstruction"]
    return Parsed(oriented(pose(rotations, positions), options, False, path.name), np.array(K), notes, size)


def write(path: Path, written: Written) -> None:
    H, W = written.image_size
    views = [
        {
            "id": n,
            "img_name": f"{n:05d}",
            "width": W,
            "height": H,
            "position": matrix[:3, 3].tolist(),
            "rotation": matrix[:3, :3].tolist(),
            "fy": K[1, 1],
            "fx": K[0, 0],
        }
        for n, (K, matrix) in enumerate(zip(written.K_pixels, written.cam2world, strict=True))
    ]
    write_text(path, json.dumps(views, indent=1))
