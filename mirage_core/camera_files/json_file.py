"""Reading JSON with errors that name the file and what is missing, and refusing cameras that are no pinholes."""

import json
import re
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief, describe
from .parsed import read_text

KINDS = ("camera_model", "camera_type", "cameraType", "projection", "projection_type", "lens_type")
PERSPECTIVE = (  # names of pinholes, and of pinholes with a bent lens, in the tools that write these files
    *("PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV"),
    *("PERSPECTIVE", "PERSP", "BROWN", "FRAME"),
)
OTHER_LENSES = ("is_fisheye", "fisheye", "latlong", "equirectangular", "panorama", "orthographic", "ftheta_p0")


def load(path: Path) -> dict:
    data = load_any(path)
    if not isinstance(data, dict):
        raise MirageError(f"{path.name}: must hold a JSON object; got {describe(data)}.")
    return data


def load_any(path: Path):
    data = parse(read_text(path), path.name)
    if isinstance(data, dict):
        check_perspective(data, path.name)
    return data


def parse(text: str, where: str):
    """What a JSON text holds, of whatever lens."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise MirageError(f"{where}: must be JSON; {brief(error, 160)}.") from error


def entry(data: dict, name: str, kind: type, where: str):
    """``data[name]``, which must be of a kind."""
    value = data.get(name)
    if not isinstance(value, kind):
        raise MirageError(f"{where}: {name} must be a JSON {kind.__name__}; got {describe(value)}.")
    return value


def check_perspective(data: dict, where: str) -> None:
    """Raise MirageError for a panorama, a fisheye or a parallel view: read as a pinhole its cameras would be wrong."""
    found = {name: data[name] for name in KINDS if data.get(name) is not None}
    strange = [
        (name, kind) for name, kind in found.items() if re.sub(r"[- ]", "_", str(kind).upper()) not in PERSPECTIVE
    ]
    strange += [(name, data[name]) for name in OTHER_LENSES if data.get(name)]
    if strange:
        name, kind = strange[0]
        raise MirageError(
            f"{where}: {name} must be perspective (a pinhole, or one with a bent lens); got {describe(kind)}. "
            "Undistort the pictures, or cut perspective views out of them, and take the cameras of these."
        )


def array(value: object, shape: tuple[int | None, ...], name: str, where: str) -> np.ndarray:
    """Lists of numbers as float64 of a shape; None = any length but none.

    Args:
        name: what the file calls them.
    """
    found = _numbers(value, name, where)
    fitting = found.ndim == len(shape) and found.size > 0
    if not fitting or any(n not in (None, length) for n, length in zip(shape, found.shape, strict=True)):
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        wanted = f"{wanted} numbers" if shape else "a number"
        raise MirageError(f"{where}: {name} must be {wanted}; got {_size(found)}.")
    return found


def matrices(value: object, name: str, where: str) -> np.ndarray:
    """Lists of 3 x 4 or 4 x 4 matrices as float64 ``(T, 3|4, 4)``."""
    found = _numbers(value, name, where)
    if found.ndim != 3 or found.shape[1:] not in ((4, 4), (3, 4)) or len(found) == 0:
        raise MirageError(f"{where}: {name} must hold matrices of 4 x 4 or 3 x 4 numbers; got {_size(found)}.")
    return found


def lenses(value: object, views: int, name: str, where: str) -> np.ndarray:
    """One 3 x 3 K, or one for each of the views, as float64 ``(T, 3, 3)`` in the file's own unit."""
    found = _numbers(value, name, where)
    found = found[None] if found.ndim == 2 else found
    if found.shape[1:] != (3, 3) or len(found) not in (1, views):
        raise MirageError(f"{where}: {name} must be 3 x 3 numbers, or {views} x 3 x 3; got {_size(found)}.")
    return np.broadcast_to(found, (views, 3, 3))


def size_of(data: dict, height: str, width: str, where: str) -> tuple[int, int]:
    """``(H, W)`` pixels, by the names that the file gives them."""
    return tuple(int(array(data.get(name), (), name, where)) for name in (height, width))


def _numbers(value: object, name: str, where: str) -> np.ndarray:
    if value is None:
        raise MirageError(f"{where}: must hold {name}; it does not.")
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise MirageError(f"{where}: {name} must hold numbers; {brief(error)}.") from error


def _size(found: np.ndarray) -> str:
    return " x ".join(map(str, found.shape)) or "a single value"
