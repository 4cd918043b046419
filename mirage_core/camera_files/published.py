"""geometry.npz of the published code (github microsoft/LatentSpatialMemory): poses_c2w, intrinsics in pixels, depths.

OpenCV axes, pixel centres on whole numbers. Only arrays of numbers are read: nothing in the file is unpickled.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from ..files import whole_file
from .json_file import lenses, matrices
from .npz_file import arrays, holds
from .parsed import HALF_PIXEL, SET_IMAGE_SIZE, Parsed, ReadOptions, Written, normalised, oriented

TITLE = "geometry.npz of the published code"
SUFFIX = ".npz"
OPTIONS = ("image_size", "invert", "transpose", "flip")


def fits(path: Path, text: str) -> bool:
    return holds(path, "poses_c2w", "intrinsics")


def read(path: Path, options: ReadOptions) -> Parsed:
    data = arrays(path, ("poses_c2w", "intrinsics"), ("depths", "frames"))
    pictures = [data[name].shape[1:3] for name in ("depths", "frames") if name in data]
    size = options.image_size or (tuple(pictures[0]) if pictures else None)
    if size is None:
        raise MirageError(f"{path.name}: must hold depths or frames, which tell the picture's size. {SET_IMAGE_SIZE}")
    cam2world = oriented(matrices(data["poses_c2w"], "poses_c2w", path.name), options, False, path.name)
    K = lenses(data["intrinsics"], len(cam2world), "intrinsics", path.name)
    notes = ["cam2world matrices, OpenCV axes", "K in pixels whose centres are whole numbers", "units of the depth"]
    return Parsed(cam2world, normalised(K + HALF_PIXEL, size), notes, size)


def write(path: Path, written: Written) -> None:
    H, W = written.image_size
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            poses_c2w=written.cam2world,
            intrinsics=written.K_pixels - HALF_PIXEL,
            depths=np.zeros((len(written.cam2world), H, W), dtype=np.float16),
            processed_size=np.array([H, W]),
        )
