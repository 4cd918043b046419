"""A weight-free patch codec: the low frequencies of each patch as a latent token.

It stands in for a video VAE where none is at hand: demos, previews on a laptop, tests. It has the shape of the Wan 2.2
latents (48 channels, 16 pixels, every fourth frame), and none of a VAE's knowledge of pictures.
"""

import torch
from einops import rearrange
from torch import Tensor, nn

from .errors import MirageError, check_shape

FREQUENCIES = 4  # per axis: 4 x 4 of the patch's, for each of three colours
CHANNELS = 3 * FREQUENCIES**2
TEMPORAL = 4
PATCHES = (8, 16)


class PatchCodec(nn.Module):
    """Encode every patch of a picture as the lowest 4 x 4 coefficients of its orthonormal 2-D DCT, colour by colour.

    Channel ``3 f + c`` holds frequency ``f = 4 fy + fx`` of colour ``c``; channels 0..2 are the patch's mean colour
    times the patch size. Latent frame ``k`` is video frame ``4 k`` alone, the one whose camera it carries; decoding
    interpolates linearly between them. Encoding what was decoded gives the same latents back.

    Args:
        patch: pixels per token, 8 (sharper) or 16 (the shape of the Wan 2.2 latents).

    Source: DCT-II, Ahmed, Natarajan and Rao 1974, in its orthonormal form.
    """

    def __init__(self, patch: int = 16):
        super().__init__()
        if patch not in PATCHES:
            raise MirageError(f"patch: must be one of {PATCHES} pixels; got {patch!r}.")
        self.patch = patch
        place = torch.arange(patch, dtype=torch.float64) + 0.5
        order = torch.arange(FREQUENCIES, dtype=torch.float64)[:, None]
        basis = torch.cos(torch.pi / patch * place * order) * (2.0 / patch) ** 0.5  # (4, patch)
        basis[0] /= 2.0**0.5
        self.register_buffer("basis", basis.float(), persistent=False)

    @property
    def name(self) -> str:
        return f"patch-codec-{self.patch}"

    def encode(self, video: Tensor) -> Tensor:
        """``(B, 3, F, H, W)`` to ``(B, 48, T, h, w)`` with ``T = ceil(F / 4)``; H and W multiples of the patch.

        Values keep their range's centre: feed -1..1 (as ComfyUI does), so that grey is 0.
        """
        check_shape("video", video, "(B, 3, F, H, W)", (None, 3, None, None, None))
        H, W = video.shape[-2:]
        if H < 1 or W < 1 or H % self.patch or W % self.patch:
            raise MirageError(f"video: must have a height and width that are multiples of {self.patch}; got {H} x {W}.")
        patches = rearrange(video[:, :, ::TEMPORAL], "b c t (h y) (w x) -> b t h w c y x", y=self.patch, x=self.patch)
        basis = self.basis.to(video)
        return rearrange(basis @ patches @ basis.T, "b t h w c fy fx -> b (fy fx c) t h w")

    def frames(self, latents: Tensor) -> Tensor:
        """The video frames that have latents: ``(B, 48, T, h, w)`` to ``(B, 3, T, H, W)``."""
        coefficients = rearrange(latents, "b (fy fx c) t h w -> b t h w c fy fx", fy=FREQUENCIES, fx=FREQUENCIES)
        basis = self.basis.to(latents)
        return rearrange(basis.T @ coefficients @ basis, "b t h w c y x -> b c t (h y) (w x)")

    def decode(self, latents: Tensor) -> Tensor:
        """``(B, 48, T, h, w)`` to ``(B, 3, 4 T - 3, H, W)``."""
        check_shape("latents", latents, "(B, 48, T, h, w)", (None, CHANNELS, None, None, None))
        keys = self.frames(latents)
        between = torch.arange(1, TEMPORAL).to(keys).view(-1, 1, 1) / TEMPORAL  # 1/4, 2/4, 3/4
        before, after = keys[:, :, :-1, None], keys[:, :, 1:, None]
        steps = torch.cat([torch.lerp(before, after, between), after], dim=3)  # (B, 3, T - 1, 4, H, W)
        return torch.cat([keys[:, :, :1], steps.flatten(2, 3)], dim=2)

    def mean_colours(self, features: Tensor) -> Tensor:
        """The mean colour of tokens ``(N, 48)``, in the range that was encoded: ``(N, 3)``."""
        return features[:, :3].float() / self.patch
