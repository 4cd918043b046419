"""What a memory shows, what a sampler takes, and how the first is to steer the second."""

from dataclasses import dataclass

import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ....mirage_core import MirageError
from .branch import Branch
from .flat_latents import flat_latent
from .models import ModelKind
from .sigmas import SigmaWindow

GREY, WHITE = 0.5, 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """What the memory and the start frames say about the latents to be made.

    Attributes:
        splat: ``(1, C, T, h, w)`` the readout, raw VAE scale, anything where unknown.
        splat_known: bool ``(T, h, w)``.
        splat_exact: bool ``(T, h, w)`` seen just where and as large as they were written.
        placement: ``(1, 3, T, h, w)`` of the readout.
        start: ``(B, C, T, h, w)`` the frames to begin with, raw VAE scale; the format's mean where there are none.
        kept: ``(B|1, 1, T, h, w)`` share of the start that stays as it is, 1 = all.
        spatial: pixels per token.
        front: how many of the T are reference pictures that stand before the video, and that no camera sees.
    """

    splat: Tensor
    splat_known: Tensor
    splat_exact: Tensor
    placement: Tensor
    start: Tensor
    kept: Tensor
    spatial: int
    front: int = 0

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
        return tuple(self.splat.shape[2:])


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What a sampler takes. ``denoise`` is the noise mask ``(B|1, 1, T, h, w)``, 1 = to be generated."""

    model: ModelPatcher
    positive: list
    negative: list
    latents: Tensor
    denoise: Tensor


@dataclass(frozen=True, eq=False)
class Settings:
    """How strongly, when, and with what else."""

    kind: ModelKind
    strength: float
    start_percent: float
    end_percent: float
    score: str
    vae: object | None
    branch: Branch | None
    references: Tensor | None  # (1, C, R, h, w) raw VAE scale
    uni3c: ModelPatcher | None
    preceding: tuple[Tensor, Tensor] | None  # (P, C, h, w) frames, and what the memory showed of them; raw VAE scale

    def window(self, model: ModelPatcher) -> SigmaWindow:
        return SigmaWindow.of(model, self.start_percent, self.end_percent)

    def flat(self, mode: str, value: float, size: tuple[int, int, int]) -> Tensor:
        if self.vae is None:
            shade = "grey" if value == GREY else "white"
            raise MirageError(f"vae: mode {mode} must be able to encode a {shade} clip; connect the model's VAE.")
        return flat_latent(self.vae, value, size)
