"""Which latents a VAE makes, and how they look as colours."""

import comfy.latent_formats
import torch
from torch import Tensor

from ...mirage_core import LatentSpec
from ...mirage_core.codec import PATCHES, PatchCodec
from ...mirage_core.learned_codec import LEARNED_CODEC
from ...mirage_core.timing import Timing

MINIMAX_H3 = "minimax_h3"

# ComfyUI's video VAEs by (class of the model, latent channels). A name keeps latents of equal shape apart.
VIDEO_VAES = {
    ("WanVAE", 16): "wan21",
    ("WanVAE", 48): "wan22",
    ("TAEHV", 16): "wan21",
    ("TAEHV", 32): "hunyuanvideo15",
    ("TAEHV", 48): "wan22",
    ("TAEHV", 128): "ltx",
    ("VideoVAE", 12): "mochi",
    ("VideoVAE", 128): "ltx",
    ("AutoencoderKL", 16): "hunyuanvideo",
    ("AutoencodingEngine", 32): "hunyuanvideo15",
    ("AutoencoderKLCogVideoX", 16): "cogvideox",
    ("CausalContinuousVideoTokenizer", 16): "cosmos1",
    ("VideoAutoencoderKLWrapper", 16): "seedvr2",
    ("MiniMaxH3VideoVAE", 24): MINIMAX_H3,
}
CLASSES = {
    "wan21": "Wan21",
    "wan22": "Wan22",
    "hunyuanvideo": "HunyuanVideo",
    "hunyuanvideo15": "HunyuanVideo15",
    "ltx": "LTXV",
    "mochi": "Mochi",
    "cogvideox": "CogVideoX",
    "cosmos1": "Cosmos1CV8x8x8",
    MINIMAX_H3: "MiniMaxH3Video",
}
LATENT_FORMATS = {  # those that this ComfyUI has
    name: getattr(comfy.latent_formats, form) for name, form in CLASSES.items() if hasattr(comfy.latent_formats, form)
}
# A learned patch codec makes latents in the scale of Wan 2.2, for models of that layout that were trained on them.
MODEL_FORMATS = {**LATENT_FORMATS, LEARNED_CODEC: comfy.latent_formats.Wan22}
CLIPS = {MINIMAX_H3: 5}  # latent frames after which a format begins anew with a single video frame
SPREAD = 0.2  # deviation of the mean colours, 0..1, of the rooms that learned codecs are trained on, about
SAMPLE = 20_000  # tokens that principal components are taken from
UNNAMED = {16: "wan21", 48: "wan22"}  # a memory that does not know its format is coloured by its channel count


def spec_of(vae) -> LatentSpec:
    """The latents that a VAE of ComfyUI's makes."""
    name, temporal = _name(vae), vae.temporal_compression_decode() or 1
    if name not in LATENT_FORMATS:
        return LatentSpec(vae.latent_channels, vae.spacial_compression_encode(), temporal, name)
    latent_format = LATENT_FORMATS[name]  # the VAE object has other strides for its small VAE of LTX-2, and for H3's
    strides = latent_format.spacial_downscale_ratio, latent_format.temporal_downscale_ratio
    return LatentSpec(vae.latent_channels, *strides, name, CLIPS.get(name, 0))


def timing_of(latent_format: comfy.latent_formats.LatentFormat) -> Timing:
    """Which video frames a model's latent frames stand for."""
    clip = next((CLIPS[name] for name in CLIPS if isinstance(latent_format, LATENT_FORMATS.get(name, ()))), 0)
    return Timing(latent_format.temporal_downscale_ratio, clip)


def video_channels(latent_format: comfy.latent_formats.LatentFormat) -> int:
    """Channels of a model's video latents; ComfyUI gives H3's format as many as its sound has."""
    h3 = LATENT_FORMATS.get(MINIMAX_H3)
    return h3.latent_channels if h3 and isinstance(latent_format, h3) else latent_format.latent_channels


def of_format(name: str, latent_format: comfy.latent_formats.LatentFormat) -> bool:
    """Whether latents of this name are those of a model with this latent format. Unnamed ones may be."""
    named = MODEL_FORMATS.get(name)
    if named is None:
        return not name
    # formats of one VAE derive from each other (LTX-2, CogVideoX 1.5), but so does Wan 2.2's from Wan 2.1's
    return isinstance(latent_format, named) and video_channels(latent_format) == named.latent_channels


def _name(vae) -> str:
    model = vae.first_stage_model
    if isinstance(model, PatchCodec):
        return model.name
    name = VIDEO_VAES.get((type(model).__name__, vae.latent_channels), "")
    if (vae.temporal_compression_decode() or 1) == 1:
        return ""  # pictures: Flux and SD3, SD 1.5 and SDXL share classes and channels
    if getattr(vae, "not_video", False):
        return f"{name} picture"  # HunyuanImage's refiner has the layout of HunyuanVideo 1.5
    if isinstance(getattr(model, "latent_format", None), type):  # the small VAE of 16 channels serves two families
        return next((known for known, form in LATENT_FORMATS.items() if form is model.latent_format), "")
    return name


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
    latent_format = LATENT_FORMATS[name]() if name in LATENT_FORMATS else comfy.latent_formats.LatentFormat()
    if latent_format.latent_rgb_factors is None:
        return _principal_colours(features.float())
    normalised = _normalised(latent_format, features)
    factors = normalised.new_tensor(latent_format.latent_rgb_factors)  # (C, 3)
    return (normalised @ factors + normalised.new_tensor(latent_format.latent_rgb_factors_bias)) * 0.5 + 0.5


def _normalised(latent_format: comfy.latent_formats.LatentFormat, features: Tensor) -> Tensor:
    return latent_format.process_in(features.float().T[None, :, None, :, None])[0, :, 0, :, 0].T  # (N, C)


def _principal_colours(features: Tensor) -> Tensor:
    sample = features[:: max(1, len(features) // SAMPLE)].cpu()  # float64, which not every device has
    _, vectors = torch.linalg.eigh(torch.cov(sample.T.double()).reshape(2 * sample.shape[1:]))  # ascending
    chosen = vectors[:, -3:].flip(1).float()  # (C, 3 or fewer)
    chosen = chosen * torch.where(chosen.sum(dim=0) < 0, -1.0, 1.0)  # a vector's sign is arbitrary
    low, high = torch.quantile(sample @ chosen, torch.tensor([0.02, 0.98]), dim=0).to(features)
    colours = ((features @ chosen.to(features) - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0)
    return torch.cat([colours, colours[:, -1:].expand(-1, 3 - colours.shape[1])], dim=1)
