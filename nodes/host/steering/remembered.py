"""What a memory shows of the video to be made, and what a sampler takes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from comfy.model_patcher import ModelPatcher
from einops import rearrange
from torch import Tensor

from ....mirage_core import Readout
from .models import ModelKind


@dataclass(frozen=True, eq=False)
class Remembered:
    """What the memory and the start frames say about the latents to be made.

    T counts all latent frames, those of reference pictures before the video included, which no camera sees.

    Attributes:
        kind: the model whose latents they are.
        readout: what the memory shows the frames of the video.
        spatial: pixels per token.
        start: ``(B, C, T, h, w)`` the frames to begin with, raw VAE scale; the format's mean where there are none.
        kept: ``(B|1, 1, T, h, w)`` share of the start that stays as it is, 1 = all.
        front: how many of the T are reference pictures.
        references: ``(1, C, R, h, w)`` remembered frames for a branch, raw VAE scale.
        preceding: frames ``(P, C, h, w)`` before the start, and what the memory showed of them; raw VAE scale.
    """

    kind: ModelKind
    readout: Readout
    spatial: int
    start: Tensor
    kept: Tensor
    front: int
    references: Tensor | None
    preceding: tuple[Tensor, Tensor] | None

    @property
    def splat(self) -> Tensor:
        """``(1, C, T, h, w)`` of the readout, raw VAE scale, zeros where unknown."""
        return self._after_front(rearrange(self.readout.latents.float(), "t c h w -> 1 c t h w"))

    @property
    def splat_known(self) -> Tensor:
        """bool ``(T, h, w)``."""
        return self._after_front(self.readout.known)

    @property
    def splat_exact(self) -> Tensor:
        """bool ``(T, h, w)``: seen just where and as large as they were written."""
        return self._after_front(self.readout.exact)

    @property
    def placement(self) -> Tensor:
        """``(1, 3, T, h, w)`` of the readout."""
        return self._after_front(rearrange(self.readout.placement.float(), "t c h w -> 1 c t h w"))

    @property
    def known(self) -> Tensor:
        """bool ``(B|1, 1, T, h, w)``: by the memory or by the start frames."""
        return self.splat_known | self.kept_whole

    @property
    def kept_whole(self) -> Tensor:
        return self.kept > 0.5

    @property
    def latents(self) -> Tensor:
        """``(B, C, T, h, w)``: start frames, else the splat, else the format's mean."""
        return torch.where(self.splat_known & ~self.kept_whole, self.splat, self.start)

    @property
    def size(self) -> tuple[int, int, int]:
        return tuple(self.start.shape[2:])

    def _after_front(self, value: Tensor) -> Tensor:
        return F.pad(value, (0, 0, 0, 0, self.front, 0))


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What a sampler takes, and where it comes from.

    Attributes:
        latents: ``(B, C, T, h, w)`` raw VAE scale.
        denoise: noise mask ``(B|1, 1, T, h, w)``, 1 = to be generated.
        mode: that was used.
        remembered: what the memory shows.
    """

    model: ModelPatcher
    positive: list
    negative: list
    latents: Tensor
    denoise: Tensor
    mode: str
    remembered: Remembered

    @property
    def samples(self) -> Tensor:
        """The latents in the model's own layout: ``(B, C, T, h, w)``, or pictures ``(T, C, h, w)``."""
        return self._laid_out(self.latents)

    @property
    def noise_mask(self) -> Tensor | None:
        """None where it keeps nothing: with a mask, Wan 2.2 labels every frame anew."""
        return self._laid_out(self.denoise) if bool((self.denoise < 1).any()) else None

    def video(self, samples: Tensor) -> Tensor:
        """What a sampler made of ``samples``, without what stands before the video."""
        return samples[:, :, self.remembered.front :] if self.remembered.front else samples

    def _laid_out(self, value: Tensor) -> Tensor:
        return value if self.remembered.kind.video else rearrange(value, "1 c t h w -> t c h w")
