"""The VAE of MiniMax H3: clips of latent frames that overlap, and whose video frames are blended where they do."""

import logging
from collections.abc import Sequence

import comfy.model_management
import torch
from einops import rearrange
from torch import Tensor

from ....mirage_core import MirageError
from ....mirage_core.timing import Timing
from .streams import Decoded, StreamedDecoder, finished, loaded

log = logging.getLogger(__name__)


class ClipDecoder(StreamedDecoder):
    """Decodes clip after clip; the video frames that the next clip will be blended with are the tail.

    A clip takes the latent frames that it adds and those that the next one begins with (5 and 2, of which 17 and 5
    video frames). The latent frames come as whole videos: as many as overlap and clips behind them.
    """

    def __init__(self, vae, timing: Timing):
        super().__init__(vae, timing)
        self._end: Tensor | None = None  # latent frames (2, C, h, w) that the next clip begins with
        self._overlap: Tensor | None = None  # what the model made of them, (1, 3, 5, H, W), before its colours

    @property
    def held_back(self) -> int:
        return self.timing.overlap

    def take_up(self, before: Sequence, newest: int | None = None) -> None:
        span = self.timing.clip + self.timing.overlap
        latents = before[max(0, len(before) - span) :]
        if len(latents):
            self._end = self._overlap = None
            self.decode(latents)

    def decode(self, latents: Tensor, last: bool = False) -> Decoded:
        known = latents if self._end is None else torch.cat([self._end, latents.to(self._end)])
        clip, overlap = self.timing.clip, self.timing.overlap
        clips, left = divmod(len(known) - overlap, clip)
        if clips < 0 or left:
            raise MirageError(
                f"latents: must be {overlap} + {clip} n latent frames, and then {clip} n of a video of MiniMax H3; "
                f"got {len(latents)}. Hand over whole videos."
            )
        try:
            frames, tail, behind = self._made(known, clips)
        except RuntimeError as error:  # lack of memory is one, in all of its forms
            comfy.model_management.raise_non_oom(error)
            frames = None
        if frames is None:  # outside the except block: until its end the error holds on to what is on the card
            comfy.model_management.soft_empty_cache()
            log.warning("The card's memory was too small to decode the video frames: once more, with all of it.")
            frames, tail, behind = self._made(known, clips)
        self._end, self._overlap = known[-overlap:].clone(), behind
        return Decoded(torch.cat([frames, tail]), tail[:0]) if last else Decoded(frames, tail)

    def _made(self, known: Tensor, clips: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Final video frames, the tail, and what the next clip is to be blended with, all off the card."""
        timing, model, overlap, frames = self.timing, self.vae.first_stage_model, self._overlap, []
        span = timing.clip + timing.overlap
        with loaded(self.vae, (1, known.shape[1], min(span, len(known)), *known.shape[2:])):
            for start in range(0, clips * timing.clip, timing.clip):
                made = self._clip(known[start : start + span])
                new, behind = made[:, :, : timing.clip_frames], made[:, :, timing.clip_frames :]
                if overlap is not None:
                    new = model.blend(overlap.to(new), new, overlap.shape[2], dim=-3)
                frames.append(self._coloured(new))
                overlap = behind
            behind = overlap if clips else self._clip(known)  # 2 latent frames alone: nothing lies behind them yet
            tail = self._coloured(behind)
        frames = torch.cat(frames) if frames else tail[:0]
        return frames, tail, overlap.to(self.vae.output_device, copy=True) if clips else None

    def _clip(self, latents: Tensor) -> Tensor:
        """What the model makes, ``(1, 3, F, H, W)``, of one clip's latent frames ``(7|2, C, h, w)``."""
        comfy.model_management.throw_exception_if_processing_interrupted()
        model = self.vae.first_stage_model
        z = rearrange(latents, "t c h w -> 1 c t h w").to(device=self.vae.device, dtype=self.vae.vae_dtype)
        mean, deviation = (one.view(1, -1, 1, 1, 1).to(z) for one in (model.latents_mean, model.latents_std))
        return model.decode_temporal(z * deviation + mean)

    def _coloured(self, made: Tensor) -> Tensor:
        """What the model has made as video frames ``(F, H, W, 3)``, off the card."""
        model, made = self.vae.first_stage_model, made.float()
        colours = (made * model.pixel_std.to(made) + model.pixel_mean.to(made)).clamp_(0.0, 1.0)
        return finished(self.vae, colours.mul_(2.0).sub_(1.0))
