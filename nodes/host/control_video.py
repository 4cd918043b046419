"""A memory along a path as frames for models that are steered by pictures: colours, depth, and what is known."""

from dataclasses import dataclass

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from ...mirage_core import Geometry, LatentMemory, LatentPath, MirageError
from ...mirage_core.true_pixels import SourcePictures
from ..pictures.depth import depth_video, pixel_depth
from .memory_device import read, read_beside
from .seen_frames import seen_frames


@dataclass(frozen=True, eq=False)
class ControlVideo:
    """F video frames.

    Attributes:
        frames: ``(F, H, W, 3)``, 0..1; they mean nothing where nothing is known.
        known: ``(F, H, W, 1)``, 1 where the memory knows the pixel, else 0.
        depth: ``(F, H, W, 3)``, near is bright, the unknown black.
        true: share of the pixels that are true ones of pictures, 0..1.
    """

    frames: Tensor
    known: Tensor
    depth: Tensor
    true: float


def source_pictures(memory: LatentMemory, pictures: Tensor | None, geometry: Geometry | None) -> SourcePictures | None:
    """The pictures that a memory was written from, if both inputs are connected; None if neither is.

    Args:
        pictures: IMAGE ``(B, H, W, 3)``.

    Raises:
        MirageError: one is connected without the other, or the memory was not written from them.
    """
    if (pictures is None) != (geometry is None):
        missing = "pictures" if pictures is None else "geometry"
        raise MirageError(
            f"pictures, geometry: must be connected together; {missing} is not. Connect both, for true pixels of the "
            "pictures, or neither."
        )
    return None if pictures is None else SourcePictures.of(memory, pictures, geometry, read=read_beside)


def control_video(vae, memory: LatentMemory, path: LatentPath, sources: SourcePictures | None) -> ControlVideo:
    """Look at a memory along a path.

    Colours are decoded from what each latent frame sees; depth and true pixels are those of each video frame's own
    camera, and a true pixel is known.

    Raises:
        MirageError: the VAE makes other latents.
    """
    frames, known = seen_frames(vae, read(memory, path), memory.spec)
    depth = torch.zeros(frames.shape[:3], device=frames.device)
    true, bar = 0, comfy.utils.ProgressBar(len(frames))
    for number in range(len(frames)):
        comfy.model_management.throw_exception_if_processing_interrupted()
        camera = path.video[[number]]
        tokens = read_beside(memory, camera, path.grid)
        depth[number] = pixel_depth(tokens.depth[0], memory.spec.spatial)
        if sources is not None:
            seen = sources.seen(camera, tokens, read=read_beside)
            where = seen.known.to(frames.device)
            frames[number][where] = seen.colours[seen.known].to(frames)
            depth[number][where] = seen.depth[seen.known].to(depth)
            known[number][where] = 1.0
            true += int(where.sum())
        bar.update(1)
    return ControlVideo(frames, known, depth_video(depth), true / depth.numel())
