"""Colours as ComfyUI's IMAGE has them, 0..1, as pictures of Pillow, and back."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...mirage_core.colours import as_bytes


def as_image(picture: Image.Image) -> Tensor:
    """An RGB picture as an IMAGE ``(1, H, W, 3)``."""
    return torch.from_numpy(np.array(picture, dtype=np.float32) / 255.0).unsqueeze(0)


def as_picture(frame: Tensor) -> Image.Image:
    """One frame ``(H, W, 3)`` of an IMAGE as a picture."""
    return Image.fromarray(as_bytes(frame).numpy())
