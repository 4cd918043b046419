"""FantasyWorld camera_data.json: cam2world of every frame as cameras_interp, one focal length in pixels.

OpenCV axes, the principal point in the middle; cameras are the keys of the path, and are not read. The pixels are those
of the video that is made, of which the file does not say the size. Source: github Fantasy-AMAP/fantasy-world, utils.py,
cameras_json_to_camera_list.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from .json_file import array, load, matrices
from .parsed import SET_IMAGE_SIZE, Parsed, ReadOptions, intrinsics, normalised, oriented

TITLE = "FantasyWorld camera_data.json"
SUFFIX = ".json"
OPTIONS = ("image_size", "invert", "transpose", "flip")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and '"cameras_interp"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    cam2world = oriented(matrices(data.get("cameras_interp"), "cameras_interp", path.name), options, False, path.name)
    focal = array(data.get("focal_length"), (), "focal_length", path.name)
    if options.image_size is None:
        raise MirageError(f"{path.name}: no file of this format states the picture's size. {SET_IMAGE_SIZE}")
    H, W = options.image_size
    K = normalised(intrinsics(focal, focal, W / 2, H / 2), options.image_size)
    notes = ["cam2world matrices, OpenCV axes", "one focal length in pixels", "units of its scene"]
    return Parsed(cam2world, np.tile(K, (len(cam2world), 1, 1)), notes, options.image_size)
