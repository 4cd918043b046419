"""A camera path from a few keys: what the Camera Path Editor writes, and the cameras that it means.

web/editor/keys.mjs reads and interpolates the same keys; tests/data/camera_keys.json holds poses that both give.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .cameras import Cameras, check_start
from .errors import MirageError, brief, damage_refused
from .splines import neighbours, pose_spline
from .texts import json_list, json_number

FORMAT, VERSION = "mirage-camera-keys", 1
# speeds at the start and at the end of the way to the next key, 1 = even; None: as the ways beside it have them
EASINGS = {"linear": (1.0, 1.0), "smooth": None, "start gently": (0.0, 2.0), "stop gently": (2.0, 0.0)}
FASTEST = 3.0  # such a speed at its end: a faster cubic way would turn back
NARROWEST, WIDEST = 10.0, 179.0  # degrees


@dataclass(frozen=True)
class CameraKey:
    """One key of a path.

    Attributes:
        time: 0..1 of the path's length.
        position: x right, y down, z forward from the start camera; 1 is the scene's depth.
        pan, tilt, roll: degrees against the start camera, applied in this order from the outside in; to the right, up,
            clockwise.
        field_of_view: horizontal, degrees; None = of the start camera.
        easing: of the way to the next key, one of ``EASINGS``: "linear" is even, "start gently" stands still at this
            key, "stop gently" at the next one; "smooth" goes through its keys without a jump of speed, and stands still
            only where the path begins and ends. Beside a way that is much faster it does not reach that speed.
    """

    time: float
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    field_of_view: float | None = None
    easing: str = "linear"


DEFAULT = (CameraKey(0.0, easing="smooth"), CameraKey(1.0, position=(0.0, 0.0, 0.3)))


def keys_from_text(text: str) -> tuple[CameraKey, ...]:
    """Read keys as the editor, or a hand, wrote them; an empty text means ``DEFAULT``.

    Raises:
        MirageError: it is no such JSON; the text says which key and which value.
    """
    if not text.strip():
        return DEFAULT
    with damage_refused("path:", "the keys of a camera path"):
        return _keys(text)


def _keys(text: str) -> tuple[CameraKey, ...]:
    listed = json_list("path", text, (FORMAT, VERSION), "keys")
    if not listed:
        raise MirageError("path: keys must be a list of at least one key; got [].")
    keys = tuple(_key(number, one) for number, one in enumerate(listed, start=1))
    for number, (one, after) in enumerate(pairwise(keys), start=1):
        if not one.time < after.time:
            raise MirageError(
                f"path: keys must come in the order of their times; key {number} is at {one.time:g}, "
                f"key {number + 1} at {after.time:g}."
            )
    return keys


def _key(number: int, one: object) -> CameraKey:
    known = set(CameraKey.__dataclass_fields__)
    if not isinstance(one, dict) or "time" not in one or not set(one) <= known:
        raise MirageError(
            f"path: key {number} must have a time, and may have {', '.join(sorted(known))}; got {brief(repr(one))}."
        )
    place = one.get("position", [0.0, 0.0, 0.0])
    if not isinstance(place, list) or len(place) != 3:
        raise MirageError(f"path: key {number}: position must be three numbers; got {brief(repr(place))}.")
    fov = one.get("field_of_view")
    key = CameraKey(
        time=_number(number, "time", one["time"]),
        position=tuple(_number(number, "position", value) for value in place),
        **{name: _number(number, name, one.get(name, 0.0)) for name in ("pan", "tilt", "roll")},
        field_of_view=None if fov is None else _number(number, "field_of_view", fov),
        easing=one.get("easing", "linear"),
    )
    if not 0.0 <= key.time <= 1.0:
        raise MirageError(f"path: key {number}: time must lie in 0..1; got {key.time:g}.")
    if key.field_of_view is not None and not NARROWEST <= key.field_of_view <= WIDEST:
        raise MirageError(
            f"path: key {number}: field_of_view must lie in {NARROWEST:g}..{WIDEST:g}; got {key.field_of_view:g}."
        )
    if key.easing not in list(EASINGS):  # what came may be no text, and not hashable
        raise MirageError(
            f"path: key {number}: easing must be one of {', '.join(EASINGS)}; got {brief(repr(key.easing))}."
        )
    return key


def _number(number: int, name: str, value: object) -> float:
    return json_number(f"path: key {number}: {name}", value)


def keyed_path(keys: tuple[CameraKey, ...], start: Cameras, frames: int, scene_depth: float) -> Cameras:
    """Move a camera through keys; before the first and after the last it stands still.

    Positions and rotations run along ``pose_spline``, the field of view evenly, both with the easing of the key before.

    Args:
        start: one camera, in whose frame the keys are; its principal point and its pixels' shape are kept.
        frames: how many cameras to make, one per video frame.
        scene_depth: scene units per unit of the keys' positions.

    Raises:
        MirageError: ``start`` is not one camera, or frames or depth are not positive.
    """
    check_start(start, frames, scene_depth)
    along = _along(keys, torch.linspace(0.0, 1.0, frames, dtype=torch.float64))  # (F,) fractional key numbers
    poses = pose_spline(torch.stack([_pose(key) for key in keys]), along)
    poses[:, :3, 3] *= scene_depth
    own = math.degrees(2 * math.atan(0.5 / float(start.K[0, 0, 0])))
    degrees = torch.tensor([own if key.field_of_view is None else key.field_of_view for key in keys]).double()
    low, high, part = neighbours(along, len(keys))
    fov = torch.lerp(degrees[low], degrees[high], part)
    zoom = math.tan(math.radians(own) / 2) / torch.tan(torch.deg2rad(fov) / 2)  # (F,)
    K = start.K.cpu().repeat(frames, 1, 1)
    K[:, :2, :2] *= zoom.float().view(-1, 1, 1)
    return Cameras(start.cam2world.cpu() @ poses.float(), K)


def _along(keys: tuple[CameraKey, ...], times: Tensor) -> Tensor:
    """Where each time ``(F,)`` is, as a fractional key number."""
    if len(keys) == 1:
        return torch.zeros_like(times)
    at = torch.tensor([key.time for key in keys], dtype=torch.float64)
    times = times.clamp(at[0], at[-1])
    low = (torch.searchsorted(at, times, right=True) - 1).clamp(0, len(keys) - 2)
    share = (times - at[low]) / (at[low + 1] - at[low])
    speeds = torch.tensor(_speeds(keys), dtype=torch.float64)[low]  # (F, 2)
    return low + _eased(share, *speeds.unbind(dim=1))


def _speeds(keys: tuple[CameraKey, ...]) -> list[tuple[float, float]]:
    """Speeds at the start and at the end of every way between keys, 1 = even."""
    spans = [after.time - one.time for one, after in pairwise(keys)]
    given = [EASINGS[key.easing] for key in keys[:-1]]
    poses = [(key.position, key.pan, key.tilt, key.roll) for key in keys]
    holds = [one == after for one, after in pairwise(poses)]

    def smooth(way: int, n: int, beside: int, end: int) -> float:
        """Of a smooth way at key ``n``, where the way ``beside`` it has its end 0 or 1."""
        if not 0 <= beside < len(spans):
            return 0.0
        if holds[beside]:
            return 1.0  # the curve itself stands still there
        if given[beside] is None:
            return 2.0 * spans[way] / (keys[n + 1].time - keys[n - 1].time)
        return min(given[beside][end] * spans[way] / spans[beside], FASTEST)

    return [speeds or (smooth(n, n, n - 1, 1), smooth(n, n + 1, n + 1, 0)) for n, speeds in enumerate(given)]


def _eased(u: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """The cubic way from 0 to 1 that has these speeds at its ends."""
    v = 1.0 - u
    return u * (u * u + (3.0 - last) * u * v + first * v * v)


def _pose(key: CameraKey) -> Tensor:
    """``(4, 4)`` in the frame of the start camera, its position in the keys' unit."""
    (sp, cp), (st, ct), (sr, cr) = (
        (math.sin(math.radians(angle)), math.cos(math.radians(angle))) for angle in (key.pan, key.tilt, key.roll)
    )
    pan = torch.tensor([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]], dtype=torch.float64)
    tilt = torch.tensor([[1.0, 0.0, 0.0], [0.0, ct, -st], [0.0, st, ct]], dtype=torch.float64)
    roll = torch.tensor([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = pan @ tilt @ roll
    pose[:3, 3] = torch.tensor(key.position, dtype=torch.float64)
    return pose
