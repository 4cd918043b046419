"""Open3D PinholeCameraTrajectory (or one PinholeCameraParameters): world2cam of 16 numbers, column by column.

OpenCV axes; intrinsic_matrix likewise by columns, in pixels whose centres are whole numbers (its viewer's principal
point is width / 2 - 0.5). Source: Open3D, camera/PinholeCameraTrajectory, PinholeCameraParameters and
PinholeCameraIntrinsic, ConvertToJsonValue.
"""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import write_text
from .json_file import array, check_perspective, entry, load
from .parsed import HALF_PIXEL, Parsed, ReadOptions, Written, normalised, oriented

TITLE = "Open3D camera trajectory"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "transpose", "flip")
TRAJECTORY, CAMERA = "PinholeCameraTrajectory", "PinholeCameraParameters"
VERSION = {"version_major": 1, "version_minor": 0}


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and (f'"{TRAJECTORY}"' in text or f'"{CAMERA}"' in text)


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    views = [data] if data.get("class_name") == CAMERA else entry(data, "parameters", list, path.name)
    try:
        matrices = [view["extrinsic"] for view in views]
        lenses = [view["intrinsic"] for view in views]
        for lens in lenses:
            check_perspective(lens, path.name)
        K = [lens["intrinsic_matrix"] for lens in lenses]
        sizes = [options.image_size or (int(lens["height"]), int(lens["width"])) for lens in lenses]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MirageError(
            f"{path.name}: every camera must hold extrinsic, and intrinsic with intrinsic_matrix, width and height; "
            f"{brief(error, 160)}."
        ) from error
    if not views:
        raise MirageError(f"{path.name}: parameters must hold a camera; it is empty.")
    matrices = array(matrices, (None, 16), "extrinsic", path.name).reshape(-1, 4, 4).transpose(0, 2, 1)
    K = array(K, (None, 9), "intrinsic_matrix", path.name).reshape(-1, 3, 3).transpose(0, 2, 1)
    notes = ["world2cam matrices by columns, OpenCV axes", "K in pixels whose centres are whole numbers"]
    K = np.stack([normalised(one + HALF_PIXEL, size) for one, size in zip(K, sizes, strict=True)])
    return Parsed(oriented(matrices, options, True, path.name), K, [*notes, "units of a reconstruction"], sizes[0])


def write(path: Path, written: Written) -> None:
    H, W = written.image_size
    views = [
        {
            "class_name": CAMERA,
            "extrinsic": matrix.T.flatten().tolist(),
            "intrinsic": {"height": H, "intrinsic_matrix": K.T.flatten().tolist(), "width": W},
            **VERSION,
        }
        for K, matrix in zip(written.K_pixels - HALF_PIXEL, written.world2cam, strict=True)
    ]
    write_text(path, json.dumps({"class_name": TRAJECTORY, "parameters": views, **VERSION}, indent=1))
