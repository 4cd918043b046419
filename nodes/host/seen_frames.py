"""A readout as video frames, and which of their pixels are known."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ...mirage_core import LatentSpec, MirageError, Readout
from .decoding import decoded
from .formats import colours_of, spec_of


def seen_frames(vae, readout: Readout, spec: LatentSpec) -> tuple[Tensor, Tensor]:
    """Decode a readout.

    Args:
        vae: none = the approximate colours of its tokens, a square each.
        spec: of the memory that was read.

    Returns:
        Frames ``(F, H, W, 3)``, 0..1, and ``(F, H, W, 1)``, 1 where their latent frame knows the token, else 0.

    Raises:
        MirageError: the VAE makes other latents.
    """
    if vae is not None and not spec_of(vae).agrees(spec):
        raise MirageError(f"vae: must make the latents that the memory holds, {spec}; it makes {spec_of(vae)}.")
    T = len(readout.known)
    timing = spec.timing
    each = [timing.latent_of(frame) for frame in range(timing.frames_of(T))]  # latent frame of every video frame
    if vae is None:
        frames = _enlarged(_rough(readout, spec), spec)[each]
    else:
        frames = decoded(vae, readout.latents.float())[..., :3]
    return frames, _enlarged(readout.known.to(frames).unsqueeze(-1), spec)[each]


def with_unknown(frames: Tensor, known: Tensor, colour: float | Tensor, left: float = 0.0) -> Tensor:
    """Frames ``(F, H, W, 3)`` with one colour where nothing is known.

    Args:
        known: ``(F, H, W, 1)``, 1 where the memory knows the pixel, else 0.
        colour: a grey, or ``(3,)``, 0..1, put there.
        left: share of the frame's own colours that is added to it.
    """
    return frames * (left + (1 - left) * known) + colour * (1 - known)


def _rough(readout: Readout, spec: LatentSpec) -> Tensor:
    """Colours ``(T, h, w, 3)``, 0..1, black where nothing is known."""
    colours = readout.depth.new_zeros(*readout.known.shape, 3)
    if bool(readout.known.any()):
        tokens = rearrange(readout.latents, "t c h w -> t h w c")[readout.known]  # (N, C)
        colours[readout.known] = colours_of(spec, tokens).to(colours).clamp(0.0, 1.0)
    return colours


def _enlarged(tokens: Tensor, spec: LatentSpec) -> Tensor:
    """``(T, h, w, C)`` values of tokens as those of their pixels, ``(T, H, W, C)``."""
    channels = rearrange(tokens, "t h w c -> t c h w")
    return rearrange(F.interpolate(channels, scale_factor=spec.spatial, mode="nearest"), "t c h w -> t h w c")
