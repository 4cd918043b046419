"""ViPE and Lyra 1: pose/<name>.npz of cam2world matrices, and intrinsics/<name>.npz beside its folder.

``data`` (T, 4, 4) or (T, 16), OpenCV axes, and ``inds`` (T,), the frame of each; of the lens ``data`` (T, 4), in pixels
fx fy cx cy, and ``inds``. Without the second file there are no intrinsics. Source: github nv-tlabs/GEN3C,
vipe_utils.py; github nv-tlabs/lyra, Lyra-1, gen3c_single_image_sdg.py.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from .json_file import array, matrices
from .npz_file import arrays, holds
from .parsed import SET_IMAGE_SIZE, Parsed, ReadOptions, intrinsics, normalised, oriented

TITLE = "ViPE / Lyra 1 poses"
SUFFIX = ".npz"
OPTIONS = ("image_size", "field_of_view", "invert", "transpose", "flip")
LENS = "intrinsics"  # the folder beside that of the poses


def fits(path: Path, text: str) -> bool:
    return holds(path, "data", "inds")


def parts(path: Path) -> list[Path]:
    """The poses, and the intrinsics where they are there."""
    lens = _lens_file(path)
    return [path, lens] if fits(path, "") and lens.is_file() else []


def _lens_file(path: Path) -> Path:
    return path.parent.parent / LENS / path.name


def read(path: Path, options: ReadOptions) -> Parsed:
    poses, frames = _in_order(path)
    if poses.ndim == 2 and poses.shape[1] == 4:
        raise MirageError(
            f"{path.name}: data must be matrices; it is fx fy cx cy of every frame. Choose the file of this name in "
            "the folder pose."
        )
    poses = poses.reshape(-1, 4, 4) if poses.shape[1:] == (16,) else poses
    cam2world = oriented(matrices(poses, "data", path.name), options, False, path.name)
    notes = ["cam2world matrices, OpenCV axes", "metres of the estimated depth"]
    lens = _lens_file(path)
    if not lens.is_file():
        return Parsed(cam2world, None, [*notes, f"no {LENS}/{path.name} beside its folder"], options.image_size)
    if options.image_size is None:
        raise MirageError(f"{path.name}: no file of this format states the picture's size. {SET_IMAGE_SIZE}")
    values, of_frames = _in_order(lens)
    if not np.array_equal(frames, of_frames):
        raise MirageError(f"{path.name}: {LENS}/{path.name} must be of the same frames; it is of others.")
    K = intrinsics(*array(values, (len(frames), 4), "data", f"{LENS}/{path.name}").T)
    return Parsed(cam2world, normalised(K, options.image_size), [*notes, "K in pixels"], options.image_size)


def _in_order(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """data and inds, frames ascending."""
    found = arrays(path, ("data", "inds"))
    data, frames = found["data"], array(found["inds"], (None,), "inds", path.name)
    if len(data) != len(frames):
        raise MirageError(f"{path.name}: data and inds must be as many; got {len(data)} and {len(frames)}.")
    order = np.argsort(frames, kind="stable")
    return data[order].astype(np.float64), frames[order]
