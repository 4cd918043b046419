"""What a MODEL is, as far as a memory that conditions it needs to know."""

import logging
from dataclasses import dataclass

import comfy.latent_formats
import comfy.model_base
import torch
from comfy.ldm.wan.model import WanModel
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ....mirage_core import LatentPath, LatentSpec, MirageError
from ....mirage_core.timing import Timing
from ..formats import of_format, timing_of, video_channels
from .families import Family, family_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ModelKind:
    """One model of ComfyUI.

    Attributes:
        name: of ComfyUI's class for it.
        latent_format: its latents: channels, strides, normalisation.
        family: how a memory can enter it.
        reference_tokens: it takes a reference picture as tokens before those of the video (Fun-Control).
        vace_channels: channels of its VACE context, 0 without one.
        wan_width: width of its Wan network, 0 for another network.
        frames_together: latent frames that its network reads as one.
    """

    name: str
    latent_format: comfy.latent_formats.LatentFormat
    family: Family
    reference_tokens: bool
    vace_channels: int
    wan_width: int
    frames_together: int

    @classmethod
    def of(cls, model: ModelPatcher) -> "ModelKind":
        base = model.model
        network = model.get_model_object("diffusion_model")
        latent_format = model.get_model_object("latent_format")
        wan, channels = isinstance(network, WanModel), latent_format.latent_channels
        name = type(base).__name__
        return cls(
            name=name,
            latent_format=latent_format,
            family=family_of(name, base.model_type.name, _beside(network, channels)),
            reference_tokens=wan and network.ref_conv is not None,
            vace_channels=network.vace_in_dim if isinstance(base, comfy.model_base.WAN21_Vace) else 0,
            wan_width=network.dim if wan else 0,
            frames_together=getattr(network, "patch_size_t", None) or 1,  # of CogVideoX 1.5
        )

    @property
    def channels(self) -> int:
        """Of the video's latents."""
        return video_channels(self.latent_format)

    @property
    def timing(self) -> Timing:
        return timing_of(self.latent_format)

    @property
    def video(self) -> bool:
        """Latents are ``(B, C, T, h, w)``, not ``(B, C, h, w)``."""
        return self.latent_format.latent_dimensions == 3

    def check(self, spec: LatentSpec) -> None:
        """Raise MirageError unless the model works on the latents that a memory with this ``spec`` holds."""
        if self.family.refusal:
            raise MirageError(
                f"model: must make pictures or video from noise, in latents that a memory can hold; {self.name} "
                f"{self.family.refusal}. Choose another model, such as Wan, LTX or MiniMax H3."
            )
        spatial = self.latent_format.spacial_downscale_ratio
        fits = (spec.channels, spec.spatial, spec.timing) == (self.channels, spatial, self.timing)
        fits = fits and of_format(spec.name, self.latent_format)
        if not fits or self.latent_format.latent_dimensions not in (2, 3):
            raise MirageError(
                f"memory: must hold the latents of this model, {type(self.latent_format).__name__} with "
                f"{self.channels} channels, {spatial} px, {self.timing.stride} video frames; it holds {spec}. "
                "Lift latents of the VAE that belongs to the model."
            )
        if self.video and not spec.name:  # picture formats have no names
            log.warning(
                "The memory does not say which VAE its latents are of; they are taken for %s. If they are another's, "
                "the video is noise: lift them anew, with the model's VAE.",
                type(self.latent_format).__name__,
            )

    def check_length(self, path: LatentPath) -> None:
        """Raise MirageError unless the network reads the latent frames of a path without one left over."""
        together, frames, timing = self.frames_together, len(path.video), self.timing
        if path.size[0] % together:
            least, step = timing.frames_of(together), together * timing.stride
            below = (frames - least) // step * step + least
            raise MirageError(
                f"cameras: must be {least} + {step} n video frames for this {self.name} model, which reads {together} "
                f"latent frames as one ({max(below, least)}, {max(below, least) + step}, ...); got {frames}."
            )

    def normalised(self, latents: Tensor) -> Tensor:
        """Latents ``(B, C, T, h, w)`` in the model's own space; for a picture model T pictures are its batch."""
        return self._converted(latents, self.latent_format.process_in)

    def empty(self, like: Tensor) -> Tensor:
        """Latents that the model sees as zeros: the format's mean, not zeros."""
        return self._converted(torch.zeros_like(like), self.latent_format.process_out)

    def _converted(self, latents: Tensor, conversion) -> Tensor:
        if self.video:
            return conversion(latents)
        return torch.stack([conversion(picture) for picture in latents.unbind(2)], dim=2)


def _beside(network: torch.nn.Module, channels: int) -> int | None:
    """Input channels of a network beside those of the latent; None: it does not say how many it has."""
    taken = getattr(network, "in_dim", None) or getattr(network, "in_channels", None)
    return None if taken is None else taken - channels
