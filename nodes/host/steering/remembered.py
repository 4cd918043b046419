"""What a memory shows of the video to be made, and what a sampler takes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from comfy.model_patcher import ModelPatcher
from comfy.nested_tensor import NestedTensor
from einops import rearrange
from torch import Tensor

from ....mirage_core import Readout
from .guides import Behind
from .models import ModelKind
from .sound import Sound


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
        behind: frames of guides that are sampled after those of the video.
        sound: that is sampled with it, if any.
    """

    model: ModelPatcher
    positive: list
    negative: list
    latents: Tensor
    denoise: Tensor
    mode: str
    remembered: Remembered
    behind: Behind
    sound: Sound | None

    @property
    def samples(self) -> Tensor | NestedTensor:
        """What is sampled: ``(B, C, T, h, w)``, with sound if there is any, or pictures ``(T, C, h, w)``."""
        if not self.remembered.kind.video:
            return rearrange(self.latents, "1 c t h w -> t c h w")
        video = torch.cat([self.latents, self.behind.latents], dim=2)
        return video if self.sound is None else NestedTensor((video, self.sound.latents))

    @property
    def noise_mask(self) -> Tensor | NestedTensor | None:
        """None where it keeps nothing: with a mask, Wan 2.2 labels every frame anew."""
        if not self.remembered.kind.video:
            return rearrange(self.denoise, "1 c t h w -> t c h w") if _keeps(self.denoise) else None
        video = torch.cat([self.denoise, self.behind.mask.expand(len(self.denoise), -1, -1, -1, -1)], dim=2)
        if self.sound is None:
            return video if _keeps(video) else None
        return NestedTensor((video, self.sound.mask)) if _keeps(video) or _keeps(self.sound.mask) else None

    def video(self, samples: Tensor | NestedTensor) -> Tensor | NestedTensor:
        """What a sampler made of ``samples``, without what stands before and behind the video."""
        if samples.is_nested:
            video, *others = samples.unbind()
            return NestedTensor((self.video(video), *others))
        remembered = self.remembered
        return samples[:, :, remembered.front : remembered.size[0]] if remembered.kind.video else samples


def _keeps(mask: Tensor) -> bool:
    return bool((mask < 1).any())
