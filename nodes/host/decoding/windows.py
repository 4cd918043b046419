"""Other VAEs: latent frames are decoded with some before them as context, and the last ones once more.

How many of each was measured against all at once: 21 latent frames of 2 x 3 tokens in chunks of 5, by small networks
of ComfyUI's own classes with as many layers as the published ones (LTX: nearly) and random weights, float32. Of values
0..1 that deviate by 0.17 to 0.46, the mean difference with the context below, and in brackets that of ComfyUI's own
time windows (``TILES``):

    patch codecs 0, the small VAEs (TAEHV) 0: no more than this context has a part in a video frame
    LTX 0.0045 (0.033); 0.010 with 2 held, and 0.052 with none, however many come before
    Mochi 0.013 (0.073), Cosmos 0.027 (0.087), CogVideoX 0.026 (0.078)
    HunyuanVideo 1.5 0.035 (0.039), HunyuanVideo 0.11 (0.077): they attend to, or normalise by, the whole video
    in tiles, Wan 2.1 0.042 (0.057), Wan 2.2 0.025 (0.046)

Half the context, without blending, made it 1.2 (CogVideoX) to 3.3 (Mochi) times as much. Without blending, video frames
of HunyuanVideo changed up to 1.7 times as much where chunks met as anywhere else (2 x 3 tokens), and 2.2 times (6 x 9);
blended, no more than elsewhere. Trained networks were not at hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ....mirage_core.timing import Timing
from .streams import Decoded, StreamedDecoder
from .whole import TILES, WHOLE, decoded


@dataclass(frozen=True)
class Context:
    """How latent frames are decoded apart from the rest of their video.

    Attributes:
        before: latent frames before them that are decoded along.
        held: of the last ones, whose video frames become final when others have come behind them.
        blended: what was held back passes over from one decoding to the next. Else only the next one counts, as it
            knows what lies behind.
    """

    before: int
    held: int = 0
    blended: bool = False


CONTEXT = {  # by the class of the VAE's model
    "PatchCodec": Context(1),
    "TAEHV": Context(8),
    "AutoencoderKL": Context(8, 2, blended=True),
    "AutoencodingEngine": Context(8, 2, blended=True),
    "AutoencoderKLCogVideoX": Context(8, 2, blended=True),
    "CausalContinuousVideoTokenizer": Context(8, 1, blended=True),
    "VideoVAE": Context(8, 1, blended=True),
    "WanVAE": Context(8),  # in tiles; nothing is held back, as it is not where the memory does
}
LOOKING_AHEAD = Context(4, 3)  # a decoder that is not causal, as that of LTX, or not known
PICTURES = Context(0)
ODD = "AutoencoderKLCogVideoX"  # takes the first latent frame for one video frame only among an odd number of them


def context_of(vae) -> Context:
    """How a VAE decodes latent frames apart from the rest of their video."""
    model = vae.first_stage_model
    if vae.latent_dim == 2:
        return PICTURES
    if not getattr(getattr(model, "decoder", None), "causal", True):
        return LOOKING_AHEAD
    known = (CONTEXT[one.__name__] for one in type(model).__mro__ if one.__name__ in CONTEXT)
    return next(known, LOOKING_AHEAD)


class WindowDecoder(StreamedDecoder):
    """Decodes windows of latent frames: those that came, some before them, and those that were held back.

    Args:
        tiled: in ComfyUI's tiles, which take less memory.
    """

    def __init__(self, vae, timing: Timing, tiled: bool = False):
        super().__init__(vae, timing)
        self.context, self.tiled = context_of(vae), tiled
        longest = TILES["temporal_size"] // timing.stride if tiled else WHOLE  # latent frames of a window
        self.most = max(1, longest - self.context.before - self.context.held)  # of them, those that came
        self.count = 0  # latent frames so far
        self._given = 0  # of them, those whose video frames are final
        self._recent: Tensor | None = None  # the last latent frames, (r, C, h, w)
        self._tail: Tensor | None = None  # (G, H, W, 3), to be blended with

    @property
    def held_back(self) -> int:
        return self.context.held

    def take_up(self, before: Sequence, newest: int | None = None) -> None:
        context, count = self.context, len(before)
        again = min(count, (newest or context.held) if context.blended else 0)
        self.stand_behind(before, count - again)
        self._given = max(0, self.count - context.held)
        if again:
            self.decode(before[self.count : count])

    def stand_behind(self, before: Sequence, count: int) -> None:
        """Go on behind the first ``count`` latent frames, whose video frames are final; ``before`` as in `take_up`."""
        self._recent, self._tail = before[max(0, count - self._kept) : count], None
        self.count = self._given = count

    def pass_over(self, latents: Tensor) -> None:
        """Know latent frames ``(n, C, h, w)`` whose video frames are made elsewhere."""
        self._remember(latents)
        self._given, self._tail = self.count, None

    def decode(self, latents: Tensor, last: bool = False) -> Decoded:
        parts = latents.split(self.most)
        made = [self._window(part, last and part is parts[-1]) for part in parts]
        return Decoded(torch.cat([one.frames for one in made]), made[-1].tail)

    @property
    def _kept(self) -> int:
        """Latent frames to keep of those that came; one more than context, for an odd number of them."""
        return self.context.before + self.context.held + 1

    def _remember(self, latents: Tensor) -> Tensor:
        """Latent frames ``(n, C, h, w)`` behind those that are kept of the ones before."""
        known = latents if self._recent is None else torch.cat([self._recent, latents.to(self._recent)])
        self._recent, self.count = known[-self._kept :].clone(), self.count + len(latents)
        return known

    def _window(self, latents: Tensor, last: bool) -> Decoded:
        known, given = self._remember(latents), self._given
        final = self.count if last else max(given, self.count - self.context.held)
        start = max(0, given - self.context.before)
        if type(self.vae.first_stage_model).__name__ == ODD and (self.count - start) % 2 == 0 and start:
            start -= 1
        frames = self._frames(known[len(known) - (self.count - start) :], start)
        frames = frames[len(frames) - (self._span(self.count) - self._span(given)) :]
        if self._tail is not None:
            frames = _blended(self._tail, frames)
        new = self._span(final) - self._span(given)
        self._given, self._tail = final, frames[new:] if self.context.blended else None
        return Decoded(frames[:new], frames[new:])

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


def _blended(tail: Tensor, frames: Tensor) -> Tensor:
    """Video frames ``(F, H, W, 3)`` that the tail ``(G, H, W, 3)`` passes over to, frame by frame."""
    share = torch.arange(1, len(tail) + 1).to(frames) / (len(tail) + 1)
    return torch.cat([torch.lerp(tail, frames[: len(tail)], share.view(-1, 1, 1, 1)), frames[len(tail) :]])


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
