"""Which latents a VAE makes, and how they look as colours."""

import comfy.latent_formats
import torch
from torch import Tensor

from ...mirage_core import LatentSpec, MirageError
from ...mirage_core.codec import PATCHES, PatchCodec

# The host's VAE classes by (class of the model, latent channels). A name keeps latents of equal shape apart.
KNOWN_VAES = {("WanVAE", 16): "wan21", ("WanVAE", 48): "wan22", ("TAEHV", 48): "wan22"}
COLOURS = {"wan21": comfy.latent_formats.Wan21, "wan22": comfy.latent_formats.Wan22}
UNNAMED = {16: "wan21", 48: "wan22"}  # a memory that does not know its format is coloured by its channel count


def spec_of(vae) -> LatentSpec:
    """The latents that a host VAE makes."""
    model = vae.first_stage_model
    name = model.name if isinstance(model, PatchCodec) else KNOWN_VAES.get((type(model).__name__, vae.latent_channels))
    return LatentSpec(
        channels=vae.latent_channels,
        spatial=vae.spacial_compression_encode(),
        temporal=vae.temporal_compression_decode() or 1,
        name=name or "",
    )


def colours_of(spec: LatentSpec, features: Tensor) -> Tensor:
    """Approximate RGB of tokens ``(N, C)`` in 0..1: ``(N, 3)``, by the latent format's own linear factors.

    Raises:
        MirageError: no colours are known for this format.
    """
    for patch in PATCHES:
        codec = PatchCodec(patch)
        if spec.name == codec.name:
            return codec.mean_colours(features) * 0.5 + 0.5
    name = spec.name or UNNAMED.get(spec.channels, "")
    if name not in COLOURS:
        raise MirageError(
            f"colours: memory must hold a latent format with known colours ({', '.join(COLOURS)}, patch "
            f"codec); got {spec}."
        )
    latent_format = COLOURS[name]()
    normalised = latent_format.process_in(features.float().T[None, :, None, :, None])[0, :, 0, :, 0].T  # (N, C)
    factors = torch.tensor(latent_format.latent_rgb_factors)  # (C, 3)
    return (normalised @ factors + torch.tensor(latent_format.latent_rgb_factors_bias)) * 0.5 + 0.5
