"""ComfyUI-Camera-Path, version 2 and 1: keys of a camera that turns about pivots, which lie in the start camera's view.

Everything is in the start camera's frame, OpenCV axes. A pivot stands at x, y, z and its orbit is turned by roll, tilt
and heading; the camera stands ``distance`` behind it, turned by azimuth to the right and elevation up, moved by lateral
and height (the target along with it, unless lock is 1), turned by pan, tilt and roll about its own axes, and moved by
dolly along its view. Degrees, and lengths in shares of the depth of the subject: ``scene_depth``. Between keys every
value runs along a monotone cubic (PCHIP) with level ends, that of a pivot along with its camera's. There
are no intrinsics. Source: github phazei/ComfyUI-Camera-Path, camera_path/trajectory.py and render.py.
"""

import re
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief, describe
from .json_file import load_any
from .keyed import between, key_frames, number_of
from .parsed import Parsed, ReadOptions, oriented, pose

TITLE = "ComfyUI-Camera-Path keys"
SUFFIX = ".json"
OPTIONS = ("field_of_view", "scene_depth", "invert", "flip")
VERSION = 2
CAMERA = {
    **dict.fromkeys(("azimuth", "elevation", "lateral", "height", "pan", "tilt", "roll", "lock", "dolly"), 0.0),
    "distance": 1.0,
}
PIVOT = {"x": 0.0, "y": 0.0, "z": 1.0, "tilt": 0.0, "roll": 0.0, "heading": 0.0}
MARK = re.compile(r'"(azimuth|elevation|pivots)"\s*:')


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and MARK.search(text) is not None and '"frame"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load_any(path)
    data = {"camera": data} if isinstance(data, list) else data
    if not isinstance(data, dict):
        raise MirageError(f"{path.name}: must hold a JSON object or a list of keys; got {describe(data)}.")
    version = data.get("version", VERSION)
    if version not in (1, VERSION):
        raise MirageError(f"{path.name}: must be of version {VERSION} at most; it is of {describe(version)}.")
    keys, frames = key_frames(data.get("camera"), "camera", path.name)
    pivots = _pivots(data, path.name)
    rows = []
    for frame, key in zip(frames, keys, strict=True):
        where = f"{path.name}, key at frame {frame:.0f}"
        values = [number_of(key, name, default, where) for name, default in CAMERA.items()]
        named = key.get("pivot") or next(iter(pivots))
        if named not in pivots:
            raise MirageError(f"{where}: pivot must be one of {brief(', '.join(pivots))}; got {brief(repr(named))}.")
        of_pivot, at = pivots[named]
        rows.append([*values, *_along(at, of_pivot, np.array([frame]))[0]])
    values = _along(frames, np.array(rows), np.arange(frames[-1] + 1))  # (T, 16)
    cam2world = _cameras(values, options.scene_depth, path.name)
    notes = [
        f"{len(keys)} keys over {len(cam2world)} frames, about {len(pivots)} pivot{'s' * (len(pivots) != 1)}",
        f"the subject is {options.scene_depth:g} scene units ahead",
        "from the start camera's frame",
    ]
    return Parsed(oriented(cam2world, options, False, path.name), None, notes, options.image_size)


def _pivots(data: dict, name: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The values ``(N, 6)`` of the keys of every pivot, and their frames ``(N,)``."""
    listed = data.get("pivots") or [{"id": "p1", "keys": [{"frame": 0}]}]
    if not isinstance(listed, list) or not all(isinstance(one, dict) and one.get("id") for one in listed):
        raise MirageError(f"{name}: pivots must be a list of objects with an id; got {describe(listed)}.")
    pivots = {}
    for one in listed:
        keys, frames = key_frames(one.get("keys"), "keys", f"{name}, pivot {one['id']}")
        where = f"{name}, pivot {one['id']}"
        values = [[number_of(key, axis, default, where) for axis, default in PIVOT.items()] for key in keys]
        pivots[str(one["id"])] = np.array(values), frames
    return pivots


def _along(frames: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values ``(N, A)`` of keys at their frames, as ``(T, A)`` at others, along monotone cubics with level ends."""
    slopes = np.zeros_like(values)
    steps = np.diff(frames)[:, None]
    rises = np.diff(values, axis=0) / steps
    before, behind = rises[:-1], rises[1:]
    same_way = before * behind > 0
    first, last = 2 * steps[1:] + steps[:-1], steps[1:] + 2 * steps[:-1]
    weighed = np.where(same_way, first, 0) / np.where(same_way, before, 1)
    weighed += np.where(same_way, last, 0) / np.where(same_way, behind, 1)
    slopes[1:-1] = np.where(same_way, (first + last) / np.where(same_way, weighed, 1), 0)
    low, high, u = between(frames, at)
    u, span = u[:, None], (frames[high] - frames[low])[:, None]
    rise = (u**2 * (3 - 2 * u)) * (values[high] - values[low])
    return values[low] + rise + span * (u * (1 - u) ** 2 * slopes[low] - u**2 * (1 - u) * slopes[high])


def _cameras(values: np.ndarray, depth: float, name: str) -> np.ndarray:
    """cam2world ``(T, 4, 4)`` of values ``(T, 16)``: those of CAMERA, then those of PIVOT."""
    own = dict(zip(CAMERA, values.T, strict=False))
    pivot = dict(zip(PIVOT, values.T[len(CAMERA) :], strict=True))
    if (own["distance"] <= 0).any() or (pivot["z"] <= 0).any():
        raise MirageError(f"{name}: distance, and z of a pivot, must be above 0 at every key.")
    frame = _about("z", pivot["roll"]) @ _about("x", pivot["tilt"]) @ _about("y", -pivot["heading"])
    rotation = frame @ _about("y", -own["azimuth"]) @ _about("x", -own["elevation"])
    middle = depth * np.stack([pivot[axis] for axis in "xyz"], axis=1)  # (T, 3)
    shift = depth * (own["lateral"][:, None] * rotation[:, :, 0] - own["height"][:, None] * frame[:, :, 1])
    eye = middle - depth * own["distance"][:, None] * rotation[:, :, 2] + shift
    turned = _looking(eye, middle + (1 - own["lock"])[:, None] * shift, rotation[:, :, 1], name)
    turned = turned @ _about("y", own["pan"]) @ _about("x", own["tilt"]) @ _about("z", own["roll"])
    return pose(turned, eye + depth * own["dolly"][:, None] * turned[:, :, 2])


def _looking(eye: np.ndarray, target: np.ndarray, down: np.ndarray, name: str) -> np.ndarray:
    """Rotations ``(T, 3, 3)`` of OpenCV cameras, all arguments ``(T, 3)``."""
    forward = target - eye
    right = np.cross(down, forward)
    lengths = np.linalg.norm(right, axis=1)
    if (lengths < 1e-6 * np.linalg.norm(forward, axis=1)).any() or (lengths == 0).any():
        raise MirageError(f"{name}: a camera must not look straight up or down; frame {int(lengths.argmin())} does.")
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right /= lengths[:, None]
    return np.stack([right, np.cross(forward, right), forward], axis=2)


def _about(axis: str, degrees: np.ndarray) -> np.ndarray:
    """Rotations ``(T, 3, 3)`` about an axis, right-handed."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turns = np.tile(np.eye(3), (len(degrees), 1, 1))
    turns[:, i, i], turns[:, j, j], turns[:, i, j], turns[:, j, i] = cos, cos, -sin, sin
    return turns
