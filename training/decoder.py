"""A small learned decoder for the patch codec: what lies between its low frequencies, learnt from rooms.

The plain inverse transform leaves the borders of tokens visible. The decoder starts as that transform and learns what
to add; it sees latents with noise, so that tokens that disagree a little are joined.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import AdamW

from ..mirage_core.codec import CHANNELS
from .fit import Fit, fit
from .samples import Statistics, decoded, encoded, remembered_walk

FILE = "decoder.safetensors"
WIDTH, FINE = 96, 24  # channels at the tokens' resolution, and at four times that
Picture = Callable[[Tensor], Tensor]  # raw latents (T, C, h, w) to pictures (T, H, W, 3), 0..1
STEP_UP = 4  # twice, to 16 pixels


@dataclass(frozen=True)
class DecoderRun:
    """How a decoder is trained.

    Attributes:
        pictures: per step, all of one room.
        noise: largest deviation of the noise on latents, in deviations of the channel.
    """

    steps: int
    image_size: tuple[int, int]
    pictures: int = 8
    noise: float = 0.5
    rate: float = 0.002
    ema: float = 0.99
    seed: int = 0


class _Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Decoder(nn.Module):
    """Raw latents ``(T, 48, h, w)`` to pictures ``(T, 16 h, 16 w, 3)``, 0..1."""

    def __init__(self, statistics: Statistics):
        super().__init__()
        self.register_buffer("mean", statistics.mean.clone())
        self.register_buffer("deviation", statistics.deviation.clone())
        self.coarse = nn.Sequential(
            nn.Conv2d(CHANNELS, WIDTH, 3, padding=1),
            nn.GELU(),
            *(_Residual(WIDTH) for _ in range(3)),
            nn.Conv2d(WIDTH, FINE * STEP_UP**2, 1),
            nn.PixelShuffle(STEP_UP),
        )
        last = nn.Conv2d(FINE, 3 * STEP_UP**2, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.fine = nn.Sequential(*(_Residual(FINE) for _ in range(2)), nn.GELU(), last, nn.PixelShuffle(STEP_UP))

    def forward(self, latents: Tensor) -> Tensor:
        added = self.fine(self.coarse(Statistics(self.mean, self.deviation).normalised(latents)))
        return decoded(latents) + rearrange(added, "t c h w -> t h w c")

    @staticmethod
    def load(file: Path) -> "Decoder":
        weights = load_file(file)
        decoder = Decoder(Statistics(weights["mean"], weights["deviation"]))
        decoder.load_state_dict(weights)
        return decoder.eval()

    @torch.no_grad()
    def pictures(self, latents: Tensor) -> Tensor:
        """Like ``decoded``."""
        return self(latents).clamp(0, 1)


def decoder_of(folder: Path) -> Picture:
    """The decoder that a run has trained; the plain inverse transform where it has none."""
    return Decoder.load(folder / FILE).pictures if (folder / FILE).is_file() else decoded


def train_decoder(run: DecoderRun, statistics: Statistics, folder: Path, device: torch.device, seconds: float) -> bool:
    """Train, or go on; ``folder`` gets ``FILE``. Returns whether all steps are done."""
    state = folder / "decoder"
    state.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(run.seed)
    decoder = Decoder(statistics).to(device)

    def loss(step: int) -> Tensor:
        room, cameras, _, _ = remembered_walk(run.seed + step, run.pictures, run.image_size, device, every=run.pictures)
        pictures, _ = room.seen(cameras, run.image_size)
        latents = encoded(pictures)
        generator = torch.Generator().manual_seed(run.seed + step)
        noise = torch.randn(latents.shape, generator=generator) * torch.rand(run.pictures, 1, 1, 1, generator=generator)
        worn = latents + run.noise * noise.to(latents) * decoder.deviation[:, None, None]
        return (decoder(worn) - pictures).abs().mean()

    def save(averaged: nn.Module, step: int) -> None:
        weights = {key: value.detach().cpu().contiguous() for key, value in averaged.state_dict().items()}
        save_file(weights, folder / FILE, metadata={"steps": f"{step}"})

    optimiser = AdamW(decoder.parameters(), lr=run.rate, weight_decay=0.0)
    return fit(decoder, [optimiser], lambda _: loss, save, state, Fit(run.steps, run.ema, seconds))
