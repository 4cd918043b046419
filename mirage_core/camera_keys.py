"""A camera path from a few keys, and the cameras that it means; camera_key_text.py reads what the editor writes.

web/editor/keys.mjs interpolates the same keys; tests/data/camera_keys.json holds poses that both give.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from .cameras import Cameras, check_start
from .splines import neighbours, pose_spline

# speeds at the start and at the end of the way to the next key, 1 = even; None: as the ways beside it have them
EASINGS = {"linear": (1.0, 1.0), "smooth": None, "start gently": (0.0, 2.0), "stop gently": (2.0, 0.0)}
FASTEST = 3.0  # such a speed at its end: a faster cubic way would turn back
STILL = 1e-4  # median depths: on a way shorter than this the camera stays where it is
PIECES = 64  # of the way from key to key, by which its length is measured
NO_AIM = 1e-6  # median depths: a camera this near to its target keeps its own view


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
        target: where the camera looks, in place of pan and tilt, in the positions' frame and unit; None = as these say.
            Between two keys with targets it keeps looking at a point that goes evenly from one to the other.
    """

    time: float
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pan: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0
    field_of_view: float | None = None
    easing: str = "linear"
    target: tuple[float, float, float] | None = None


def keyed_path(
    keys: tuple[CameraKey, ...], start: Cameras, frames: int, scene_depth: float, constant_speed: bool = False
) -> Cameras:
    """Move a camera through keys; before the first and after the last it stands still.

    Positions and rotations run along ``pose_spline``, the field of view evenly, both with the easing of the key before.

    Args:
        start: one camera, in whose frame the keys are; its principal point and its pixels' shape are kept.
        frames: how many cameras to make, one per video frame.
        scene_depth: scene units per unit of the keys' positions.
        constant_speed: move at one speed from the first key to the last: of the times between, and of the easings,
            only how long the camera stays on the spot, and turns there, is kept.

    Raises:
        MirageError: ``start`` is not one camera, or frames or depth are not positive.
    """
    check_start(start, frames, scene_depth)
    keys = tuple(_aimed(key) for key in keys)
    times = torch.linspace(0.0, 1.0, frames, dtype=torch.float64)
    along = (_along_at_one_speed if constant_speed else _along)(keys, times)  # (F,) fractional key numbers
    poses = _looking_at_targets(pose_spline(torch.stack([_pose(key) for key in keys]), along), keys, along)
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


def _along_at_one_speed(keys: tuple[CameraKey, ...], times: Tensor) -> Tensor:
    """As ``_along``, at one speed on all ways on which the camera moves; the others take the time of their keys."""
    if len(keys) == 1:
        return torch.zeros_like(times)
    at = torch.tensor([key.time for key in keys], dtype=torch.float64)
    pieces = torch.arange((len(keys) - 1) * PIECES + 1, dtype=torch.float64) / PIECES
    places = pose_spline(torch.stack([_pose(key) for key in keys]), pieces)[:, :3, 3]
    lengths = places.diff(dim=0).norm(dim=1).view(-1, PIECES)  # (N - 1, PIECES)
    spans, ways = at.diff(), lengths.sum(dim=1)
    moves = ways > STILL
    slowness = spans[moves].sum() / ways[moves].sum().clamp(min=STILL)
    took = torch.where(moves.unsqueeze(1), lengths * slowness, spans.unsqueeze(1) / PIECES).flatten()
    reached = torch.cat([at[:1], at[0] + took.cumsum(dim=0)])  # when each piece begins
    times = times.clamp(at[0], at[-1])
    low = (torch.searchsorted(reached, times, right=True) - 1).clamp(0, len(took) - 1)
    share = ((times - reached[low]) / took[low].clamp(min=1e-12)).clamp(0.0, 1.0)
    return (low + share) / PIECES


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


def _aimed(key: CameraKey) -> CameraKey:
    """The key with the pan and tilt that look at its target."""
    if key.target is None:
        return key
    pan, tilt, far = _angles_to(torch.tensor(key.target).double() - torch.tensor(key.position).double())
    return replace(key, pan=float(pan), tilt=float(tilt)) if far > NO_AIM else key


def _angles_to(way: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pan and tilt, degrees, that look along ways ``(..., 3)``, and how long these are."""
    x, y, z = way.unbind(dim=-1)
    far = way.norm(dim=-1)
    tilt = torch.asin((-y / far.clamp(min=NO_AIM)).clamp(-1.0, 1.0))
    return torch.rad2deg(torch.atan2(x, z)), torch.rad2deg(tilt), far


def _looking_at_targets(poses: Tensor, keys: tuple[CameraKey, ...], along: Tensor) -> Tensor:
    """Turn the poses ``(F, 4, 4)`` between two keys with targets to a point on the way from one target to the other."""
    if all(key.target is None for key in keys):
        return poses
    low, high, part = neighbours(along, len(keys))
    aims = torch.tensor([key.target is not None for key in keys])
    targets = torch.tensor([key.target or (0.0, 0.0, 0.0) for key in keys], dtype=torch.float64)
    target = torch.lerp(targets[low], targets[high], part.unsqueeze(1))
    pan, tilt, far = _angles_to(target - poses[:, :3, 3])
    rolls = torch.tensor([key.roll for key in keys], dtype=torch.float64)
    turned = _turn(pan, tilt, torch.lerp(rolls[low], rolls[high], part))
    held = (aims[low] & aims[high] & (far > NO_AIM)).view(-1, 1, 1)
    poses[:, :3, :3] = torch.where(held, turned, poses[:, :3, :3])
    return poses


def _pose(key: CameraKey) -> Tensor:
    """``(4, 4)`` in the frame of the start camera, its position in the keys' unit."""
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = _turn(*torch.tensor([key.pan, key.tilt, key.roll], dtype=torch.float64))
    pose[:3, 3] = torch.tensor(key.position, dtype=torch.float64)
    return pose


def _turn(pan: Tensor, tilt: Tensor, roll: Tensor) -> Tensor:
    """Rotations ``(..., 3, 3)`` of angles ``(...)`` in degrees: pan about y, then tilt about x, then roll about z."""
    (sp, cp), (st, ct), (sr, cr) = ((angle.sin(), angle.cos()) for angle in map(torch.deg2rad, (pan, tilt, roll)))
    o, i = torch.zeros_like(pan), torch.ones_like(pan)
    about_y, about_x, about_z = (
        torch.stack(rows, dim=-1).reshape(*pan.shape, 3, 3)
        for rows in (
            [cp, o, sp, o, i, o, -sp, o, cp],
            [i, o, o, o, ct, -st, o, st, ct],
            [cr, -sr, o, sr, cr, o, o, o, i],
        )
    )
    return about_y @ about_x @ about_z
