"""ViewCrafter text: three lines of turns to the right and down, in degrees, and of steps away.

The camera turns about the point that its start sees in the middle, ``scene_depth`` ahead, and keeps looking at it. Line
one: degrees to the right (phi); line two: degrees down (theta); line three: change of the distance as a share of it,
negative is nearer. Each line holds 2 to 25 values from 0 on, spread evenly over the path (ViewCrafter's
render_help.md). There are no intrinsics.
"""

from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from .parsed import Parsed, ReadOptions, read_text

TITLE = "ViewCrafter text"
SUFFIX = ".txt"
OPTIONS = ("field_of_view", "scene_depth")
FEWEST, MOST = 2, 25
NAMES = ("degrees to the right", "degrees down", "change of distance")


def fits(path: Path, text: str) -> bool:
    return three_lines(path, text, MOST)


def three_lines(path: Path, text: str, most: float) -> bool:
    """Whether a text is three lines of ``FEWEST`` to ``most`` numbers."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if path.suffix.lower() != SUFFIX or len(lines) != len(NAMES):
        return False
    try:
        return all(FEWEST <= len([float(word) for word in line]) <= most for line in lines)
    except ValueError:
        return False


def rows_of(path: Path, names: tuple[str, ...], most: float) -> np.ndarray:
    """The lines of the file as ``(3, T)``, each spread evenly over as many frames as the longest has values."""
    lines = [line for line in read_text(path).splitlines() if line.strip()]
    if len(lines) != len(names):
        raise MirageError(f"{path.name}: must hold three lines, {', '.join(names)}; got {len(lines)}.")
    rows = []
    for name, line in zip(names, lines, strict=True):
        try:
            rows.append(np.array([float(word) for word in line.split()]))
        except ValueError as error:
            raise MirageError(f"{path.name}: {name} must be numbers; {brief(error)}.") from error
        if not FEWEST <= len(rows[-1]) <= most:
            upper = f"to {most} values" if most < np.inf else "values or more"
            raise MirageError(f"{path.name}: {name} must be {FEWEST} {upper}; got {len(rows[-1])}.")
        if not np.isfinite(rows[-1]).all():
            raise MirageError(f"{path.name}: {name} must be finite numbers; got {brief(line)}.")
    steps = np.linspace(0, 1, max(len(row) for row in rows))
    return np.stack([np.interp(steps, np.linspace(0, 1, len(row)), row) for row in rows])


def read(path: Path, options: ReadOptions) -> Parsed:
    phi, theta, r = rows_of(path, NAMES, MOST)
    if (np.abs(theta) >= 90).any() or (r <= -1).any():
        raise MirageError(f"{path.name}: degrees down must stay within 90 and the change of distance above -1.")
    right, down = np.radians(phi), np.radians(theta)
    toward = np.stack([-np.sin(right) * np.cos(down), -np.sin(down), np.cos(right) * np.cos(down)], axis=1)  # (T, 3)
    distance = options.scene_depth * (1 + r)
    side = np.stack([np.cos(right), np.zeros(len(r)), np.sin(right)], axis=1)
    cam2world = np.tile(np.eye(4), (len(r), 1, 1))
    cam2world[:, :3, :3] = np.stack([side, np.cross(toward, side), toward], axis=2)
    cam2world[:, :3, 3] = np.array([0.0, 0.0, options.scene_depth]) - distance[:, None] * toward
    notes = [f"a path about the point {options.scene_depth:g} scene units ahead", "from the start camera's frame"]
    return Parsed(cam2world, None, notes, options.image_size)
