"""The video of a walk while it is made: every latent frame is decoded once, and its video frames go to a file."""

from dataclasses import dataclass, field
from pathlib import Path

import comfy.ldm.lightricks.vae.audio_vae
import torch
from torch import Tensor

import nodes as host_nodes  # ComfyUI's own module of that name

from ....mirage_core import LatentPath
from ....mirage_core.walk import WalkState
from ..decoding import StreamedDecoder, streamed_decoder
from ..growing_video import Encoding, GrowingVideo, usable_frames

VIDEO = "walk.mp4"  # in the folder of a walk


@dataclass(eq=False)
class Recording:
    """Latent frames of a walk on their way to its video.

    Attributes:
        path: of the whole walk.
        frames: ``(F, H, W, 3)``, 0..1, if all of them are asked for.
        latents: latent frames so far.
        given: video frames so far that are final; the decoder may hold a few back until it has seen what follows.
    """

    path: LatentPath
    decoder: StreamedDecoder
    video: GrowingVideo
    frames: Tensor | None
    latents: int = 0
    given: int = 0
    _pending: list[Tensor] = field(default_factory=list)

    @classmethod
    def begun(
        cls, vae: object, path: LatentPath, state: WalkState, file: Path, source: Path, encoding: Encoding, whole: bool
    ) -> "Recording":
        """Go on behind the chunks that are there already.

        Args:
            file: that is written to.
            source: the video of these chunks. Where it does not have them whole they are decoded again.
            whole: all video frames are asked for: these chunks are decoded again in any case.
        """
        done = state.frames.pieces[: state.finished]  # a piece for every chunk
        size = tuple(tokens * state.memory.spec.spatial for tokens in path.grid)
        frames = torch.empty(len(path.video), *size, 3) if whole else None
        decoder = streamed_decoder(vae, path.timing)
        there = 0
        if done:
            final = state.written - (decoder.held_back if state.written < len(path) else 0)
            there = path.timing.frames_of(final) if final else 0
            there = there if usable_frames(source, encoding, size) >= there else 0
        video = GrowingVideo.begun(file, encoding, size, source if there else None, there)
        if there and not whole:
            decoder.take_up(state.frames.first(state.written), newest=len(done[-1]))
            return cls(path, decoder, video, frames, state.written, there)
        recording = cls(path, streamed_decoder(vae, path.timing), video, frames)
        for latents in done:
            recording.decoded(latents[:])
            recording.write()
        return recording

    def decoded(self, latents: Tensor) -> Tensor:
        """The video frames ``(n, H, W, 3)`` at which the next latent frames ``(n, C, h, w)`` stand."""
        timing, first = self.path.timing, self.latents
        self.latents += len(latents)
        made = self.decoder.decode(latents, last=self.latents == len(self.path))
        self._pending.append(made.frames)
        known = len(made.frames)
        at = [timing.frame_of(latent) - self.given for latent in range(first, self.latents)]
        return torch.stack([made.frames[n] if n < known else made.tail[n - known] for n in at])

    def write(self) -> None:
        """Put what was decoded behind what is in the video."""
        for frames in self._pending:
            if self.frames is not None:
                self.frames[self.given : self.given + len(frames)] = frames
            if self.given == self.video.frames:
                self.video.append(frames)
            self.given += len(frames)
        self._pending.clear()

    def close(self, sound: dict | None) -> None:
        """Nothing follows: make the video an ordinary file, with the AUDIO."""
        self.video.finished(sound)


def heard(vae: object, latents: Tensor) -> dict:
    """AUDIO of latents of sound, by ComfyUI's own node for them."""
    of_ltx = isinstance(vae.first_stage_model, comfy.ldm.lightricks.vae.audio_vae.AudioVAE)
    node = host_nodes.NODE_CLASS_MAPPINGS["LTXVAudioVAEDecode" if of_ltx else "VAEDecodeAudio"]
    inputs = {"samples": {"samples": latents}, "audio_vae" if of_ltx else "vae": vae}
    return node.execute(**inputs).result[0]
