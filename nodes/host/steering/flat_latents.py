"""Latents of one-colour clips: grey where models expect "nothing here", white where the branch expects its score."""

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ....mirage_core import MirageError

# Encoding takes as long as the clip's size asks for, and its result depends on nothing else: kept per VAE, and gone
# with it.
_kept: WeakKeyDictionary[nn.Module, dict[tuple, Tensor]] = WeakKeyDictionary()


def flat_latent(vae, value: float, size: tuple[int, int, int]) -> Tensor:
    """The VAE's encoding of a clip with every channel at ``value`` (0 black, 1 white): ``(1, C, T, h, w)``.

    Args:
        size: ``(T, h, w)`` latent frames and tokens.
    """
    kept = _kept.setdefault(vae.first_stage_model, {})
    if (value, size) not in kept:
        T, h, w = size
        frames, spatial = (T - 1) * (vae.temporal_compression_decode() or 1) + 1, vae.spacial_compression_encode()
        latent = vae.encode(torch.full((frames, h * spatial, w * spatial, 3), value))
        if latent.ndim != 5 or tuple(latent.shape[2:]) != size:
            raise MirageError(
                f"VAE: must encode {frames} frames into {size} latent frames and tokens; got {tuple(latent.shape)}."
            )
        kept[value, size] = latent
    return kept[value, size]
