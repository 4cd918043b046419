"""A patch codec with a learned decoder: latents in the scale of a model, pictures without the borders of tokens."""

from pathlib import Path

import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor, nn

from .codec import CHANNELS, PatchCodec
from .errors import MirageError, damage_refused, describe

LEARNED_CODEC = "learned-codec-16"
PATCH = 16
WIDTH, FINE = 96, 24  # channels at the tokens' resolution, and at four times that
STEP_UP = 4  # twice, to 16 pixels


class LearnedCodec(PatchCodec):
    """``PatchCodec`` of 16 px tokens whose latents have a model's scale, and whose decoder adds what it has learnt.

    Channel by channel, a coefficient that is ``deviation`` from ``mean`` becomes a latent that is ``model_deviation``
    from ``model_mean``: so a model that was trained on latents of mean 0 and deviation 1 finds them, after its latent
    format's own normalisation. New, the decoder adds nothing: pictures are those of the inverse transform.

    Args:
        mean, deviation: ``(48,)`` of the patch codec's latents.
        model_mean, model_deviation: ``(48,)`` of the latent format; none = 0 and 1.
        layers: whose ``Conv2d`` the decoder is made of: ``torch.nn``, or layers that bring their weights to the device
            of what they are given, where a network is only loaded in part.
    """

    def __init__(
        self,
        mean: Tensor,
        deviation: Tensor,
        model_mean: Tensor | None = None,
        model_deviation: Tensor | None = None,
        layers=nn,
    ):
        super().__init__(PATCH)
        self.register_buffer("mean", mean.clone())
        self.register_buffer("deviation", deviation.clone())
        self.register_buffer("model_mean", torch.zeros(CHANNELS) if model_mean is None else model_mean.clone())
        scale = torch.ones(CHANNELS) if model_deviation is None else model_deviation.clone()
        self.register_buffer("model_deviation", scale)
        self.coarse = nn.Sequential(
            layers.Conv2d(CHANNELS, WIDTH, 3, padding=1),
            nn.GELU(),
            *(_Residual(WIDTH, layers) for _ in range(3)),
            layers.Conv2d(WIDTH, FINE * STEP_UP**2, 1),
            nn.PixelShuffle(STEP_UP),
        )
        last = layers.Conv2d(FINE, 3 * STEP_UP**2, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.fine = nn.Sequential(
            *(_Residual(FINE, layers) for _ in range(2)), nn.GELU(), last, nn.PixelShuffle(STEP_UP)
        )

    @property
    def name(self) -> str:
        return LEARNED_CODEC

    def scaled(self, coefficients: Tensor) -> Tensor:
        """Latents ``(B, 48, T, h, w)`` of the plain patch codec, in the model's scale."""
        mean, deviation, model_mean, model_deviation = self._scales(coefficients)
        return (coefficients - mean) / deviation * model_deviation + model_mean

    def encode(self, video: Tensor) -> Tensor:
        """As ``PatchCodec.encode``, in the model's scale."""
        return self.scaled(super().encode(video))

    def mean_colours(self, features: Tensor) -> Tensor:
        mean, deviation, model_mean, model_deviation = (scale[:, 0, 0, 0] for scale in self._scales(features))
        return super().mean_colours((features.float() - model_mean) / model_deviation * deviation + mean)

    def frames(self, latents: Tensor) -> Tensor:
        mean, deviation, model_mean, model_deviation = self._scales(latents)
        normal = (latents - model_mean) / model_deviation
        plain = super().frames(normal * deviation + mean)
        added = self.fine(self.coarse(rearrange(normal, "b c t h w -> (b t) c h w")))
        return plain + rearrange(added, "(b t) c h w -> b c t h w", b=len(latents))

    def _scales(self, like: Tensor) -> list[Tensor]:
        """Means and deviations beside ``like`` ``(B, 48, T, h, w)``, and on its device."""
        scales = (self.mean, self.deviation, self.model_mean, self.model_deviation)
        return [scale.to(like.device)[:, None, None, None] for scale in scales]


class _Residual(nn.Module):
    def __init__(self, width: int, layers):
        super().__init__()
        convolutions = layers.Conv2d(width, width, 3, padding=1), layers.Conv2d(width, width, 1)
        self.layers = nn.Sequential(convolutions[0], nn.GELU(), convolutions[1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def load_codec(path: str | Path, layers=nn) -> LearnedCodec:
    """Read a trained codec from a .safetensors file; for ``layers`` see ``LearnedCodec``.

    Raises:
        MirageError: the file is damaged, holds other tensors than a codec does, or scales that are none; the message
            names one.
    """
    name = Path(path).name
    with damage_refused(f"{name}:", "a whole .safetensors file"):
        weights = load_file(path)
    codec = LearnedCodec(torch.zeros(CHANNELS), torch.ones(CHANNELS), layers=layers)
    wanted = codec.state_dict()
    for key in sorted(wanted.keys() | weights.keys()):
        if key not in weights or key not in wanted:
            verb = "lacks" if key in wanted else "also holds"
            raise MirageError(f"{name}: must hold the tensors of a trained codec; it {verb} {key}.")
        if weights[key].shape != wanted[key].shape:
            raise MirageError(
                f"{name}: {key} must be {tuple(wanted[key].shape)} in a trained codec; got {describe(weights[key])}."
            )
        if key.endswith("deviation") and not bool((weights[key] > 0).all() and weights[key].isfinite().all()):
            raise MirageError(f"{name}: {key} must be finite and above 0 in every channel; it is not.")
    codec.load_state_dict(weights)
    return codec.eval().requires_grad_(False)
