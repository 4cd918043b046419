"""Which latents a VAE makes, and how they look as colours."""

import comfy.latent_formats
import torch
from torch import Tensor

from ...mirage_core import LatentSpec
from ...mirage_core.codec import PATCHES, PatchCodec
from ...mirage_core.learned_codec import LEARNED_CODEC

# The host's VAE classes by (class of the model, latent channels). A name keeps latents of equal shape apart.
KNOWN_VAES = {("WanVAE", 16): "wan21", ("WanVAE", 48): "wan22", ("TAEHV", 48): "wan22"}
COLOURS = {"wan21": comfy.latent_formats.Wan21, "wan22": comfy.latent_formats.Wan22}
SPREAD = 0.2  # deviation of the mean colours, 0..1, of the rooms that learned codecs are trained on, about
SAMPLE = 20_000  # tokens that principal components are taken from
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

    Of a format without such factors, the three principal components: they tell things apart and are no true colours.
    """
    for patch in PATCHES:
        codec = PatchCodec(patch)
        if spec.name == codec.name:
            return codec.mean_colours(features) * 0.5 + 0.5
    if spec.name == LEARNED_CODEC:
        return _normalised(comfy.latent_formats.Wan22(), features)[:, :3] * SPREAD + 0.5  # mean colours come first
    name = spec.name or UNNAMED.get(spec.channels, "")
    if name not in COLOURS:
        return _principal_colours(features.float())
    latent_format = COLOURS[name]()
    factors = torch.tensor(latent_format.latent_rgb_factors)  # (C, 3)
    return (
        _normalised(latent_format, features) @ factors + torch.tensor(latent_format.latent_rgb_factors_bias)
    ) * 0.5 + 0.5


def _normalised(latent_format: comfy.latent_formats.LatentFormat, features: Tensor) -> Tensor:
    return latent_format.process_in(features.float().T[None, :, None, :, None])[0, :, 0, :, 0].T  # (N, C)


def _principal_colours(features: Tensor) -> Tensor:
    sample = features[:: max(1, len(features) // SAMPLE)]
    _, vectors = torch.linalg.eigh(torch.cov(sample.T.double()).reshape(2 * sample.shape[1:]))  # ascending
    chosen = vectors[:, -3:].flip(1).float()  # (C, 3 or fewer)
    chosen = chosen * torch.where(chosen.sum(dim=0) < 0, -1.0, 1.0)  # a vector's sign is arbitrary
    values = features @ chosen
    low, high = torch.quantile(sample @ chosen, torch.tensor([0.02, 0.98]), dim=0)
    colours = ((values - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0)
    return torch.cat([colours, colours[:, -1:].expand(-1, 3 - colours.shape[1])], dim=1)
