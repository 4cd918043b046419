"""Record3D: metadata.json of its exports, or the .r3d archive, whose metadata is the same.

Poses of ARKit, "qx qy qz qw tx ty tz" (w last), cam2world, OpenGL axes (y up, z backward), metres, the world's y is up.
K by columns in pixels of w x h, or perFrameIntrinsicCoeffs, fx fy cx cy of every frame; cameraType is a number of the
sensor's, no lens. Depth pictures are compressed by LZFSE, which Python has no decoder for: they are not read. Source:
nerfstudio, process_data/record3d_utils.py; github marek-simonik/record3d, Record3DStructs.h.
"""

import zipfile
from pathlib import Path

import numpy as np

from ..errors import MirageError, describe
from .json_file import array, parse, size_of
from .parsed import (
    FLIP,
    Parsed,
    ReadOptions,
    intrinsics,
    normalised,
    oriented,
    pose,
    quaternion_to_matrix,
    read_text,
    unit_quaternions,
)

TITLE = "Record3D metadata"
SUFFIX = ".json"
ARCHIVE = ".r3d"
SUFFIXES = (SUFFIX, ARCHIVE)
OPTIONS = ("image_size", "invert", "flip")
METADATA = "metadata"
MOST_BYTES = 2**28  # of the metadata when unpacked: ten hours at 60 frames per second


def fits(path: Path, text: str) -> bool:
    if path.suffix.lower() == ARCHIVE:
        return zipfile.is_zipfile(path)
    return path.suffix.lower() == SUFFIX and '"poses"' in text and '"K"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = parse(_packed(path) if path.suffix.lower() == ARCHIVE else read_text(path), path.name)
    if not isinstance(data, dict):
        raise MirageError(f"{path.name}: {METADATA} must hold a JSON object; got {describe(data)}.")
    poses = array(data.get("poses"), (None, 7), "poses", path.name)
    size = options.image_size or size_of(data, "h", "w", path.name)
    rotations = quaternion_to_matrix(unit_quaternions(poses[:, [3, 0, 1, 2]], path.name))
    matrices = oriented(pose(rotations, poses[:, 4:]), options, False, path.name) @ FLIP
    notes = ["cam2world as quaternion (w last) and position, OpenGL axes (y up, z backward)", "metres of ARKit"]
    if path.suffix.lower() == ARCHIVE:
        notes.append("its depth pictures are not read: they are compressed by LZFSE")
    return Parsed(matrices, normalised(_lenses(data, len(poses), path.name), size), notes, size)


def _lenses(data: dict, views: int, name: str) -> np.ndarray:
    """K ``(T, 3, 3)`` in pixels."""
    if data.get("perFrameIntrinsicCoeffs"):
        return intrinsics(*array(data["perFrameIntrinsicCoeffs"], (views, 4), "perFrameIntrinsicCoeffs", name).T)
    K = array(data.get("K"), (9,), "K", name)
    return np.broadcast_to(K.reshape(3, 3).T, (views, 3, 3))


def _packed(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(METADATA).file_size
            if size > MOST_BYTES:
                raise MirageError(f"{path.name}: {METADATA} must be below {MOST_BYTES} bytes; it says to be {size}.")
            return archive.read(METADATA).decode("utf-8")
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
        raise MirageError(f"{path.name}: must be an archive that holds {METADATA}; {error}.") from error
