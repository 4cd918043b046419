"""Lyra 2's trajectory.npz and GEN3C's camera.npz and multi-view .npz: world2cam matrices, K in pixels, OpenCV axes.

``w2c`` (T, 4, 4) and ``intrinsics`` (T, 3, 3), in Lyra's with ``image_height`` and ``image_width``; GEN3C's file of key
frames has ``w2cs_all``, ``Ks_all`` (else the last of ``K_key_frames``) and ``images_key_frames`` (N, C, H, W). Units of
the depth of the first frame. Source: github nv-tlabs/lyra, Lyra-2/README.md and lyra2_custom_traj_inference.py; github
nv-tlabs/GEN3C, data_loader_utils.py and gen3c_multiview.py.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from ..files import whole_file
from .json_file import lenses, matrices
from .npz_file import arrays, holds
from .parsed import SET_IMAGE_SIZE, Parsed, ReadOptions, Written, normalised, oriented

TITLE = "Lyra / GEN3C .npz"
SUFFIX = ".npz"
OPTIONS = ("image_size", "invert", "transpose", "flip")
HEIGHT_WIDTH = ("image_height", "image_width")


def fits(path: Path, text: str) -> bool:
    return holds(path, "w2c", "intrinsics") or holds(path, "w2cs_all", "K_key_frames")


def read(path: Path, options: ReadOptions) -> Parsed:
    if holds(path, "w2cs_all"):
        data = arrays(path, ("w2cs_all", "K_key_frames"), ("Ks_all", "images_key_frames"))
        world2cam, K = data["w2cs_all"], data["Ks_all"] if "Ks_all" in data else data["K_key_frames"][-1]
        size = data["images_key_frames"].shape[2:4] if "images_key_frames" in data else None
    else:
        data = arrays(path, ("w2c", "intrinsics"), HEIGHT_WIDTH)
        world2cam, K = data["w2c"], data["intrinsics"]
        size = tuple(int(data[name]) for name in HEIGHT_WIDTH) if data.keys() >= set(HEIGHT_WIDTH) else None
    size = options.image_size or size
    if size is None:
        raise MirageError(f"{path.name}: must state image_height and image_width; it does not. {SET_IMAGE_SIZE}")
    cam2world = oriented(matrices(world2cam, "world2cam", path.name), options, True, path.name)
    K = normalised(lenses(K, len(cam2world), "intrinsics", path.name), size)
    notes = ["world2cam matrices, OpenCV axes", "K in pixels", "units of the first frame's depth"]
    return Parsed(cam2world, K, notes, size)


def write(path: Path, written: Written) -> None:
    H, W = written.image_size
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez_compressed(
            file,
            w2c=written.world2cam.astype(np.float32),
            intrinsics=written.K_pixels.astype(np.float32),
            image_height=np.int64(H),
            image_width=np.int64(W),
        )
