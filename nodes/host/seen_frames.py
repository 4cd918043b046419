"""A readout as video frames, and which of their pixels are known."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ...mirage_core import Readout
from .walking import decoded


def seen_frames(vae, readout: Readout, stride: int) -> tuple[Tensor, Tensor]:
    """Decode a readout.

    Args:
        stride: video frames per latent frame.

    Returns:
        Frames ``(F, H, W, 3)``, 0..1, and ``(F, H, W, 1)``, 1 where their latent frame knows the token, else 0.
    """
    frames = decoded(vae, readout.latents.float())[..., :3]
    each = [0, *(1 + (frame - 1) // stride for frame in range(1, len(frames)))]  # latent frame of every video frame
    known = readout.known[each].to(frames)  # (F, h, w)
    shown = F.interpolate(known.unsqueeze(1), size=frames.shape[1:3], mode="nearest")
    return frames, rearrange(shown, "f 1 h w -> f h w 1")
