"""Uni3C cam_info.json: extrinsic (world2cam of every frame), one intrinsic in pixels, height and width.

OpenCV axes, units of the estimated depth. Source: github ewrfcas/Uni3C, cam_render.py and src/dataset.py.
"""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError
from ..files import write_text
from .json_file import lenses, load, matrices, size_of
from .parsed import Parsed, ReadOptions, Written, normalised, oriented

TITLE = "Uni3C cam_info.json"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "transpose", "flip")
SAME = 1e-4  # of the picture: less than a tenth of a pixel


def fits(path: Path, text: str) -> bool:
    if path.suffix.lower() != SUFFIX or '"class_name"' in text:  # of Open3D
        return False
    return all(f'"{name}"' in text for name in ("extrinsic", "intrinsic", "height"))


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    cam2world = oriented(matrices(data.get("extrinsic"), "extrinsic", path.name), options, True, path.name)
    size = options.image_size or size_of(data, "height", "width", path.name)
    K = normalised(lenses(data.get("intrinsic"), len(cam2world), "intrinsic", path.name), size)
    notes = ["world2cam matrices, OpenCV axes", "K in pixels", "units of the estimated depth"]
    return Parsed(cam2world, K, notes, size)


def write(path: Path, written: Written) -> None:
    K, (H, W) = written.K, written.image_size
    if np.abs(K - K[0]).max() > SAME:
        raise MirageError(
            f"cameras: must have one lens to be a {TITLE}, which holds one; they zoom from a focal length of "
            f"{K[0, 0, 0]:.4g} widths to {K[-1, 0, 0]:.4g}. Choose another format."
        )
    data = {
        "intrinsic": written.K_pixels[0].tolist(),
        "extrinsic": written.world2cam.tolist(),
        "height": H,
        "width": W,
    }
    write_text(path, json.dumps(data, indent=2))
