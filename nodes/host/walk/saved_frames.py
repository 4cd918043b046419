"""Any video frames of a walk that was saved: of its video, or decoded from its latents."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import comfy.model_management
import torch
from torch import Tensor

from ....mirage_core import MirageError
from ....mirage_core.amounts import amount
from ....mirage_core.latent_frames import LatentFrames
from ....mirage_core.walk_files import chunk_path, saved_chunks, saved_frames
from ..decoding import StreamedDecoder, streamed_decoder
from ..formats import spec_of
from ..video_file import VideoFile
from .recording import VIDEO

BYTES = 3 * 4  # of a pixel: three colours in float32


@dataclass(frozen=True)
class Span:
    """Video frames ``first .. last`` of the ``there`` that a walk has."""

    first: int
    last: int
    there: int

    @classmethod
    def of(cls, first: int, last: int, there: int, size: tuple[int, int]) -> "Span":
        """
        Args:
            last: -1 = the last that is there.
            size: ``(H, W)`` of each.

        Raises:
            MirageError: the walk has no such video frames, or they do not fit into memory.
        """
        last = there - 1 if last == -1 else last
        if not 0 <= first <= last < there:
            raise MirageError(
                f"first_frame, last_frame: must be in order, and of the walk's video frames 0 to {there - 1}; "
                f"got {first} to {last}."
            )
        needed = (last - first + 1) * size[0] * size[1] * BYTES
        free = comfy.model_management.get_free_memory(torch.device("cpu"))
        if needed > free:
            raise MirageError(
                f"first_frame, last_frame: must be video frames that fit into memory; {last - first + 1} of "
                f"{size[1]} x {size[0]} pixels take {amount(needed)}, and {amount(free)} are free. Load at most "
                f"{int(free // (size[0] * size[1] * BYTES))} at once."
            )
        return cls(first, last, there)

    def __str__(self) -> str:
        return f"video frames {self.first} to {self.last} of {self.there}"


def files_of(folder: Path) -> list[Path]:
    """The files of a walk that video frames come from."""
    video = folder / VIDEO
    chunks = [chunk_path(folder, number) for number in range(saved_chunks(folder))]
    return [video, *chunks] if video.is_file() else chunks


def frames_of_video(folder: Path, first: int, last: int) -> tuple[Tensor, Span]:
    """Video frames ``(F, H, W, 3)``, 0..1, as a walk's video has them.

    Raises:
        MirageError: there is no video; see ``Span.of``.
    """
    if not (folder / VIDEO).is_file():
        raise MirageError(
            f"folder: must hold the video of a walk, {VIDEO}; there is none in {folder}. Connect the walk's VAE to "
            "vae: then the saved latents are decoded."
        )
    video = VideoFile.of(folder / VIDEO)
    span = Span.of(first, last, video.frames, video.size)
    return video.pictures(span.first, span.last), span


def frames_of_latents(folder: Path, vae, first: int, last: int) -> tuple[Tensor, Span]:
    """Video frames ``(F, H, W, 3)``, 0..1, decoded from a walk's latents.

    Raises:
        MirageError: there are no saved chunks, or the VAE makes other latents; see ``Span.of``.
    """
    latents, spec = saved_frames(folder)
    made = spec_of(vae)
    if not made.agrees(spec):
        raise MirageError(f"vae: must make the latents of the walk, {spec}; it makes {made}.")
    timing, (h, w) = spec.timing, latents.shape[2:]
    span = Span.of(first, last, timing.frames_of(len(latents)), (h * spec.spatial, w * spec.spatial))
    borders = tuple(accumulate(len(chunk) for chunk in latents.pieces))
    return decoded_span(streamed_decoder(vae, timing), latents, borders, span), span


def decoded_span(decoder: StreamedDecoder, latents: LatentFrames, borders: tuple[int, ...], span: Span) -> Tensor:
    """Decode some video frames of a walk chunk by chunk, as the walk has decoded them itself: so they are the same.

    Args:
        decoder: a new one.
        latents: of the walk, ``(N, C, h, w)``; only those that are needed are read.
        borders: how many latent frames there were after each chunk.

    Returns:
        ``(F, H, W, 3)``, 0..1.
    """
    frames_of = decoder.timing.frames_of
    done = max((border for border in borders if frames_of(border) <= span.first), default=0)
    if done:
        before = max((border for border in borders if border < done), default=0)
        decoder.take_up(latents.first(done), newest=done - before)
    found: Tensor | None = None  # (F, H, W, 3)
    for border in borders[bisect(borders, done) :]:
        comfy.model_management.throw_exception_if_processing_interrupted()
        made = decoder.decode(latents[done:border], last=border == borders[-1])
        done, end = border, frames_of(border) - len(made.tail)  # the video frame behind those that are final
        begin = end - len(made.frames)
        if found is None:
            found = made.frames.new_empty(span.last + 1 - span.first, *made.frames.shape[1:])
        low, high = max(span.first, begin), min(span.last + 1, end)
        if low < high:
            found[low - span.first : high - span.first] = made.frames[low - begin : high - begin]
        if end > span.last:
            break
    return found
