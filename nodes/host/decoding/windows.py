"""Other VAEs: latent frames are decoded with some before them as context, and the last ones once more."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ....mirage_core.timing import Timing
from .streams import Decoded, StreamedDecoder
from .whole import TILES, WHOLE, decoded

# Latent frames (before, behind) that are decoded along, by the class of the VAE's model.
CONTEXT = {
    "PatchCodec": (1, 0),
    "TAEHV": (8, 0),
    "WanVAE": (8, 0),
    "AutoencoderKL": (8, 0),
    "AutoencodingEngine": (8, 0),
    "AutoencoderKLCogVideoX": (8, 0),
    "CausalContinuousVideoTokenizer": (8, 0),
    "VideoVAE": (8, 0),
}
LOOKING_AHEAD = (4, 3)  # a decoder that is not causal, as that of LTX
ODD = "AutoencoderKLCogVideoX"  # takes the first latent frame for one video frame only among an odd number of them


def context(vae) -> tuple[int, int]:
    """How many latent frames before and behind a latent frame its video frames are decoded with."""
    model = vae.first_stage_model
    if vae.latent_dim == 2:
        return 0, 0  # pictures
    known = (CONTEXT[one.__name__] for one in type(model).__mro__ if one.__name__ in CONTEXT)
    causal = getattr(getattr(model, "decoder", None), "causal", True)
    return next(known, LOOKING_AHEAD) if causal else LOOKING_AHEAD


class WindowDecoder(StreamedDecoder):
    """Decodes windows of latent frames: those that came, some before them, and those that were held back.

    The video frames of the last latent frames are the tail, where the VAE looks at what lies behind.

    Args:
        tiled: in ComfyUI's tiles, which take less memory.
    """

    def __init__(self, vae, timing: Timing, tiled: bool = False):
        super().__init__(vae, timing)
        self.before, self.behind = context(vae)
        self.tiled = tiled
        self.longest = TILES["temporal_size"] // timing.stride if tiled else WHOLE  # latent frames of a window
        self.count = 0  # latent frames so far
        self._recent: Tensor | None = None  # the last ones of them, (r, C, h, w)

    @property
    def needed(self) -> int:
        """Latent frames that are kept of those that came; one more than context, for an odd number of them."""
        return self.before + self.behind + 1

    @property
    def held_back(self) -> int:
        return self.behind

    def take_up(self, before: Sequence) -> None:
        self._recent, self.count = before[max(0, len(before) - self.needed) :], len(before)

    def pass_over(self, latents: Tensor) -> None:
        """Know latent frames ``(n, C, h, w)`` that are decoded elsewhere."""
        self._recent, self.count = self._known(latents)[-self.needed :].clone(), self.count + len(latents)

    def decode(self, latents: Tensor, last: bool = False) -> Decoded:
        parts = latents.split(max(1, self.longest - self.before - self.behind))
        made = [self._window(part, last and part is parts[-1]) for part in parts]
        return Decoded(torch.cat([one.frames for one in made]), made[-1].tail)

    def _window(self, latents: Tensor, last: bool) -> Decoded:
        known, count = self._known(latents), self.count + len(latents)
        given = max(0, self.count - self.behind)  # latent frames whose video frames are final
        final = count if last else max(given, count - self.behind)
        start = max(0, given - self.before)
        if type(self.vae.first_stage_model).__name__ == ODD and (count - start) % 2 == 0 and start:
            start -= 1
        frames = self._frames(known[len(known) - (count - start) :], start)
        frames = frames[len(frames) - (self._span(count) - self._span(given)) :]
        self.pass_over(latents)
        new = self._span(final) - self._span(given)
        return Decoded(frames[:new], frames[new:])

    def _known(self, latents: Tensor) -> Tensor:
        return latents if self._recent is None else torch.cat([self._recent, latents.to(self._recent)])

    def _frames(self, latents: Tensor, start: int) -> Tensor:
        """Video frames of latent frames, the first of which is that number ``start`` of the video."""
        model, count = self.vae.first_stage_model, len(latents)
        if type(model).__name__ == ODD and count % 2 == 0:
            latents = torch.cat([latents, latents[-1:]])
        if hasattr(model, "latent_mean") and hasattr(model, "latent_std"):
            latents = _moved(model, latents, start)
        frames = decoded(self.vae, latents, self.tiled)
        return frames[: len(frames) - (len(latents) - count) * self.timing.stride]

    def _span(self, latents: int) -> int:
        return self.timing.frames_of(latents) if latents else 0


def _moved(model, latents: Tensor, start: int) -> Tensor:
    """Latent frames of Cosmos as those of the beginning of a video: its VAE scales them by their place, modulo 16."""
    mean, deviation = (
        one.float().cpu().view(latents.shape[1], -1).T for one in (model.latent_mean, model.latent_std)
    )  # (16, C)
    here = torch.arange(len(latents)) % len(mean)
    there = (here + start) % len(mean)
    scale, shift = deviation[there] / deviation[here], (mean[there] - mean[here]) / deviation[here]  # (T, C)
    scale, shift = (one[:, :, None, None].to(latents) for one in (scale, shift * model.sigma_data))
    return latents * scale + shift
