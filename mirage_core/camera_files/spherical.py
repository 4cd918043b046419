"""ViewCrafter / TrajectoryCrafter text: three lines of turns to the right and down, in degrees, and of steps away.

The camera turns about the point that its start sees in the middle, ``scene_depth`` ahead, and keeps looking at it. Line
one: degrees to the right (phi); line two: degrees down (theta); line three: change of the distance as a share of it,
negative is nearer. Each line holds 2 to 25 values from 0 on, spread evenly over the path (ViewCrafter's
render_help.md). There are no intrinsics.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError
from .parsed import Parsed, ReadOptions, Written, read_text

TITLE = "ViewCrafter / TrajectoryCrafter text"
SUFFIX = ".txt"
FEWEST, MOST = 2, 25
NAMES = ("degrees to the right", "degrees down", "change of distance")


def fits(path: Path) -> bool:
    if path.suffix.lower() != SUFFIX:
        return False
    lines = path.read_bytes()[:4096].decode("utf-8", "replace").split("\n")
    lines = [line for line in lines if line.strip()]
    try:
        return len(lines) == len(NAMES) and all(
            FEWEST <= len([float(w) for w in line.split()]) <= MOST for line in lines
        )
    except ValueError:
        return False


def read(path: Path, options: ReadOptions) -> Parsed:
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    if len(lines) != len(NAMES):
        raise MirageError(f"{path.name}: must hold three lines, {', '.join(NAMES)}; got {len(lines)}.")
    rows = []
    for name, line in zip(NAMES, lines, strict=True):
        try:
            rows.append(np.array([float(word) for word in line.split()]))
        except ValueError as error:
            raise MirageError(f"{path.name}: {name} must be numbers; {error}.") from error
        if not FEWEST <= len(rows[-1]) <= MOST:
            raise MirageError(f"{path.name}: {name} must be {FEWEST} to {MOST} values; got {len(rows[-1])}.")
    count = max(len(row) for row in rows)
    phi, theta, r = (np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(row)), row) for row in rows)
    if (np.abs(theta) >= 90).any() or (r <= -1).any():
        raise MirageError(f"{path.name}: degrees down must stay within 90 and the change of distance above -1.")
    right, down = np.radians(phi), np.radians(theta)
    toward = np.stack([-np.sin(right) * np.cos(down), -np.sin(down), np.cos(right) * np.cos(down)], axis=1)  # (T, 3)
    distance = options.scene_depth * (1 + r)
    side = np.stack([np.cos(right), np.zeros(count), np.sin(right)], axis=1)
    cam2world = np.tile(np.eye(4), (count, 1, 1))
    cam2world[:, :3, :3] = np.stack([side, np.cross(toward, side), toward], axis=2)
    cam2world[:, :3, 3] = np.array([0.0, 0.0, options.scene_depth]) - distance[:, None] * toward
    notes = [f"a path about the point {options.scene_depth:g} scene units ahead", "from the start camera's frame"]
    return Parsed(cam2world, None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    """Write a path that looks at one point from its first camera on; others cannot be told in three lines."""
    raise MirageError(f"{path.name}: the three lines of spherical coordinates hold few paths. Choose another format.")
