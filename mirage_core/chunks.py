"""Cutting a long camera path into chunks that a video model makes one after the other.

Source: arXiv 2606.09828 and its released code: chunks of 33 video frames; the first latent frame of every chunk but the
first is the last one of the chunk before, so that it adds 32 frames.
"""

from dataclasses import dataclass

from .latent_path import check_frame_count

CHUNK_FRAMES = 33  # video frames


@dataclass(frozen=True)
class Chunk:
    """One piece of a path.

    Attributes:
        number: 0 for the first.
        start, stop: the video frames that it adds, ``start`` to ``stop`` - 1.
        frames: video frames that the model makes; beyond the first chunk one more than it adds: the last frame before.
    """

    number: int
    start: int
    stop: int
    frames: int

    @property
    def begin(self) -> int:
        """The first video frame that the model makes."""
        return self.stop - self.frames


def plan_chunks(frames: int, stride: int, chunk_frames: int = CHUNK_FRAMES) -> tuple[Chunk, ...]:
    """The chunks of a path.

    Args:
        frames: video frames of the path: 1 + stride n.
        stride: video frames per latent frame of the video VAE.
        chunk_frames: video frames that the model makes at once, 1 + stride n; the last chunk may be shorter.

    Raises:
        MirageError: a number of frames has no whole number of latent frames, or a chunk would add nothing.
    """
    check_frame_count("frames", frames, stride)
    check_frame_count("chunk_frames", chunk_frames, stride, least=1 + stride)
    first = min(frames, chunk_frames)
    chunks = [Chunk(0, 0, first, first)]
    while chunks[-1].stop < frames:
        start = chunks[-1].stop
        stop = min(start + chunk_frames - 1, frames)
        chunks.append(Chunk(len(chunks), start, stop, stop - start + 1))
    return tuple(chunks)
