"""Camera files: one module per format; here the choice between them and the checks of what they read.

A module has ``TITLE``, ``SUFFIX`` (and ``SUFFIXES``, where files of the format may end otherwise), the ``OPTIONS`` that
it reads, ``fits(path, text)``, ``read`` and, unless the format holds few paths, ``write``; where a path lies in several
files, ``parts(path)``, which finds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from ..cameras import Cameras
from ..errors import MirageError, check_choice, check_number, check_size, damage_refused, describe
from . import (
    camera_path_keys,
    colmap,
    fantasyworld,
    gaussian_splatting,
    kitti,
    kubric,
    lyra,
    matrix_3d,
    mirage_json,
    nerfstudio,
    nerfstudio_export,
    nerfstudio_path,
    omnicam,
    open3d,
    open3d_log,
    polycam,
    published,
    realestate10k,
    recammaster,
    record3d,
    spatia,
    spherical,
    threejs,
    trajectorycrafter,
    tum,
    uni3c,
    vipe,
)
from .checks import field_of_view, intrinsics, motion, rigid, warnings_of
from .parsed import Parsed, ReadOptions, Written, read_text

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
    "tum": tum,
    "kitti": kitti,
    "3dgs": gaussian_splatting,
    "open3d": open3d,
    "open3d log": open3d_log,
    "nerfstudio export": nerfstudio_export,
    "record3d": record3d,
    "polycam": polycam,
    "uni3c": uni3c,
    "lyra": lyra,
    "vipe": vipe,
    "spatia": spatia,
    "matrix-3d": matrix_3d,
    "fantasyworld": fantasyworld,
    "omnicam": omnicam,
    "camera-path": camera_path_keys,
    "spherical": spherical,
    "trajectorycrafter": trajectorycrafter,
}
WRITABLE = tuple(name for name, module in FORMATS.items() if hasattr(module, "write"))
ALIKE = ("tum", "kitti", "spherical", "trajectorycrafter")  # three lines of the same numbers, which mean other things
AUTO = "auto"
TEXTS = (".json", ".txt", ".log", ".tum")
FLIPS = ("", "x", "y", "z", "yz")


@dataclass(frozen=True)
class CameraFile:
    """A camera path that was read.

    Attributes:
        cameras: one per frame of the file, OpenCV axes, in the file's own world and unit; of spherical and
            trajectorycrafter in the start camera's frame, scene units.
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
        raise MirageError(f"path: must be text or a Path; got {describe(path)}.")
    path = Path(path)
    check_choice("format", format, (AUTO, *FORMATS))
    check_number("scene_depth", options.scene_depth, above=0.0)
    check_choice("flip", options.flip, FLIPS)
    if not path.exists():
        raise MirageError(f"path: must be a file; {path.name!r} is not there.")
    if format == AUTO:
        with damage_refused(f"{path.name}:", "a camera file that can be read"):
            format = detected(path)
    module = FORMATS[format]
    if path.is_dir() and module is not colmap:
        raise MirageError(f"{path.name}: must be a file to be a {module.TITLE}; it is a folder.")
    with damage_refused(f"{path.name}:", f"a whole {module.TITLE}"), np.errstate(all="ignore"):
        return _checked(module.read(path, options), format, options, path.name)


def _checked(parsed: Parsed, format: str, options: ReadOptions, name: str) -> CameraFile:
    module = FORMATS[format]
    cam2world, notes = rigid(parsed.cam2world, name)
    K = intrinsics(parsed, options, module.OPTIONS, name)
    size = check_size(f"the picture's size in {name}", parsed.image_size) if parsed.image_size else None
    cameras = Cameras(torch.from_numpy(cam2world).float(), torch.from_numpy(K).float())
    found = [f"{module.TITLE}: {len(cameras)} frame{'s' * (len(cameras) != 1)}", *parsed.notes, *notes]
    found += [f"field of view {field_of_view(K)}", motion(cam2world)]
    warnings = [*parsed.warnings, *warnings_of(cam2world, K, options, module.OPTIONS)]
    return CameraFile(cameras, format, tuple(found), tuple(warnings), size)


def detected(path: Path) -> str:
    """The first format that a file fits.

    Raises:
        MirageError: it fits none, or two that read the same numbers differently.
    """
    names = fitting(path)
    if not names:
        raise MirageError(f"{path.name}: must be of a known format; {_what_it_could_be(path)}")
    if names[0] in ALIKE and len(names) > 1:
        titles = " or ".join(f"{name} ({FORMATS[name].TITLE})" for name in names)
        raise MirageError(
            f"{path.name}: its format must be said; its three lines could be {titles}, which go "
            "different ways with the same numbers. Set format to one of them."
        )
    return names[0]


def fitting(path: Path) -> list[str]:
    """All formats that a file looks like, in the order in which they are tried."""
    text = "" if path.is_dir() or path.suffix.lower() not in TEXTS else read_text(path)
    with np.errstate(all="ignore"):
        return [name for name, module in FORMATS.items() if module.fits(path, text)]


def _what_it_could_be(path: Path) -> str:
    """Which formats a file of this name could be told to be."""
    possible = [name for name in FORMATS if path.suffix.lower() in _suffixes(name) and not path.is_dir()]
    if not possible:
        suffixes = ", ".join(sorted({suffix for name in FORMATS for suffix in _suffixes(name) if suffix}))
        return f"camera files end in {suffixes}, or are a COLMAP model with its cameras and images. It is none of them."
    return f"it fits none of: {', '.join(possible)}. If it is one of these, set format to it, to be told what it lacks."


def _suffixes(name: str) -> tuple[str, ...]:
    return getattr(FORMATS[name], "SUFFIXES", (FORMATS[name].SUFFIX,))


def files_read(path: Path) -> list[Path]:
    """The files that ``read_cameras`` takes a camera path from, given its ``path``, and those of its sparse points."""
    parts = [part for module in FORMATS.values() if hasattr(module, "parts") for part in module.parts(path)]
    return parts if path.is_dir() else [path, *(part for part in parts if part != path)]


def write_cameras(cameras: Cameras, path: str | Path, format: str, image_size: tuple[int, int], **options) -> None:
    """Write a camera path.

    Args:
        cameras: one per video frame; they are written in the format's own axes and direction, in scene units (for
            Unreal in hundredths of them).
        path: a file; for "colmap" a folder.
        format: one of ``WRITABLE``.
        image_size: ``(H, W)`` pixels of the picture, which most formats name.
        options: ``binary=True`` for COLMAP.
    """
    check_choice("format", format, WRITABLE)
    if not isinstance(cameras, Cameras):
        raise MirageError(f"cameras: must be Cameras; got {describe(cameras)}.")
    size = check_size("image_size", image_size)
    FORMATS[format].write(Path(path), Written(cameras, size), **options)


__all__ = [
    "AUTO",
    "FORMATS",
    "WRITABLE",
    "CameraFile",
    "ReadOptions",
    "detected",
    "files_read",
    "fitting",
    "read_cameras",
    "write_cameras",
]
