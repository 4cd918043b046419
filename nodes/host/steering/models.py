"""What a MODEL is, as far as a memory that conditions it needs to know."""

import logging
from dataclasses import dataclass

import comfy.latent_formats
import comfy.model_base
import torch
from comfy.ldm.wan.model import WanModel
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ....mirage_core import LatentSpec, MirageError
from ..formats import of_format

log = logging.getLogger(__name__)

# Host models that a memory cannot steer, by class. The first list does not make pictures from noise at all.
REFUSED = {
    "HunyuanVideo15_SR_Distilled": "makes a video larger that is there already",
    "HunyuanImage21Refiner": "refines a picture that is there already",
    "SD_X4Upscaler": "makes a picture larger that is there already",
    "SeedVR2": "restores a video that is there already",
    "MiniMaxH3": "makes video in clips of 17 frames whose latents span 1, 4, 4, 4 and 4 of them, with sound",
}
FROM_PICTURES = ("IMG_TO_IMG", "IMG_TO_IMG_FLOW")  # model types: FlowRVS finds objects in a video, Lotus its depth
FILL_THEIR_OWN_PICTURE = ("WAN21_HuMo",)  # in channels that an image-to-video model has for it


@dataclass(frozen=True, eq=False)
class ModelKind:
    """One host model.

    Attributes:
        name: of ComfyUI's class for it.
        latent_format: its latents: channels, strides, normalisation.
        per_frame: it takes a timestep per latent frame, and keeps what a noise mask keeps clean (Wan 2.2 TI2V).
        inpaints: it takes 4 mask and C picture channels beside its C noisy ones (image-to-video, Fun-InP).
        begins_with_reference: its first latent frame is a reference picture, and the video begins with the second.
        reference_tokens: it takes a reference picture as tokens before those of the video (Fun-Control).
        pictures_latent: its picture channels show the latent that is sampled, all of it, unless told what to show.
        vace_channels: channels of its VACE context, 0 without one.
        wan_width: width of its Wan network, 0 for another network.
        refusal: why no memory can steer it, empty if one can.
    """

    name: str
    latent_format: comfy.latent_formats.LatentFormat
    per_frame: bool
    inpaints: bool
    begins_with_reference: bool
    reference_tokens: bool
    pictures_latent: bool
    vace_channels: int
    wan_width: int
    refusal: str

    @classmethod
    def of(cls, model: ModelPatcher) -> "ModelKind":
        base = model.model
        network = model.get_model_object("diffusion_model")
        latent_format = model.get_model_object("latent_format")
        wan = isinstance(network, WanModel)
        in_dim = network.in_dim if wan else 0
        name = type(base).__name__
        pictures = in_dim == 2 * latent_format.latent_channels + 4 and name not in FILL_THEIR_OWN_PICTURE
        from_pictures = "works on pictures that are there already" if base.model_type.name in FROM_PICTURES else ""
        return cls(
            name=name,
            latent_format=latent_format,
            per_frame=isinstance(base, comfy.model_base.WAN22) and type(network) is WanModel,
            inpaints=isinstance(base, comfy.model_base.WAN21) and pictures,
            begins_with_reference=name == "WAN22_Animate",
            reference_tokens=wan and network.ref_conv is not None,
            pictures_latent="concat_image" in base.concat_keys,
            vace_channels=network.vace_in_dim if isinstance(base, comfy.model_base.WAN21_Vace) else 0,
            wan_width=network.dim if wan else 0,
            refusal=REFUSED.get(name, from_pictures),
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
        if self.refusal:
            raise MirageError(
                f"model: must make pictures or video from noise, in latents that a memory can hold; {self.name} "
                f"{self.refusal}. Choose another model, such as Wan or LTX-Video."
            )
        strides = (self.latent_format.spacial_downscale_ratio, self.latent_format.temporal_downscale_ratio)
        fits = (spec.channels, spec.spatial, spec.temporal) == (self.channels, *strides)
        fits = fits and of_format(spec.name, self.latent_format)
        if not fits or self.latent_format.latent_dimensions not in (2, 3):
            raise MirageError(
                f"memory: must hold the latents of this model, {type(self.latent_format).__name__} with "
                f"{self.channels} channels, {strides[0]} px, {strides[1]} frames; it holds {spec}. "
                "Lift latents of the VAE that belongs to the model."
            )
        if self.video and not spec.name:  # picture formats have no names
            log.warning(
                "The memory does not say which VAE its latents are of; they are taken for %s. If they are another's, "
                "the video is noise: lift them anew, with the model's VAE.",
                type(self.latent_format).__name__,
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
