"""Ways through a room that come back: along the same path, or round in a loop."""

import math

import torch
from kornia.geometry.liegroup import So3

from ..mirage_core import Cameras
from ..mirage_core.splines import pose_spline
from .rooms import Room

EYE = (1.2, 1.7)  # metres above the floor
KEEP_OFF = 0.35  # metres between camera and things
STATIONS = 5  # of the way out
STRIDE = 0.4  # metres between stations, about
LOOK = 24.0  # degrees between stations, at most
INWARD = 70.0  # degrees at most between the first look and the way to the middle of the room
DOWN = (-3.0, 12.0)  # degrees that a walk looks below the horizon
TRIES = 200
FIELD_OF_VIEW = (65.0, 85.0)  # degrees, horizontal


class NoWayError(Exception):
    """The room leaves no space for a walk."""


def make_walk(room: Room, frames: int, image_size: tuple[int, int], seed: int) -> Cameras:
    """Cameras one after the other: out to a place, and back to the start.

    Args:
        frames: how many, spread evenly; about half of them revisit places.
        image_size: ``(H, W)``, of which only the shape matters.

    Raises:
        NoWayError: no free way was found.
    """
    generator = torch.Generator().manual_seed(seed)
    for _ in range(TRIES):
        stations = _stations(room, generator, STATIONS)
        if stations is None:
            continue
        back = stations.flip(0)[1:] if _chance(generator) < 0.7 else stations[:1]  # the same way, or straight home
        out_and_back = torch.cat([stations, back])
        poses = pose_spline(out_and_back, torch.linspace(0, len(out_and_back) - 1, frames, dtype=torch.float64)).float()
        if float(room.clearance(poses[:, :3, 3]).min()) > KEEP_OFF / 2:
            angle = FIELD_OF_VIEW[0] + (FIELD_OF_VIEW[1] - FIELD_OF_VIEW[0]) * _chance(generator)
            return Cameras(poses, Cameras.at_origin(angle, image_size).K)
    raise NoWayError(f"no free way through this room in {TRIES} tries")


def _chance(generator: torch.Generator) -> float:
    return float(torch.rand(1, generator=generator))


def _stations(room: Room, generator: torch.Generator, count: int) -> torch.Tensor | None:
    """Poses ``(count, 4, 4)``, a step apart, each in free space; None if the walk ran into something."""
    low, high = room.low[0], room.high[0]
    place = low + (high - low) * torch.rand(3, generator=generator)
    place[1] = -(EYE[0] + (EYE[1] - EYE[0]) * _chance(generator))
    inward = (low + high) / 2 - place
    heading = math.atan2(inward[0], inward[2]) + math.radians(INWARD) * (2 * _chance(generator) - 1)
    down = math.radians(DOWN[0] + (DOWN[1] - DOWN[0]) * _chance(generator))
    looks, poses = heading, []
    for _ in range(count):
        if float(room.clearance(place[None])) < KEEP_OFF:
            return None
        pose = torch.eye(4)
        turn = So3.rot_y(torch.tensor(looks)) * So3.rot_x(torch.tensor(-down))
        pose[:3, :3] = turn.matrix()
        pose[:3, 3] = place
        poses.append(pose)
        heading += math.radians(LOOK) * (2 * _chance(generator) - 1)
        looks = heading + 0.5 * math.radians(LOOK) * (2 * _chance(generator) - 1)
        step = STRIDE * (0.5 + _chance(generator))
        place = place + torch.tensor([step * math.sin(heading), 0.0, step * math.cos(heading)])
    return torch.stack(poses)
