"""Cameras that look all around from one place, and which of their tokens show a direction best."""

import math
from dataclasses import replace
from itertools import count

import torch
from torch import Tensor

from .cameras import Cameras
from .errors import MirageError, check_number, check_size
from .geometry import Geometry, tokens_touched
from .lifting import lift, unprojected
from .panorama import directions
from .points import PointBlock

FIELDS_OF_VIEW = (20.0, 140.0)  # degrees, of either axis: narrower takes hundreds of views, wider is all stretched
OVERLAPS = (0.05, 0.5)  # share of a view's angle, see ``all_around``
MORE_RINGS = (0, 2)  # that are tried beyond the fewest
PROBES = 90  # rows of the directions at which coverage is checked; they stand closer than the smallest overlap
TOLERANCE = 2.0**-10  # of a picture's half width: a cube of views has edges without any overlap
REACH = 0.75  # tokens from a token's centre to its farthest corner, and a little
WIDER = 1.15  # of footprints: a token of one view's middle is read at the border of another, where cells span less


def all_around(field_of_view: float, image_size: tuple[int, int], overlap: float) -> Cameras:
    """The fewest views, in rings of one elevation each, that show every direction, up and down too.

    Args:
        field_of_view: horizontal, degrees.
        image_size: ``(H, W)`` pixels; only its shape matters.
        overlap: each view could do without this share of its horizontal and of its vertical angle, half at either side.

    Returns:
        Cameras at the origin (panorama.py): first the ring at the horizon, from straight ahead to the right, then those
        above and below, last straight up and straight down. None of them leans.

    Raises:
        MirageError: field of view or overlap are out of range.
    """
    view = _view(field_of_view, image_size)
    least, most = OVERLAPS
    if not least <= check_number("overlap", overlap, above=0.0) <= most:
        raise MirageError(f"overlap: must be {least:g} to {most:g} of a view's angle; got {overlap!r}.")
    halves = tuple((1.0 - overlap) * half for half in _half_angles(view))  # radians, horizontal and vertical
    probes = directions(PROBES).flatten(0, 1)
    fewest = 2 * math.ceil(math.pi / 4 / halves[1] - TOLERANCE)  # steps from straight down to straight up, even
    found = [_fewest_around(fewest + more, halves, probes) for more in MORE_RINGS]
    return Cameras(min(found, key=len), view.K)


def at_horizon(field_of_view: float, image_size: tuple[int, int], views: int) -> Cameras:
    """So many views at the horizon, evenly spaced, from straight ahead to the right. Arguments as of ``all_around``."""
    view = _view(field_of_view, image_size)
    if not isinstance(views, int) or views < 1:
        raise MirageError(f"views: must be a whole number of at least 1; got {views!r}.")
    return Cameras(_ring(0.0, views), view.K)


def best_tokens(cameras: Cameras, size: tuple[int, int]) -> Tensor:
    """Tokens whose direction no other view shows nearer to its centre, but for a margin: bool ``(T, h, w)``.

    There a token is least stretched, and far from the border, where a VAE knows one side only. The margin is such that
    every direction lies in a token that is kept, of its best view: the token's centre is off by ``REACH`` at most.

    Args:
        cameras: at one place.
        size: ``(h, w)`` of the token grid.
    """
    h, w = size
    rays = unprojected(cameras.K.new_ones(len(cameras), h, w), cameras, "center") - cameras.centers[:, None, None]
    rays = torch.nn.functional.normalize(rays, dim=-1)  # (T, h, w, 3)
    reach = REACH / (float(cameras.K[0, 0, 0]) * w)  # radians, of a token in the middle, which is the widest
    within = tuple(half - reach for half in _half_angles(cameras))
    best = torch.zeros(len(cameras), h, w, dtype=torch.bool)
    for view, mine in enumerate(rays):
        angle = torch.acos((mine @ cameras.cam2world[:, :3, 2].T).clamp(-1.0, 1.0))  # (h, w, T) from optical axes
        shown = torch.where(_shown(mine, cameras.cam2world, within), angle, torch.inf)
        best[view] = angle[..., view] <= shown.amin(dim=-1) + 2.0 * reach
    return best


def lift_around(latents: Tensor, geometry: Geometry, flagged: Tensor | None = None) -> PointBlock:
    """Place the best tokens of views that were encoded one by one, each direction from the view that shows it best.

    Args:
        latents: ``(T, C, h, w)``, one per picture. They get number 0, that of a video's first frame, which is alone.
        geometry: of the same views, all at one place.
        flagged: bool ``(T, H, W)``, pixels to keep out of the memory: a token goes if any of its pixels does.
    """
    size = tuple(latents.shape[-2:])
    exclude = ~best_tokens(geometry.cameras, size)
    if flagged is not None:
        exclude |= tokens_touched(flagged, size)
    block = lift(latents, geometry, exclude=exclude, frames=torch.zeros(len(latents), dtype=torch.long))
    return replace(block, footprint=WIDER * block.footprint)


def _view(field_of_view: float, image_size: tuple[int, int]) -> Cameras:
    H, W = check_size("image_size", image_size)
    least, most = FIELDS_OF_VIEW
    angles = [least - 1.0]
    if least <= check_number("field_of_view", field_of_view, above=0.0) <= most:
        view = Cameras.at_origin(field_of_view, (H, W))
        angles = [math.degrees(2.0 * half) for half in _half_angles(view)]
    if not least - TOLERANCE <= min(angles) <= max(angles) <= most + TOLERANCE:
        raise MirageError(
            f"field_of_view: must be {least:g} to {most:g} degrees, horizontally and, for views of {W} x {H}, "
            f"vertically; got {field_of_view:g} horizontally. Choose another field of view, or views that are nearer "
            "to a square."
        )
    return view


def _half_angles(view: Cameras) -> tuple[float, float]:
    """Half the horizontal and half the vertical field of view, radians."""
    return tuple(math.atan(0.5 / float(view.K[0, axis, axis])) for axis in (0, 1))


def _fewest_around(steps: int, halves: tuple[float, float], probes: Tensor) -> Tensor:
    """Poses ``(T, 4, 4)`` of rings at so many even steps of elevation, with the fewest views that show every probe."""
    elevations = sorted((math.pi * (n / steps - 0.5) for n in range(steps + 1)), key=lambda one: (abs(one), -one))
    for around in count(3):
        numbers = [max(1, math.ceil(around * math.cos(one) - TOLERANCE)) for one in elevations]
        poses = torch.cat([_ring(one, number) for one, number in zip(elevations, numbers, strict=True)])
        if bool(_shown(probes, poses, halves).any(dim=-1).all()):
            return poses


def _ring(elevation: float, views: int) -> Tensor:
    """Poses ``(views, 4, 4)``, evenly spaced, from straight ahead to the right; radians above the horizon."""
    heading = 2.0 * math.pi * torch.arange(views, dtype=torch.float64) / views
    turn, lift = torch.eye(3, dtype=torch.float64).repeat(views, 1, 1), torch.eye(3, dtype=torch.float64)
    turn[:, 0, 0] = turn[:, 2, 2] = heading.cos()
    turn[:, 0, 2], turn[:, 2, 0] = heading.sin(), -heading.sin()
    lift[1, 1] = lift[2, 2] = math.cos(elevation)
    lift[1, 2], lift[2, 1] = -math.sin(elevation), math.sin(elevation)
    poses = torch.eye(4).repeat(views, 1, 1)
    poses[:, :3, :3] = (turn @ lift).float()
    return poses


def _shown(rays: Tensor, poses: Tensor, halves: tuple[float, float]) -> Tensor:
    """Which views of such half angles show rays ``(..., 3)``: bool ``(..., T)``."""
    x, y, z = torch.einsum("tji,...j->...ti", poses[:, :3, :3], rays).unbind(-1)
    wide, high = (math.tan(half) * (1.0 + TOLERANCE) for half in halves)
    return (z > 0) & (x.abs() <= wide * z) & (y.abs() <= high * z)
