"""nerfstudio transforms.json: cam2world matrices of OpenGL cameras, K in pixels, for all frames or for each."""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import natural, write_text
from .json_file import check_perspective, entry, load
from .parsed import FLIP, SET_IMAGE_SIZE, Parsed, ReadOptions, Written, intrinsics, left_out, normalised, oriented

TITLE = "nerfstudio transforms.json"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "transpose", "flip")
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2", "p3", "p4")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and '"transform_matrix"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    frames = entry(data, "frames", list, path.name)
    if not frames:
        raise MirageError(f"{path.name}: frames must hold a camera; it is empty.")
    try:
        frames = sorted(frames, key=lambda frame: natural(str(frame.get("file_path", ""))))
        matrices = np.array([frame["transform_matrix"] for frame in frames], dtype=np.float64)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MirageError(
            f"{path.name}: every frame must hold a transform_matrix of 4 x 4 numbers; {brief(error, 160)}."
        ) from error
    if matrices.shape[1:] not in ((4, 4), (3, 4)):
        raise MirageError(
            f"{path.name}: transform_matrix must be 4 x 4; got {' x '.join(map(str, matrices.shape[1:]))}."
        )
    notes = ["cam2world matrices, OpenGL axes (y up, z backward)", "units of a reconstruction"]
    size = options.image_size
    K = []
    for frame in frames:
        values = {**data, **frame}
        check_perspective(values, path.name)
        if "w" in values and "h" in values:
            size = size or (int(values["h"]), int(values["w"]))
        K.append(_intrinsics(values, size, path.name))
    bent = [name for name in DISTORTION if any(abs({**data, **frame}.get(name) or 0.0) > 1e-6 for frame in frames)]
    warnings = [left_out(", ".join(bent))] if bent else []
    cam2world = oriented(matrices, options, False, path.name) @ FLIP
    return Parsed(cam2world, np.array(K), notes, size, warnings=warnings)


def _intrinsics(values: dict, size: tuple[int, int] | None, name: str) -> np.ndarray:
    if size is None:
        raise MirageError(f"{name}: must state the picture's size as w and h; it does not. {SET_IMAGE_SIZE}")
    H, W = size
    if "fl_x" in values:
        fx = values["fl_x"]
        K = intrinsics(fx, values.get("fl_y", fx), values.get("cx", W / 2), values.get("cy", H / 2))
    elif "camera_angle_x" in values:
        fx = 0.5 * W / np.tan(values["camera_angle_x"] / 2)
        K = intrinsics(fx, fx, W / 2, H / 2)
    else:
        raise MirageError(f"{name}: must hold fl_x or camera_angle_x; it holds neither.")
    return normalised(K, size)


def write(path: Path, written: Written) -> None:
    H, W = written.image_size
    frames = [
        {
            "file_path": f"images/{n:05d}.png",
            "fl_x": K[0, 0],
            "fl_y": K[1, 1],
            "cx": K[0, 2],
            "cy": K[1, 2],
            "transform_matrix": (matrix @ FLIP).tolist(),
        }
        for n, (K, matrix) in enumerate(zip(written.K_pixels, written.cam2world, strict=True))
    ]
    write_text(path, json.dumps({"camera_model": "OPENCV", "w": W, "h": H, "frames": frames}, indent=1))
