"""Latents of one-colour clips: grey where models expect "nothing here", white where the branch expects its score."""

import torch
from torch import Tensor

from ....mirage_core import MirageError

GREY, WHITE = "grey", "white"
VALUES = {GREY: 0.5, WHITE: 1.0}  # of every channel of a picture


class FlatLatents:
    """A VAE's encodings of one-colour clips, each made once: it takes as long as that of any clip of the size."""

    def __init__(self, vae):
        self.vae = vae
        self._made: dict[tuple[str, tuple[int, int, int]], Tensor] = {}

    def of(self, colour: str, size: tuple[int, int, int]) -> Tensor:
        """Latents ``(1, C, T, h, w)``, raw VAE scale.

        Args:
            colour: of ``VALUES``.
            size: ``(T, h, w)`` latent frames and tokens.
        """
        if (colour, size) not in self._made:
            self._made[colour, size] = self._encoded(VALUES[colour], size)
        return self._made[colour, size]

    def _encoded(self, value: float, size: tuple[int, int, int]) -> Tensor:
        (T, h, w), spatial = size, self.vae.spacial_compression_encode()
        frames = (T - 1) * (self.vae.temporal_compression_decode() or 1) + 1
        latent = self.vae.encode(torch.full((frames, h * spatial, w * spatial, 3), value))
        if latent.ndim != 5 or tuple(latent.shape[2:]) != size:
            raise MirageError(
                f"vae: must encode {frames} frames into {size} latent frames and tokens; got {tuple(latent.shape)}."
            )
        return latent
