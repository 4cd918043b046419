"""Cutting a long camera path into chunks that a video model makes one after the other.

Source: arXiv 2606.09828 and its released code: chunks of 33 pixel frames; the first latent frame of every chunk but the
first is the last one of the chunk before, so that it adds 32 frames.
"""

from dataclasses import dataclass

from .errors import MirageError

CHUNK_FRAMES = 33  # pixel frames


@dataclass(frozen=True)
class Chunk:
    """One piece of a path.

    Attributes:
        number: 0 for the first.
        start, stop: the pixel frames that it adds, ``start`` to ``stop`` - 1.
        frames: pixel frames that the model makes; beyond the first chunk one more than it adds: the last frame before.
    """

    number: int
    start: int
    stop: int
    frames: int

    def poses(self, stride: int, first: int = 0) -> tuple[int, ...]:
        """The pixel frame whose camera each latent frame has.

        Args:
            stride: pixel frames per latent frame.
            first: pixel frame at which the walk begins.
        """
        begin = first + self.stop - self.frames
        return tuple(range(begin, begin + self.frames, stride))


def plan_chunks(frames: int, stride: int, chunk_frames: int = CHUNK_FRAMES) -> tuple[Chunk, ...]:
    """The chunks of a path.

    Args:
        frames: pixel frames of the path: 1 + stride n.
        stride: pixel frames per latent frame of the video VAE.
        chunk_frames: pixel frames that the model makes at once, 1 + stride n; the last chunk may be shorter.

    Raises:
        MirageError: a number of frames has no whole number of latent frames, or a chunk would add nothing.
    """
    for name, count, least in (("frames", frames, 1), ("chunk_frames", chunk_frames, 1 + stride)):
        if not isinstance(count, int) or count < least or (count - 1) % stride:
            below = max((count - 1) // stride * stride + 1, least) if isinstance(count, int) else least
            raise MirageError(
                f"walk: {name} must be 1 + {stride} n, as the video VAE makes {stride} frames of every latent one but "
                f"the first, and at least {least} ({below}, {below + stride}, ...); got {count!r}."
            )
    first = min(frames, chunk_frames)
    chunks = [Chunk(0, 0, first, first)]
    while chunks[-1].stop < frames:
        start = chunks[-1].stop
        stop = min(start + chunk_frames - 1, frames)
        chunks.append(Chunk(len(chunks), start, stop, stop - start + 1))
    return tuple(chunks)
