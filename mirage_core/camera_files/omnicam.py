"""ComfyUI-Majoor-OmniCam: a motion scene, or one camera track: keys of position, target, roll and field of view.

The world's y is up, in metres; fov is vertical, degrees; roll turns the camera counter-clockwise, seen from behind;
zoom is of orthographic cameras alone. Between keys the values move straight, by the easing of the key before. A scene's
camera is found by its id or label, else the active one; one whose edit cuts between cameras is refused. Source: github
MajoorWaldi/ComfyUI-Majoor-OmniCam, omnicam/core/motion_scene.py, track.py and projection.py.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from .json_file import array, check_perspective, entry, load
from .keyed import between, check_count, key_frames, number_of
from .parsed import FLIP, Parsed, ReadOptions, from_fov, oriented, pose

TITLE = "OmniCam scene"
SUFFIX = ".json"
OPTIONS = ("camera", "invert", "transpose", "flip", "horizontal_fov")
VERSION = 1
EASE = "ease"
EASINGS = {
    "linear": lambda t: t,
    "ease_in": lambda t: t**2,
    "ease_out": lambda t: 1 - (1 - t) ** 2,
    "smooth": lambda t: t**3 * (t * (6 * t - 15) + 10),
    "bezier": lambda t: 0.15 * (1 - t) ** 2 * t + 2.85 * (1 - t) * t**2 + t**3,
    **dict.fromkeys((EASE, "ease_in_out", "smoothstep"), lambda t: t**2 * (3 - 2 * t)),
}
STEEP = 1e-6  # length of a right hand below which the view goes along the world's up


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and '"duration_frames"' in text and '"keyframes"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    track, said = _track(data, options.camera, path.name) if "cameras" in data else (data, [])
    keys, frames = key_frames(track.get("keyframes"), "keyframes", path.name)
    count = check_count(number_of(track, "duration_frames", None, path.name), "duration_frames", path.name)
    views = [_view(key, f"{path.name}, keyframe {n}") for n, key in enumerate(keys)]
    values = _eased(np.array(views), keys, frames, count, path.name)  # (T, 8)
    size = options.image_size or tuple(int(number_of(track, name, None, path.name)) for name in ("height", "width"))
    if min(size) < 1:
        raise MirageError(f"{path.name}: width and height must be above 0; got {size[1]} and {size[0]}.")
    matrices = FLIP @ _looking(values[:, :3], values[:, 3:6], np.radians(values[:, 6]), path.name)
    K = from_fov(values[:, 7], size[1] / size[0], options)
    notes = [*said, f"{len(keys)} keys over {count} frames", "cam2world of a world whose y is up, read as OpenCV's"]
    return Parsed(oriented(matrices, options, False, path.name), K, [*notes, "vertical field of view", "metres"], size)


def _track(scene: dict, wanted: str, name: str) -> tuple[dict, list[str]]:
    """The track of one camera of a scene, and what is said of it."""
    cameras = entry(scene, "cameras", list, name)
    named = {camera.get("id"): camera for camera in cameras} | {camera.get("label"): camera for camera in cameras}
    shots = {cut.get("camera_id") for cut in scene.get("cuts") or []}
    if len(shots) > 1 and not wanted:
        raise MirageError(
            f"{name}: its edit cuts between cameras, which no one path does. Set camera to one of "
            f"{brief(', '.join(map(str, named)), 160)}."
        )
    wanted = wanted or scene.get("active_camera_id")
    if wanted not in named:
        raise MirageError(
            f"{name}: camera must be one of {brief(', '.join(map(str, named)), 160)}; got {brief(repr(wanted))}."
        )
    return entry(named[wanted], "track", dict, f"{name}, camera {wanted}"), [f"camera {wanted} of {len(cameras)}"]


def _view(key: dict, where: str) -> list[float]:
    """position, target, roll and fov of a key."""
    camera = key["camera"] if isinstance(key.get("camera"), dict) else key
    check_perspective(camera, where)
    vectors = [array(camera.get(name), (3,), name, where) for name in ("position", "target")]
    fov = number_of(camera, "fov", None, where)
    if not 0 < fov < 180:
        raise MirageError(f"{where}: fov must lie between 0 and 180 degrees; got {fov:g}.")
    return [*np.concatenate(vectors), number_of(camera, "roll", 0.0, where), fov]


def _eased(views: np.ndarray, keys: list[dict], frames: np.ndarray, count: int, name: str) -> np.ndarray:
    modes = [key.get("interpolation", EASE) for key in keys]
    strange = [mode for mode in modes if mode not in EASINGS]
    if strange:
        raise MirageError(f"{name}: interpolation must be one of {', '.join(EASINGS)}; got {brief(repr(strange[0]))}.")
    before, behind, share = between(frames, np.arange(count))
    share = np.select([np.array(modes)[before] == mode for mode in EASINGS], [ease(share) for ease in EASINGS.values()])
    change = views[behind] - views[before]
    change[:, 6] = (change[:, 6] + 180) % 360 - 180  # the roll takes the shorter way
    return views[before] + share[:, None] * change


def _looking(position: np.ndarray, target: np.ndarray, roll: np.ndarray, name: str) -> np.ndarray:
    """cam2world ``(T, 4, 4)`` of OpenCV cameras in a world whose y is up, of ``(T, 3)`` and radians ``(T,)``."""
    forward = target - position
    distance = np.linalg.norm(forward, axis=1, keepdims=True)
    if (distance < STEEP).any():
        raise MirageError(f"{name}: target must lie away from position; at frame {int(distance.argmin())} it does not.")
    forward /= distance
    right = np.cross(forward, [0.0, 1.0, 0.0])
    steep = np.linalg.norm(right, axis=1) < STEEP
    up = np.stack([np.zeros(len(forward)), np.zeros(len(forward)), -np.sign(forward[:, 1])], axis=1)
    right = np.where(steep[:, None], np.cross(forward, up), right)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(right, forward)
    cos, sin = np.cos(roll)[:, None], np.sin(roll)[:, None]
    right, up = right * cos + up * sin, up * cos - right * sin
    return pose(np.stack([right, -up, forward], axis=2), position)
