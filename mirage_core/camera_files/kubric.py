"""Kubric metadata.json: positions and quaternions (w first) of a Blender camera, focal length and sensor width.

cam2world, OpenGL axes (y up, z backward), the world's z is up.
"""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import write_text
from .json_file import check_perspective, entry, load
from .parsed import (
    FLIP,
    SET_IMAGE_SIZE,
    Parsed,
    ReadOptions,
    Written,
    intrinsics,
    matrix_to_quaternion,
    oriented,
    pose,
    rotations_of,
)

TITLE = "Kubric metadata.json"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "transpose", "flip", "quaternion_xyzw")
SENSOR = 32.0  # millimetres, Kubric's own default


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and '"quaternions"' in text and '"camera"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    camera = entry(data, "camera", dict, path.name)
    check_perspective(camera, path.name)
    about = data.get("metadata", data)
    size = options.image_size
    if size is None and "resolution" in about:
        width, height = about["resolution"]
        size = (int(height), int(width))
    if size is None:
        raise MirageError(f"{path.name}: must state metadata.resolution; it does not. {SET_IMAGE_SIZE}")
    try:
        positions = np.array(camera["positions"], dtype=np.float64).reshape(-1, 3)
        quaternions = np.array(camera["quaternions"], dtype=np.float64).reshape(-1, 4)
        focal = camera["focal_length"] / camera["sensor_width"]
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise MirageError(
            f"{path.name}: camera must hold positions, quaternions, focal_length and sensor_width; {brief(error, 160)}."
        ) from error
    if len(positions) != len(quaternions):
        raise MirageError(
            f"{path.name}: positions and quaternions must be as many; got {len(positions)} and {len(quaternions)}."
        )
    rotations, warnings = rotations_of(quaternions, options, False, path.name)
    matrices = pose(rotations, positions)
    K = np.tile(intrinsics(focal, focal * size[1] / size[0], 0.5, 0.5), (len(matrices), 1, 1))
    notes = ["cam2world as position and quaternion (w first), OpenGL axes (y up, z backward)", "the world's z is up"]
    return Parsed(oriented(matrices, options, False, path.name) @ FLIP, K, notes, size, warnings=warnings)


def write(path: Path, written: Written) -> None:
    (H, W), matrices = written.image_size, written.cam2world @ FLIP
    camera = {
        "focal_length": float(written.K[0, 0, 0]) * SENSOR,
        "sensor_width": SENSOR,
        "positions": matrices[:, :3, 3].tolist(),
        "quaternions": matrix_to_quaternion(matrices[:, :3, :3]).tolist(),
    }
    about = {"resolution": [W, H], "num_frames": len(matrices)}
    write_text(path, json.dumps({"metadata": about, "camera": camera}, indent=1))
