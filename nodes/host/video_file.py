"""Read a walk's video: how many video frames it has, their packets, and any of them as pictures."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import torch
from av.container import InputContainer, OutputContainer
from torch import Tensor

from ...mirage_core import MirageError
from ...mirage_core.colours import of_bt709
from ...mirage_core.errors import damage_refused
from .video_parts import Parts, is_whole, parts_of


@dataclass(frozen=True)
class VideoFile:
    """A video of a walk, while it grows (also when its last part was cut off) or finished.

    Attributes:
        frames: video frames that are there whole.
        size: ``(H, W)``.
        coder: what the decoder must know, of the encoder that made it; two videos of the same can be one.
        mark: what it says of its quality.
        parts: None = it is finished.
    """

    path: Path
    frames: int
    size: tuple[int, int]
    coder: bytes
    mark: str
    parts: Parts | None

    @classmethod
    def of(cls, path: Path) -> "VideoFile":
        """
        Raises:
            MirageError: it cannot be read, or holds no video.
        """
        with readable(path):
            with path.open("rb") as file:
                parts = parts_of(file)
                if parts is None and not is_whole(file):
                    raise EOFError("it ends too early")
            with av.open(str(path) if parts is None else BytesIO(_bytes(path, 0, parts.header))) as container:
                stream = container.streams.video[0]
                frames = stream.frames if parts is None else parts.frames
                mark = container.metadata.get("comment", "")
                return cls(path, frames, (stream.height, stream.width), coder_of(container), mark, parts)

    def clips(self, first: int, stop: int) -> Iterator[tuple[int | None, InputContainer]]:
        """Open, one after the other, what holds the video frames ``first .. stop - 1``.

        Yields:
            The number of its first video frame (None: by its time), and a container that can be decoded from there.
        """
        if self.parts is None:  # it has an index
            with av.open(str(self.path)) as container:
                stream = container.streams.video[0]
                container.seek(int(first * shown(stream)), stream=stream)
                yield None, container
            return
        header = _bytes(self.path, 0, self.parts.header)
        for part in self.parts.parts:
            if part.first < stop and part.first + part.frames > first:
                with av.open(BytesIO(header + _bytes(self.path, part.start, part.stop))) as container:
                    yield part.first, container

    def stream_in(self, output: OutputContainer) -> av.VideoStream:
        """A stream of another file that takes the packets of this one."""
        with closing(self.clips(0, 1)) as clips:
            _, container = next(clips)
            return output.add_stream_from_template(container.streams.video[0], opaque=True)

    def packets(self, stop: int) -> Iterator[av.Packet]:
        """What the first ``stop`` video frames are encoded as, one packet each."""
        left = stop
        with closing(self.clips(0, stop)) as clips:  # the file is closed before it is replaced
            for _, container in clips:
                for packet in container.demux(video=0):
                    if left == 0:
                        return
                    if packet.size:  # the last one says that there are no more
                        yield packet
                        left -= 1

    def pictures(self, first: int, last: int) -> Tensor:
        """Decode the video frames ``first .. last``.

        Returns:
            ``(last - first + 1, H, W, 3)``, 0..1.

        Raises:
            MirageError: they are not all there, or the file is damaged.
        """
        if not 0 <= first <= last < self.frames:
            raise MirageError(
                f"video: must be asked for video frames that it has, 0 to {self.frames - 1}; got {first} to {last}."
            )
        frames = torch.empty(last - first + 1, *self.size, 3)
        wanted = first
        with readable(self.path):
            for number, picture in self._decoded(first, last):
                if number != wanted:
                    break
                frames[number - first] = _colours(picture)
                wanted += 1
            if wanted <= last:
                raise EOFError(f"video frame {wanted} is not there")
        return frames

    def _decoded(self, first: int, last: int) -> Iterator[tuple[int, av.VideoFrame]]:
        for number, container in self.clips(first, last + 1):
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for i, picture in enumerate(container.decode(stream)):
                at = number + i if number is not None else round(picture.pts / shown(stream))
                if at > last:
                    break
                if at >= first:
                    yield at, picture


def video_frames(path: Path, first: int, last: int) -> Tensor:
    """Video frames ``first .. last`` of a walk's video, ``(F, H, W, 3)``, 0..1; see ``VideoFile.pictures``."""
    return VideoFile.of(path).pictures(first, last)


def _colours(picture: av.VideoFrame) -> Tensor:
    """``(H, W, 3)``, 0..1. FFmpeg's own way from BT.709 leaves out the rounding: half a byte darker."""
    if picture.format.name == "yuv420p":
        return of_bt709(torch.from_numpy(picture.to_ndarray()))
    return torch.from_numpy(picture.to_ndarray(format="rgb24")).float() / 255


def _bytes(path: Path, start: int, stop: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def coder_of(container: InputContainer) -> bytes:
    """What the decoder of a file's video must know before its first packet."""
    return bytes(container.streams.video[0].codec_context.extradata)


def shown(stream: av.VideoStream) -> Fraction:
    """How long a finished file shows each video frame, in units of its time."""
    return Fraction(stream.duration, stream.frames)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raise MirageError for whatever a damaged file makes FFmpeg or Python raise."""
    with damage_refused(f"{path.name}:", "a video of a walk"):
        try:
            yield
        except av.error.FFmpegError as error:  # some of them are nothing else
            raise ValueError(str(error)) from error
