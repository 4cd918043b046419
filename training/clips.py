"""Clips of real video from folders: frames, cameras and depth, in one of two layouts.

As the published code writes them:

<root>/<any name>/geometry.npz      poses_c2w (F, 4, 4), intrinsics (F, 3, 3) in pixels, depths (F, H, W)
                  frames/*.png|jpg  one picture per pose, in the order of their names

RGB-D with poses:

<root>/<any name>/cameras.*         any camera file that ``mirage_core.camera_files`` reads, one camera per picture
                  frames/*.png|jpg
                  depth/*.png       one 16-bit picture per frame: z-depth times ``depth_scale``, 0 = none

Both may have

                  text.safetensors  "context" (L, 4096), the text encoder's output for its caption
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import interpolate

from ..mirage_core import Cameras, MirageError
from ..mirage_core.camera_files import read_cameras
from ..mirage_core.errors import check_number
from ..mirage_core.files import natural

log = logging.getLogger(__name__)

GEOMETRY, FRAMES, DEPTH, TEXT = "geometry.npz", "frames", "depth", "text.safetensors"
CAMERAS = "cameras.*"
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
MILLIMETRES = 1000.0  # values per metre


@dataclass(frozen=True, eq=False)
class Clip:
    """Successive video frames of one file.

    Attributes:
        pictures: ``(F, H, W, 3)``, 0..1.
        depth: ``(F, H, W)`` z-depth, scene units, 0 = none.
        cameras: F of them.
        text: ``(L, 4096)``, None = no caption.
    """

    pictures: Tensor
    depth: Tensor
    cameras: Cameras
    text: Tensor | None


@dataclass(frozen=True)
class ClipFolder:
    """A video in a folder.

    Attributes:
        cameras: one per frame.
        depths: pictures of depth; None = those of ``GEOMETRY``.
        depth_scale: values of such a picture per scene unit.
    """

    path: Path
    frames: tuple[Path, ...]
    cameras: Cameras
    depths: tuple[Path, ...] | None = None
    depth_scale: float = MILLIMETRES

    def clip(self, first: int, count: int, image_size: tuple[int, int]) -> Clip:
        """``count`` frames from ``first`` on, brought to ``image_size`` ``(H, W)``; depth is picked, not blended."""
        some = slice(first, first + count)
        depth = self._depth(some)
        H, W = image_size
        pictures = []
        for frame in self.frames[some]:
            with Image.open(frame) as picture:
                resized = picture.convert("RGB").resize((W, H), Image.Resampling.LANCZOS)
                pictures.append(torch.from_numpy(np.array(resized, dtype=np.float32) / 255.0))
        text = load_file(self.path / TEXT)["context"] if (self.path / TEXT).is_file() else None
        return Clip(torch.stack(pictures), interpolate(depth[:, None], image_size)[:, 0], self.cameras[some], text)

    def _depth(self, some: slice) -> Tensor:
        if self.depths is None:
            with np.load(self.path / GEOMETRY, allow_pickle=False) as file:
                return torch.from_numpy(file["depths"][some].astype(np.float32))
        depth = []
        for file in self.depths[some]:
            with Image.open(file) as picture:
                if picture.mode not in ("I;16", "I"):
                    raise MirageError(f"{file.name}: depth must be a 16-bit grey picture; its mode is {picture.mode}.")
                depth.append(np.array(picture, dtype=np.float32) / self.depth_scale)
        return torch.from_numpy(np.stack(depth))


def clip_folders(root: Path, frames: int, depth_scale: float = MILLIMETRES) -> list[ClipFolder]:
    """All videos below ``root`` with at least ``frames`` frames.

    Raises:
        MirageError: there is none; a folder holds other than one picture per pose, or other than one of depth; its
            cameras are missing or there twice; ``depth_scale`` is not above 0.
    """
    check_number("depth_scale", depth_scale, above=0.0)
    found = [_folder(file, "published", None, depth_scale) for file in root.rglob(GEOMETRY)]
    for depth in (path for path in root.rglob(DEPTH) if path.is_dir() and not (path.parent / GEOMETRY).is_file()):
        files = list(depth.parent.glob(CAMERAS))
        if len(files) != 1:
            raise MirageError(f"{depth.parent.name}: must hold one file {CAMERAS}; it holds {len(files)}.")
        found.append(_folder(files[0], "auto", _pictures(depth), depth_scale))
    found = [folder for folder in found if len(folder.frames) >= frames]
    if not found:
        raise MirageError(
            f"{root}: must hold folders with {FRAMES} and {GEOMETRY}, or {FRAMES}, {DEPTH} and {CAMERAS}, of at least "
            f"{frames} frames; there is none."
        )
    return sorted(found, key=lambda folder: natural(folder.path))


def _folder(file: Path, kind: str, depths: tuple[Path, ...] | None, depth_scale: float) -> ClipFolder:
    folder, read = file.parent, read_cameras(file, kind)
    for warning in read.warnings:
        log.warning("%s: careful: %s", folder.name, warning)
    pictures = _pictures(folder / FRAMES)
    for name, there in ((FRAMES, pictures), (DEPTH, depths)):
        if there is not None and len(there) != len(read.cameras):
            raise MirageError(
                f"{folder.name}: {name} must hold a picture per pose; it holds {len(there)} for {len(read.cameras)}."
            )
    return ClipFolder(folder, pictures, read.cameras, depths, depth_scale)


def _pictures(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted((path for path in folder.glob("*") if path.suffix.lower() in PICTURES), key=natural))
