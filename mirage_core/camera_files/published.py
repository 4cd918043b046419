"""geometry.npz of the published code (github microsoft/LatentSpatialMemory): poses_c2w, intrinsics in pixels, depths.

OpenCV axes, pixel centres on whole numbers. Only arrays of numbers are read: nothing in the file is unpickled.
"""

import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import whole_file
from .parsed import HALF_PIXEL, SET_IMAGE_SIZE, Parsed, ReadOptions, Written, normalised, oriented

TITLE = "geometry.npz of the published code"
SUFFIX = ".npz"
OPTIONS = ("image_size", "invert", "transpose", "flip")
# what numpy's reader raises on a file that is no archive of plain arrays
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),  # cut or overwritten
    RuntimeError,  # encrypted, or compressed in a way that Python does not know
    *(ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError),  # an array's header, or its objects
)


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX


def read(path: Path, options: ReadOptions) -> Parsed:
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            names = set(file.files)
            missing = sorted({"poses_c2w", "intrinsics"} - names)
            if missing:
                raise MirageError(
                    f"{path.name}: must hold poses_c2w and intrinsics; it holds {', '.join(sorted(names))}."
                )
            matrices, K = file["poses_c2w"].astype(np.float64), file["intrinsics"].astype(np.float64)
            size = options.image_size or (tuple(file["depths"].shape[1:3]) if "depths" in names else None)
            size = size or (tuple(file["frames"].shape[1:3]) if "frames" in names else None)
    except MirageError:
        raise
    except DAMAGED as error:
        raise MirageError(f"{path.name}: must be an .npz file of plain arrays; {brief(error, 160)}.") from error
    if matrices.ndim != 3 or matrices.shape[1:] != (4, 4):
        raise MirageError(f"{path.name}: poses_c2w must be (T, 4, 4); got {matrices.shape}.")
    K = K[None] if K.ndim == 2 else K
    if K.shape[1:] != (3, 3) or len(K) not in (1, len(matrices)):
        raise MirageError(f"{path.name}: intrinsics must be (T, 3, 3) with T = {len(matrices)}; got {K.shape}.")
    if size is None:
        raise MirageError(f"{path.name}: must hold depths or frames, which tell the picture's size. {SET_IMAGE_SIZE}")
    K = np.broadcast_to(K, (len(matrices), 3, 3))
    notes = ["cam2world matrices, OpenCV axes", "K in pixels whose centres are whole numbers", "units of the depth"]
    return Parsed(oriented(matrices, options, False, path.name), normalised(K + HALF_PIXEL, size), notes, size)


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
