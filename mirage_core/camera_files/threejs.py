"""three.js cameras, ComfyUI's camera_info: position, target or quaternion (w last), vertical field of view.

One camera or a list of them. The world is that of ComfyUI's 3D viewer (y up): it becomes OpenCV's (y down, z forward).
"""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, describe
from ..files import write_text
from .json_file import check_perspective, load_any
from .parsed import (
    FLIP,
    Parsed,
    ReadOptions,
    Written,
    from_fov,
    matrix_to_quaternion,
    oriented,
    pose,
    rotations_of,
    vertical_fov,
)

TITLE = "three.js / Load3D camera_info"
SUFFIX = ".json"
OPTIONS = ("invert", "transpose", "flip", "quaternion_xyzw", "horizontal_fov")
STEEP = 0.999  # of 1: a view along the world's up takes another up


def fits(path: Path, text: str) -> bool:
    if path.suffix.lower() != SUFFIX or '"keyframes"' in text:  # of OmniCam
        return False
    return '"position"' in text and ('"target"' in text or '"quaternion"' in text)


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load_any(path)
    if isinstance(data, dict) and isinstance(data.get("cameras"), list):
        data = data["cameras"]
    infos = data if isinstance(data, list) else [data]
    if not infos:
        raise MirageError(f"{path.name}: must hold a camera; the list is empty.")
    cameras = [_camera(info, options, f"{path.name}, camera {n}") for n, info in enumerate(infos)]
    matrices = FLIP @ np.stack([matrix for matrix, _, _ in cameras]) @ FLIP
    aspect = options.image_size[1] / options.image_size[0] if options.image_size else cameras[0][2]
    K = from_fov([fov for _, fov, _ in cameras], aspect, options)
    notes = ["cam2world of three.js cameras (y up, z backward)", "vertical field of view in degrees", "viewer units"]
    return Parsed(oriented(matrices, options, False, path.name), K, notes, options.image_size, aspect)


def _camera(info: object, options: ReadOptions, where: str) -> tuple[np.ndarray, float, float]:
    """cam2world ``(4, 4)`` in three.js axes, vertical field of view, aspect."""
    if not isinstance(info, dict) or "position" not in info:
        raise MirageError(f"{where}: must hold a position; got {describe(info)}.")
    check_perspective(info, where)
    position = _vector(info, "position", "xyz", where)
    if info.get("quaternion"):
        wxyz = _vector(info, "quaternion", "wxyz", where)
        rotation = rotations_of(wxyz[None], options, False, where)[0][0]
    else:
        rotation = _looking(position, _vector(info, "target", "xyz", where), where)
    fov, zoom = float(info.get("fov", 50.0)), float(info.get("zoom", 1.0))
    if not 0 < fov < 180 or zoom <= 0:
        raise MirageError(
            f"{where}: fov must lie between 0 and 180 degrees and zoom above 0; got {fov:g} and {zoom:g}."
        )
    seen = np.degrees(2 * np.arctan(np.tan(np.radians(fov) / 2) / zoom))
    return pose(rotation[None], position[None])[0], float(seen), float(info.get("aspect") or 16 / 9)


def _looking(position: np.ndarray, target: np.ndarray, where: str) -> np.ndarray:
    backward = position - target
    if np.linalg.norm(backward) < 1e-9:
        raise MirageError(f"{where}: target must lie away from position; both are {position.tolist()}.")
    backward = backward / np.linalg.norm(backward)
    up = np.array([0.0, 0.0, 1.0]) if abs(backward[1]) > STEEP else np.array([0.0, 1.0, 0.0])
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(backward, right), backward], axis=1)


def _vector(info: dict, name: str, axes: str, where: str) -> np.ndarray:
    try:
        return np.array([float(info[name][axis]) for axis in axes])
    except (KeyError, TypeError, ValueError) as error:
        raise MirageError(
            f"{where}: {name} must hold numbers {', '.join(axes)}; got {describe(info.get(name))}."
        ) from error


def camera_info(cam2world: np.ndarray, fov: float, aspect: float) -> dict:
    """One camera ``(4, 4)``, OpenCV axes, as ComfyUI's viewers take it."""
    matrix = FLIP @ cam2world @ FLIP
    w, x, y, z = matrix_to_quaternion(matrix[None, :3, :3])[0]
    position, target = matrix[:3, 3], matrix[:3, 3] - matrix[:3, 2]
    return {
        "position": dict(zip("xyz", position.tolist(), strict=True)),
        "target": dict(zip("xyz", target.tolist(), strict=True)),
        "quaternion": {"x": float(x), "y": float(y), "z": float(z), "w": float(w)},
        "fov": float(fov),
        "aspect": float(aspect),
        "zoom": 1.0,
        "cameraType": "perspective",
    }


def write(path: Path, written: Written) -> None:
    (H, W), fov = written.image_size, vertical_fov(written.K)
    infos = [camera_info(matrix, angle, W / H) for matrix, angle in zip(written.cam2world, fov, strict=True)]
    write_text(path, json.dumps(infos, indent=1))
