"""Clips of real video from folders: frames, and geometry.npz as the published code writes it.

<root>/<any name>/geometry.npz      poses_c2w (F, 4, 4), intrinsics (F, 3, 3) in pixels, depths (F, H, W)
                  frames/*.png|jpg  one picture per pose, in the order of their names
                  text.safetensors  optional: "context" (L, 4096), the text encoder's output for its caption
"""

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

GEOMETRY, FRAMES, TEXT = "geometry.npz", "frames", "text.safetensors"
PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, eq=False)
class Clip:
    """Successive pixel frames of one video.

    Attributes:
        pictures: ``(F, H, W, 3)``, 0..1.
        depth: ``(F, H, W)`` z-depth, 0 = none.
        text: ``(L, 4096)``, None = no caption.
    """

    pictures: Tensor
    depth: Tensor
    cameras: Cameras
    text: Tensor | None


@dataclass(frozen=True)
class ClipFolder:
    """A video in a folder."""

    path: Path
    frames: tuple[Path, ...]

    def clip(self, first: int, count: int, image_size: tuple[int, int]) -> Clip:
        """``count`` frames from ``first`` on, brought to ``image_size`` ``(H, W)``; depth is picked, not blended."""
        some = slice(first, first + count)
        cameras = read_cameras(self.path / GEOMETRY, "published").cameras[some]
        with np.load(self.path / GEOMETRY, allow_pickle=False) as file:
            depth = torch.from_numpy(file["depths"][some].astype(np.float32))
        H, W = image_size
        pictures = []
        for frame in self.frames[some]:
            with Image.open(frame) as picture:
                resized = picture.convert("RGB").resize((W, H), Image.Resampling.LANCZOS)
                pictures.append(torch.from_numpy(np.array(resized, dtype=np.float32) / 255.0))
        text = load_file(self.path / TEXT)["context"] if (self.path / TEXT).is_file() else None
        return Clip(torch.stack(pictures), interpolate(depth[:, None], image_size)[:, 0], cameras, text)


def clip_folders(root: Path, frames: int) -> list[ClipFolder]:
    """All videos below ``root`` with at least ``frames`` frames.

    Raises:
        MirageError: there is none, or a folder holds other than one picture per pose.
    """
    found = []
    for file in sorted(root.rglob(GEOMETRY)):
        inside = (file.parent / FRAMES).glob("*")
        pictures = tuple(sorted(path for path in inside if path.suffix.lower() in PICTURES))
        poses = len(read_cameras(file, "published").cameras)
        if len(pictures) != poses:
            raise MirageError(
                f"{file.parent.name}: {FRAMES} must hold a picture per pose; it holds {len(pictures)} for {poses}."
            )
        if poses >= frames:
            found.append(ClipFolder(file.parent, pictures))
    if not found:
        raise MirageError(
            f"{root}: must hold folders with {GEOMETRY} and {FRAMES} of at least {frames} frames; there is none."
        )
    return found
