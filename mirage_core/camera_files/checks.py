"""What every camera path is checked for after it was read, and how it is described in words."""

import numpy as np

from ..cameras import MAX_NORMALISED
from ..errors import MirageError
from .parsed import SET_IMAGE_SIZE, Parsed, ReadOptions, from_vertical_fov

FARTHEST = 2.0**40  # scene units; float32 has no thousandths beyond 2**14, and no squares beyond 2**63
# options that are off unless they are set
SWITCHES = ("camera", "invert", "transpose", "flip", "horizontal_fov", "quaternion_xyzw")
SAME_SCALE = 0.01  # by how much the column lengths of one rotation may differ
RIGHT_ANGLES = 0.01
AHEAD = 0.9  # cosine of an angle to the view
CENTRED = (0.3, 0.7)  # where a principal point is expected, in shares of the picture
WIDE = 115.0  # degrees, horizontal
BACKWARD = 0.9  # share of a path that goes against the view
SWAPPED = 8.0  # times longer than its inverse's: a path that is probably the inverse of what it should be


def rigid(cam2world: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Matrices without scale, and what was changed."""
    if np.abs(cam2world[:, :3]).max() > FARTHEST:
        far = int(np.abs(cam2world[:, :3]).max(axis=(1, 2)).argmax())
        raise MirageError(
            f"{name}: cameras must stand within {FARTHEST:.0e} units of the origin; frame {far} does not."
        )
    lengths = np.linalg.norm(cam2world[:, :3, :3], axis=1)  # (T, 3) of the columns
    if (lengths < 1e-9).any():
        raise MirageError(
            f"{name}: matrices must hold rotations; frame {int(lengths.min(axis=1).argmin())} is singular."
        )
    scale = lengths.mean(axis=1)
    if (np.abs(lengths / scale[:, None] - 1) > SAME_SCALE).any():
        worst = int(np.abs(lengths / scale[:, None] - 1).max(axis=1).argmax())
        raise MirageError(
            f"{name}: the columns of a rotation must be of one length; frame {worst} has "
            f"{', '.join(f'{one:.4g}' for one in lengths[worst])}. This looks like another format or layout."
        )
    fixed = cam2world.copy()
    fixed[:, :3, :3] /= scale[:, None, None]
    rotation = fixed[:, :3, :3]
    if np.abs(rotation.transpose(0, 2, 1) @ rotation - np.eye(3)).max() > RIGHT_ANGLES:
        raise MirageError(f"{name}: the columns of a rotation must stand at right angles; they do not.")
    if (np.linalg.det(rotation) < 0).any():
        raise MirageError(
            f"{name}: rotations must not mirror; frame {int(np.linalg.det(rotation).argmin())} does. One axis of the "
            "file's cameras has another sign than its format says. Set flip to it: y if pictures stand on their heads."
        )
    u, _, v = np.linalg.svd(rotation)
    fixed[:, :3, :3] = u @ v  # text files carry few digits
    scaled = np.abs(scale - 1).max() > SAME_SCALE
    return fixed, [f"a scale of {scale.mean():.4g} in the rotations was taken out"] if scaled else []


def intrinsics(parsed: Parsed, options: ReadOptions, reads: tuple[str, ...], name: str) -> np.ndarray:
    K, views = parsed.K, len(parsed.cam2world)
    if K is None:
        if options.field_of_view is None:
            raise MirageError(f"{name}: this format has no intrinsics. Set field_of_view, horizontal, in degrees.")
        if not 0 < options.field_of_view < 180:
            raise MirageError(
                f"{name}: field_of_view must lie between 0 and 180 degrees; got {options.field_of_view:g}."
            )
        H, W = parsed.image_size or (9, 16)
        vertical = np.degrees(2 * np.arctan(np.tan(np.radians(options.field_of_view) / 2) * H / W))
        return np.tile(from_vertical_fov(vertical, W / H), (views, 1, 1))
    if not np.isfinite(K).all() or (K[:, [0, 1], [0, 1]] <= 0).any():
        raise MirageError(f"{name}: focal lengths must be finite and above 0; got {K[0, 0, 0]:g}, {K[0, 1, 1]:g}.")
    if K[:, :2].max() > MAX_NORMALISED:
        raise MirageError(
            f"{name}: K does not fit the picture's size: a focal length of {K[0, 0, 0]:.4g} widths. It is in pixels of "
            f"another picture, or not normalised as the format says.{_set_image_size(reads)}"
        )
    return K


def _set_image_size(reads: tuple[str, ...]) -> str:
    return f" {SET_IMAGE_SIZE}" if "image_size" in reads else ""


def field_of_view(K: np.ndarray) -> str:
    """Degrees across and along the first picture, and across the last where the lens zooms; K ``(T, 3, 3)``."""
    across, along = (np.degrees(2 * np.arctan(0.5 / K[:, axis, axis])) for axis in (0, 1))
    zoom = "" if np.ptp(across) < 0.5 else f", changing from {across[0]:.0f} to {across[-1]:.0f}"
    return f"{across[0]:.0f} x {along[0]:.0f} degrees{zoom}"


def _forward(cam2world: np.ndarray) -> float:
    """Share of a path that goes where the camera looks, -1..1; 0 for one that goes nowhere."""
    steps = np.diff(cam2world[:, :3, 3], axis=0)
    return float((steps * cam2world[:-1, :3, 2]).sum() / max(np.linalg.norm(steps, axis=1).sum(), 1e-9))


def motion(cam2world: np.ndarray) -> str:
    """How long the path is, and whether it looks where it goes."""
    steps = np.diff(cam2world[:, :3, 3], axis=0)
    length = float(np.linalg.norm(steps, axis=1).sum())
    if length < 1e-9:
        return "the camera stays where it is"
    forward = _forward(cam2world)
    side = float(np.abs((steps * cam2world[:-1, :3, 0]).sum(axis=1)).sum() / length)
    way = "forward" if forward > 0.5 else "backward" if forward < -0.5 else "sideways" if side > 0.5 else "in all ways"
    return f"a path of {length:.3g} units, moving {way}"


def warnings_of(cam2world: np.ndarray, K: np.ndarray, options: ReadOptions, reads: tuple[str, ...]):
    """What looks wrong; an option is named only where the format reads it."""
    for name in SWITCHES:
        if getattr(options, name) and name not in reads:
            yield f"{name} is set, and does nothing: this format does not read it."
    centre = K[:, :2, 2]
    if (centre < CENTRED[0]).any() or (centre > CENTRED[1]).any():
        x, y = centre[0]
        yield (
            f"the principal point lies at {x:.2f}, {y:.2f} of the picture, far from its middle: K may belong to a "
            f"picture of another size.{_set_image_size(reads)}"
        )
    across = float(np.degrees(2 * np.arctan(0.5 / K[:, 0, 0])).max())
    if across > WIDE and "horizontal_fov" in reads and not options.horizontal_fov:
        yield (
            f"the field of view is {across:.0f} degrees across: if that is too wide, the file's may be the horizontal "
            "one. Set horizontal_fov."
        )
    if len(cam2world) < 3:
        return
    if _forward(cam2world) < -BACKWARD and "flip" in reads:
        yield (
            "the camera moves backward all the way: if it should go forward, its axes may be OpenGL's where OpenCV's "
            "are expected, or the reverse. Set flip to y and z (in Python yz)."
        )
    if "invert" in reads:
        yield from _swapped(cam2world, options)
    up = cam2world[:, :3, 1].mean(axis=0)
    if np.linalg.norm(up) > 0.9 and np.abs(up).argmax() == 2:
        yield (
            "the world's up is its z axis. With the picture's geometry the path is moved to its camera (in Python "
            "moved_to)."
        )


def _swapped(cam2world: np.ndarray, options: ReadOptions):
    def length(matrices: np.ndarray) -> float:
        return float(np.linalg.norm(np.diff(matrices[:, :3, 3], axis=0), axis=1).sum())

    world2cam = np.linalg.inv(cam2world)
    here, there = length(cam2world), length(world2cam)
    middle = world2cam[:, :3, 3].mean(axis=0)  # the world's origin as the cameras see it
    orbits = middle[2] > AHEAD * np.linalg.norm(middle)  # a camera that circles what it looks at travels far, too
    if there > 1e-9 and here > SWAPPED * there and not orbits:
        yield (
            f"read like this the camera travels {here:.3g} units, {here / there:.0f} times as far as if the matrices "
            f"were the inverse: cam2world and world2cam may be swapped. {'Unset' if options.invert else 'Set'} invert."
        )
