"""Cutting a long camera path into chunks that a video model makes one after the other.

Source: arXiv 2606.09828 and its released code: chunks of 33 video frames; the first latent frame of every chunk but the
first is the last one of the chunk before, so that it adds 32 frames. Chunks of a format in clips share two latent
frames, so that each begins with a clip.
"""

from dataclasses import dataclass

from .timing import Timing

CHUNK_FRAMES = 33  # video frames


@dataclass(frozen=True)
class Chunk:
    """One piece of a path.

    Attributes:
        number: 0 for the first.
        start, stop: the video frames that it adds, ``start`` to ``stop`` - 1.
        frames: video frames that the model makes; beyond the first chunk more than it adds: the last ones before.
    """

    number: int
    start: int
    stop: int
    frames: int

    @property
    def begin(self) -> int:
        """The first video frame that the model makes."""
        return self.stop - self.frames


def plan_chunks(frames: int, timing: Timing, chunk_frames: int = CHUNK_FRAMES) -> tuple[Chunk, ...]:
    """The chunks of a path.

    Args:
        frames: video frames of the path, a whole number of latent frames.
        timing: of the latents.
        chunk_frames: video frames that the model makes at once, likewise; the last chunk may be shorter.

    Raises:
        MirageError: a number of frames has no whole number of latent frames, or a chunk would add nothing.
    """
    timing.check("frames", frames)
    timing.check("chunk_frames", chunk_frames, longer=True)
    first = min(frames, chunk_frames)
    chunks = [Chunk(0, 0, first, first)]
    while chunks[-1].stop < frames:
        start = chunks[-1].stop
        stop = min(start + chunk_frames - timing.least, frames)
        chunks.append(Chunk(len(chunks), start, stop, stop - start + timing.least))
    return tuple(chunks)
