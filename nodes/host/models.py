"""What a MODEL is, as far as a memory that conditions it needs to know."""

from dataclasses import dataclass

import comfy.latent_formats
import comfy.model_base
import torch
from comfy.ldm.wan.model import WanModel
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...mirage_core import LatentSpec, MirageError
from ...mirage_core.learned_codec import LEARNED_CODEC

# a learned patch codec makes latents in the scale of Wan 2.2, for models of that layout that were trained on them
NAMED_FORMATS = {
    "wan21": comfy.latent_formats.Wan21,
    "wan22": comfy.latent_formats.Wan22,
    LEARNED_CODEC: comfy.latent_formats.Wan22,
}


@dataclass(frozen=True, eq=False)
class ModelKind:
    """One host model.

    Attributes:
        name: of the host's class for it.
        latent_format: its latents: channels, strides, normalisation.
        per_frame: it takes a timestep per latent frame, and keeps what a noise mask keeps clean (Wan 2.2 TI2V).
        inpaints: it takes 4 mask and C picture channels beside its C noisy ones (image-to-video, Fun-InP).
        vace_channels: channels of its VACE context, 0 without one.
        wan_width: width of its Wan network, 0 for another network.
    """

    name: str
    latent_format: comfy.latent_formats.LatentFormat
    per_frame: bool
    inpaints: bool
    vace_channels: int
    wan_width: int

    @classmethod
    def of(cls, model: ModelPatcher) -> "ModelKind":
        base = model.model
        network = model.get_model_object("diffusion_model")
        latent_format = model.get_model_object("latent_format")
        wan = isinstance(network, WanModel)
        in_dim = network.in_dim if wan else 0
        return cls(
            name=type(base).__name__,
            latent_format=latent_format,
            per_frame=isinstance(base, comfy.model_base.WAN22) and type(network) is WanModel,
            inpaints=isinstance(base, comfy.model_base.WAN21) and in_dim == 2 * latent_format.latent_channels + 4,
            vace_channels=network.vace_in_dim if isinstance(base, comfy.model_base.WAN21_Vace) else 0,
            wan_width=network.dim if wan else 0,
        )

    @property
    def channels(self) -> int:
        return self.latent_format.latent_channels

    @property
    def video(self) -> bool:
        """Latents are ``(B, C, T, h, w)``, not ``(B, C, h, w)``."""
        return self.latent_format.latent_dimensions == 3

    def check(self, spec: LatentSpec) -> None:
        """Raise MirageError unless the model works on the latents that a memory with this ``spec`` holds."""
        strides = (self.latent_format.spacial_downscale_ratio, self.latent_format.temporal_downscale_ratio)
        fits = (spec.channels, spec.spatial, spec.temporal) == (self.channels, *strides)
        other = spec.name and type(self.latent_format) is not NAMED_FORMATS.get(spec.name)
        if not fits or other or self.latent_format.latent_dimensions not in (2, 3):
            raise MirageError(
                f"memory: must hold the latents of this model, {type(self.latent_format).__name__} with "
                f"{self.channels} channels, {strides[0]} px, {strides[1]} frames; it holds {spec}. "
                "Lift latents of the VAE that belongs to the model."
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
