"""Camera files: one module per format, each with ``fits``, ``read`` and ``write``; here the choice and the checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from ..cameras import MAX_NORMALISED, Cameras
from ..errors import MirageError, check_choice, check_number, check_size, describe
from . import (
    colmap,
    kubric,
    mirage_json,
    nerfstudio,
    nerfstudio_path,
    published,
    realestate10k,
    recammaster,
    spherical,
    threejs,
)
from .parsed import SET_IMAGE_SIZE, Parsed, ReadOptions, Written, from_vertical_fov

FORMATS: Mapping[str, ModuleType] = {  # in the order in which "auto" tries them
    "mirage": mirage_json,
    "realestate10k": realestate10k,
    "nerfstudio": nerfstudio,
    "nerfstudio path": nerfstudio_path,
    "colmap": colmap,
    "recammaster": recammaster,
    "published": published,
    "kubric": kubric,
    "threejs": threejs,
    "spherical": spherical,
}
WRITABLE = tuple(name for name in FORMATS if name != "spherical")
AUTO = "auto"
FLIPS = ("", "x", "y", "z", "yz")
SAME_SCALE = 0.01  # by how much the column lengths of one rotation may differ
RIGHT_ANGLES = 0.01
AHEAD = 0.9  # cosine of an angle to the view
CENTRED = (0.3, 0.7)  # where a principal point is expected, in shares of the picture
WIDE = 115.0  # degrees, horizontal
BACKWARD = 0.9  # share of a path that goes against the view
SWAPPED = 8.0  # times longer than its inverse's: a path that is probably the inverse of what it should be


@dataclass(frozen=True)
class CameraFile:
    """A camera path that was read.

    Attributes:
        cameras: one per frame of the file.
        format: one of ``FORMATS``.
        notes: what was found, in words.
        warnings: what looks wrong, and which option mends it.
        image_size: ``(H, W)`` pixels, where the file or the options say.
    """

    cameras: Cameras
    format: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    image_size: tuple[int, int] | None

    @property
    def report(self) -> str:
        """All of it in lines."""
        return "\n".join([*self.notes, *(f"Careful: {warning}" for warning in self.warnings)])


def read_cameras(path: str | Path, format: str = AUTO, options: ReadOptions | None = None) -> CameraFile:
    """Read a camera path.

    Args:
        path: a file; of a COLMAP model the folder, or one of its files.
        format: one of ``FORMATS``, or "auto".
        options: what the file does not say, or says wrongly.

    Raises:
        MirageError: the file is missing, of no known format, or does not hold what its format asks for.
    """
    options = options or ReadOptions()
    if not isinstance(path, (str, Path)):
        raise MirageError(f"read_cameras: path must be text or a Path; got {describe(path)}.")
    path = Path(path)
    check_choice("read_cameras", "format", format, (AUTO, *FORMATS))
    check_number("read_cameras", "scene_depth", options.scene_depth, above=0.0)
    check_choice("read_cameras", "flip", options.flip, FLIPS)
    if not path.exists():
        raise MirageError(f"read_cameras: path must be a file; {path.name!r} is not there.")
    if format == AUTO:
        format = detected(path)
    module = FORMATS[format]
    if path.is_dir() and module is not colmap:
        raise MirageError(f"read_cameras: {module.TITLE} is a file; {path.name!r} is a folder.")
    parsed = module.read(path, options)
    cam2world, notes = _rigid(parsed.cam2world, path.name)
    K = _intrinsics(parsed, options, path.name)
    cameras = Cameras(torch.from_numpy(cam2world).float(), torch.from_numpy(K).float())
    found = [f"{module.TITLE}: {len(cameras)} frame{'s' * (len(cameras) != 1)}", *parsed.notes, *notes]
    found += [_field_of_view(K), _motion(cam2world)]
    warnings = [*parsed.warnings, *_warnings(cam2world, K, options)]
    return CameraFile(cameras, format, tuple(found), tuple(warnings), parsed.image_size)


def detected(path: Path) -> str:
    """The first format that a file fits."""
    for name, module in FORMATS.items():
        if path.is_dir() and module is not colmap:
            continue
        if module.fits(path):
            return name
    titles = "; ".join(module.TITLE for module in FORMATS.values())
    raise MirageError(f"read_cameras: {path.name} must be of a known format; it fits none of: {titles}. Choose one.")


def write_cameras(cameras: Cameras, path: str | Path, format: str, image_size: tuple[int, int], **options) -> None:
    """Write a camera path.

    Args:
        path: a file; for "colmap" a folder.
        format: one of ``WRITABLE``.
        image_size: ``(H, W)`` pixels of the picture, which most formats name.
        options: ``binary=True`` for COLMAP.
    """
    check_choice("write_cameras", "format", format, WRITABLE)
    if not isinstance(cameras, Cameras):
        raise MirageError(f"write_cameras: cameras must be Cameras; got {describe(cameras)}.")
    size = check_size("write_cameras", "image_size", image_size)
    FORMATS[format].write(Path(path), Written(cameras, size), **options)


def _rigid(cam2world: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Matrices without scale, and what was changed."""
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


def _intrinsics(parsed: Parsed, options: ReadOptions, name: str) -> np.ndarray:
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
            f"another picture, or not normalised as the format says. {SET_IMAGE_SIZE}"
        )
    return K


def _field_of_view(K: np.ndarray) -> str:
    across, along = (np.degrees(2 * np.arctan(0.5 / K[:, axis, axis])) for axis in (0, 1))
    zoom = "" if np.ptp(across) < 0.5 else f", changing from {across[0]:.0f} to {across[-1]:.0f}"
    return f"field of view {across[0]:.0f} x {along[0]:.0f} degrees{zoom}"


def _forward(cam2world: np.ndarray) -> float:
    """Share of a path that goes where the camera looks, -1..1; 0 for one that goes nowhere."""
    steps = np.diff(cam2world[:, :3, 3], axis=0)
    return float((steps * cam2world[:-1, :3, 2]).sum() / max(np.linalg.norm(steps, axis=1).sum(), 1e-9))


def _motion(cam2world: np.ndarray) -> str:
    """How long the path is, and whether it looks where it goes."""
    steps = np.diff(cam2world[:, :3, 3], axis=0)
    length = float(np.linalg.norm(steps, axis=1).sum())
    if length < 1e-9:
        return "the camera stays where it is"
    forward = _forward(cam2world)
    side = float(np.abs((steps * cam2world[:-1, :3, 0]).sum(axis=1)).sum() / length)
    way = "forward" if forward > 0.5 else "backward" if forward < -0.5 else "sideways" if side > 0.5 else "in all ways"
    return f"a path of {length:.3g} units, moving {way}"


def _warnings(cam2world: np.ndarray, K: np.ndarray, options: ReadOptions):
    centre = K[:, :2, 2]
    if (centre < CENTRED[0]).any() or (centre > CENTRED[1]).any():
        x, y = centre[0]
        yield (
            f"the principal point lies at {x:.2f}, {y:.2f} of the picture, far from its middle: K may belong to a "
            f"picture of another size. {SET_IMAGE_SIZE}"
        )
    across = float(np.degrees(2 * np.arctan(0.5 / K[:, 0, 0])).max())
    if across > WIDE and not options.horizontal_fov:
        yield (
            f"the field of view is {across:.0f} degrees across: if that is too wide, the file's may be the horizontal "
            "one. Set horizontal_fov."
        )
    if len(cam2world) < 3:
        return
    if _forward(cam2world) < -BACKWARD:
        yield (
            "the camera moves backward all the way: if it should go forward, its axes may be OpenGL's where OpenCV's "
            "are expected, or the reverse. Set flip to y and z (in Python yz)."
        )

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
    up = cam2world[:, :3, 1].mean(axis=0)
    if np.linalg.norm(up) > 0.9 and np.abs(up).argmax() == 2:
        yield "the world's up is its z axis; move the path to the picture's camera before use (relative_to)."


__all__ = ["AUTO", "FORMATS", "WRITABLE", "CameraFile", "ReadOptions", "detected", "read_cameras", "write_cameras"]
