"""TrajectoryCrafter text: three lines of turns up and to the right, in degrees, and of steps forward.

Looks like ViewCrafter's, and means other things. Line one: degrees up (theta); line two: degrees to the right (phi);
line three: steps forward (r), shares of the distance to the point that the camera turns about, ``scene_depth`` ahead. A
step forward takes that point along: the distance to it stays. Two values a line or more, spread evenly over the path
(TrajectoryCrafter's config_help.md; the order of the turns, and what they are about, as in its code). There are no
intrinsics.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from .parsed import Parsed, ReadOptions
from .spherical import rows_of, three_lines

TITLE = "TrajectoryCrafter text"
SUFFIX = ".txt"
OPTIONS = ("field_of_view", "scene_depth")
NAMES = ("degrees up", "degrees to the right", "steps forward")


def fits(path: Path, text: str) -> bool:
    return three_lines(path, text, np.inf)


def read(path: Path, options: ReadOptions) -> Parsed:
    theta, phi, r = rows_of(path, NAMES, np.inf)
    if (np.abs(theta) >= 90).any() or (np.abs(phi) >= 180).any():
        raise MirageError(f"{path.name}: degrees up must stay within 90, and degrees to the right within 180.")
    up, right, zero = np.radians(theta), np.radians(phi), np.zeros(len(r))
    # the turn to the right comes first, then the one up, which tilts it: away from the axes the camera rolls a little
    side = np.stack([np.cos(right), np.sin(up) * np.sin(right), np.cos(up) * np.sin(right)], axis=1)  # (T, 3)
    down = np.stack([zero, np.cos(up), -np.sin(up)], axis=1)
    toward = np.stack([-np.sin(right), np.sin(up) * np.cos(right), np.cos(up) * np.cos(right)], axis=1)
    cam2world = np.tile(np.eye(4), (len(r), 1, 1))
    cam2world[:, :3, :3] = np.stack([side, down, toward], axis=2)
    middle = np.stack([zero, zero, options.scene_depth * (1 + r)], axis=1)  # what the camera turns about
    cam2world[:, :3, 3] = middle - options.scene_depth * toward
    notes = [f"a path about the point {options.scene_depth:g} scene units ahead", "from the start camera's frame"]
    return Parsed(cam2world, None, notes, options.image_size)
