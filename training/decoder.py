"""Training the decoder of the codec: what lies between the low frequencies of its tokens, learnt from rooms.

The plain inverse transform leaves the borders of tokens visible. The decoder starts as that transform; it sees latents
with noise, so that tokens that disagree a little are joined.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from comfy.latent_formats import Wan22
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.optim import AdamW

from ..mirage_core.learned_codec import LearnedCodec, load_codec
from ..mirage_core.storage import write_file
from .fit import Fit, fit
from .samples import Statistics, encoded, walk_in_a_room

CODEC = "codec.safetensors"


@dataclass(frozen=True)
class DecoderRun:
    """How a decoder is trained.

    Attributes:
        pictures: per step, all of one room.
        noise: largest deviation of the noise on latents, of either kind, in deviations of the channel.
    """

    steps: int
    image_size: tuple[int, int]
    pictures: int = 8
    noise: float = 0.4
    rate: float = 0.003
    ema: float = 0.99
    seed: int = 0


def new_codec(statistics: Statistics) -> LearnedCodec:
    """An untrained decoder, for latents in the scale of ComfyUI's Wan 2.2 models."""
    form = Wan22()
    mean, deviation = (value.flatten() for value in (form.latents_mean, form.latents_std / form.scale_factor))
    return LearnedCodec(statistics.mean, statistics.deviation, mean, deviation)


def save_codec(codec: nn.Module, steps: int, folder: Path) -> None:
    """Write ``CODEC``."""
    weights = {key: value.detach().cpu().contiguous() for key, value in codec.state_dict().items()}
    write_file(folder / CODEC, weights, {"steps": f"{steps}"})


def statistics_of(codec: LearnedCodec) -> Statistics:
    return Statistics(codec.mean.cpu(), codec.deviation.cpu())


@torch.no_grad()
def pictures_of(codec: LearnedCodec, latents: Tensor) -> Tensor:
    """Pictures ``(T, H, W, 3)``, 0..1, of latents ``(T, C, h, w)`` of the codec."""
    video = codec.frames(rearrange(latents, "t c h w -> 1 c t h w"))
    return rearrange(video, "1 c t h w -> t h w c").clamp(-1, 1) * 0.5 + 0.5


def train_decoder(run: DecoderRun, folder: Path, device: torch.device, seconds: float) -> bool:
    """Train the decoder of the codec in ``folder``, or go on. Returns whether all steps are done."""
    state = folder / "decoder"
    state.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(run.seed)
    statistics = statistics_of(load_codec(folder / CODEC))
    codec = new_codec(statistics).to(device)  # a run that goes on loads its state over it

    def loss(step: int) -> Tensor:
        room, cameras = walk_in_a_room(run.seed + step, run.pictures, run.image_size, device)
        pictures, _ = room.seen(cameras, run.image_size)
        latents = encoded(pictures)
        generator = torch.Generator().manual_seed(run.seed + step)
        worn = latents + run.noise * _noise(latents.shape, generator).to(latents) * codec.deviation[:, None, None]
        made = codec.frames(codec.scaled(rearrange(worn, "t c h w -> 1 c t h w")))
        return (made - rearrange(pictures * 2 - 1, "t h w c -> 1 c t h w")).abs().mean()

    optimiser = AdamW(codec.parameters(), lr=run.rate, weight_decay=0.0)
    settings = Fit(run.steps, run.ema, seconds)
    return fit(
        codec, [optimiser], lambda _: loss, lambda averaged, step: save_codec(averaged, step, folder), state, settings
    )


def _noise(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise of single tokens, and of the two by two tokens that a model makes at once: ``(T, C, h, w)``."""
    T, C, h, w = shape
    single, patches = torch.randn(shape, generator=generator), torch.randn(T, C, h // 2, w // 2, generator=generator)
    strength = torch.rand(2, T, 1, 1, 1, generator=generator)
    return strength[0] * single + strength[1] * interpolate(patches, (h, w))
