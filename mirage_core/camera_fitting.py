"""Few keys for many cameras: a path from a file, or from another node, as the Camera Path Editor can edit it."""

import math
from itertools import pairwise

import torch
from torch import Tensor

from .camera_keys import CameraKey, keyed_path
from .cameras import Cameras, check_start

POSITION_ERROR = 0.005  # median depths
ANGLE_ERROR = 0.5  # degrees, of the turn and of the lens
UPRIGHT = 1e-6  # a view this near to straight up or down has no pan of its own


def keys_from_cameras(cameras: Cameras, start: Cameras, scene_depth: float) -> tuple[CameraKey, ...]:
    """Fit keys to cameras: ``keyed_path`` of as many video frames stays near to every one of them.

    Keys are put where the path between those at hand is farthest off, until it is nowhere off by more than
    ``POSITION_ERROR`` and ``ANGLE_ERROR``; at worst there is one for each camera. Of a path that sets off and arrives
    at once and of one that does so gently the one with fewer keys is taken. Principal points are not kept.

    Args:
        cameras: one per video frame, in the world of ``start``.
        start: one camera, in whose frame the keys are.
        scene_depth: scene units per unit of the keys' positions.

    Raises:
        MirageError: ``start`` is not one camera, or the depth is not positive.
    """
    check_start(start, len(cameras), scene_depth)
    local = torch.linalg.inv(start.cam2world.cpu().double()) @ cameras.cam2world.cpu().double()
    every = _a_key_each(local, cameras, start, scene_depth)
    return min((_fitted(every, cameras, start, scene_depth, ends) for ends in ("linear", "smooth")), key=len)


def _a_key_each(local: Tensor, cameras: Cameras, start: Cameras, scene_depth: float) -> list[CameraKey]:
    own, fields = _fields(start)[0], _fields(cameras)
    lenses = [None if abs(field - own) < 0.5 * ANGLE_ERROR else round(float(field), 3) for field in fields]
    if any(lenses):  # one that is the picture's own between others is said as well
        lenses = [round(float(field), 3) for field in fields]
    keys = []
    for n, (pose, lens) in enumerate(zip(local, lenses, strict=True)):
        place = tuple(round(x, 5) + 0.0 for x in (pose[:3, 3] / scene_depth).tolist())
        pan, tilt, roll = (round(angle, 3) + 0.0 for angle in _angles(pose[:3, :3].tolist()))
        keys.append(CameraKey(n / max(len(local) - 1, 1), place, pan, tilt, roll, lens))
    return keys


def _angles(rotation: list[list[float]]) -> tuple[float, float, float]:
    """Pan, tilt and roll, degrees, of a rotation."""
    (rx, _, fx), (ry, dy, fy), (rz, _, fz) = rotation
    tilt = math.degrees(math.asin(max(-1.0, min(1.0, -fy))))
    if math.hypot(fx, fz) < UPRIGHT:
        return math.degrees(math.atan2(-rz, rx)), tilt, 0.0
    return math.degrees(math.atan2(fx, fz)), tilt, math.degrees(math.atan2(ry, dy))


def _fields(cameras: Cameras) -> Tensor:
    """Horizontal fields of view ``(T,)``, degrees."""
    return torch.rad2deg(2 * torch.atan(0.5 / cameras.K.cpu().double()[:, 0, 0]))


def _fitted(
    every: list[CameraKey], cameras: Cameras, start: Cameras, scene_depth: float, ends: str
) -> tuple[CameraKey, ...]:
    """Those of the keys that do; ``ends``: the easing of the first and the last way."""
    chosen = sorted({0, len(every) - 1})
    while True:
        keys = _eased([every[n] for n in chosen], ends)
        off = _off(keyed_path(keys, start, len(every), scene_depth), cameras, scene_depth)
        worst = [low + int(off[low : high + 1].argmax()) for low, high in pairwise(chosen)]
        more = [n for n in worst if off[n] > 1.0 and n not in chosen]
        if not more:
            return keys
        chosen = sorted([*chosen, *more])


def _eased(keys: list[CameraKey], ends: str) -> tuple[CameraKey, ...]:
    last = len(keys) - 2  # of the ways
    easings = [ends if n in (0, last) else "smooth" for n in range(last + 1)] + ["linear"]
    return tuple(
        CameraKey(key.time, key.position, key.pan, key.tilt, key.roll, key.field_of_view, easing)
        for key, easing in zip(keys, easings, strict=True)
    )


def _off(path: Cameras, cameras: Cameras, scene_depth: float) -> Tensor:
    """How far each camera of a path is off, ``(T,)``; 1 = as far as it may be."""
    away = (path.centers - cameras.centers.cpu()).norm(dim=1) / scene_depth
    # of a turn by an angle, |R - R'| is sqrt(8) sin(angle / 2): exact for small turns, where the trace is not
    between = (path.cam2world[:, :3, :3] - cameras.cam2world[:, :3, :3].cpu()).flatten(1).norm(dim=1)
    turned = torch.rad2deg(2 * torch.asin((between / math.sqrt(8.0)).clamp(max=1.0)))
    zoomed = (_fields(path) - _fields(cameras)).abs()
    return torch.stack([away / POSITION_ERROR, turned / ANGLE_ERROR, zoomed / ANGLE_ERROR]).amax(dim=0)
