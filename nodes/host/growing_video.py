"""A video file that grows with a walk, and can be watched after every chunk.

While it grows it is a fragmented mp4: each ``append`` adds one part, which begins with a keyframe and needs nothing of
the others. A process that is killed loses the part that it was writing. ``finished`` makes a plain mp4 of the same
packets, as some programs do not count the video frames of parts.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import merge
from io import BytesIO
from pathlib import Path

import av
from av.container import OutputContainer
from torch import Tensor

from ...mirage_core import MirageError
from ...mirage_core.files import whole_file
from .video_encoding import LOSSLESS, Encoding
from .video_file import VideoFile, coder_of
from .video_parts import parts_of
from .video_sound import encoded_sound, fitted


@dataclass
class GrowingVideo:
    """The video of a walk, while it is made; see ``begun``.

    Attributes:
        size: ``(H, W)``.
        frames: video frames that are in the file.
        parts: how many were written.
        stop: bytes of the file; what lies behind them was cut off.
        done: it is finished.
    """

    path: Path
    encoding: Encoding
    size: tuple[int, int]
    frames: int = 0
    parts: int = 0
    stop: int = 0
    done: bool = False

    @classmethod
    def begun(
        cls, path: Path, encoding: Encoding, size: tuple[int, int], source: Path | None = None, frames: int = 0
    ) -> "GrowingVideo":
        """Begin a video at ``path``, in place of what is there.

        Args:
            size: ``(H, W)``, even, unless it is lossless.
            source: a video of an earlier run, growing or finished, perhaps ``path`` itself.
            frames: so many of its first video frames are kept, as they are encoded.

        Raises:
            MirageError: sizes are odd; fewer video frames can be kept (``usable_frames``); it cannot be written.
        """
        if encoding.crf != LOSSLESS and (size[0] % 2 or size[1] % 2):
            raise MirageError(
                f"size: must be even both ways for H.264; got {size[1]} x {size[0]} pixels. Set crf to 0 (lossless), "
                "or choose another size."
            )
        video = cls(path, encoding, size)
        with _written(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as new:
                if frames:
                    video._keep(source, frames, new)
                else:
                    new.write_bytes(encoding.header(size).getvalue())
                with new.open("rb") as file:
                    begun = parts_of(file)
        video.frames, video.parts, video.stop = begun.frames, len(begun.parts), begun.stop
        return video

    def _keep(self, source: Path | None, frames: int, new: Path) -> None:
        """Copy the first video frames of an earlier video, a part for each keyframe."""
        there = 0 if source is None else usable_frames(source, self.encoding, self.size)
        if there < frames:
            raise MirageError(
                f"frames: must be at most the {there} video frames that can be kept of {source}; got {frames}. "
                "Encode all of them again."
            )
        with av.open(str(new), "w", format="mp4", options=self.encoding.parts(flags="+frag_keyframe")) as output:
            output.metadata.update(self.encoding.mark)
            output.mux(_copies(VideoFile.of(source), frames, self.encoding, output))

    def append(self, frames: Tensor) -> None:
        """Encode video frames and add them; afterwards the file can be played with them.

        Besides the video frames given, one is held in 8 bits, and a fixed number of them inside the encoder.

        Args:
            frames: ``(F, H, W, 3)``, 0..1; none is fine.

        Raises:
            MirageError: they have another size; the file cannot be written, and plays then as it did before.
        """
        if tuple(frames.shape[1:]) != (*self.size, 3):
            raise MirageError(
                f"frames: must be video frames of {self.size[1]} x {self.size[0]} pixels, (F, H, W, 3); "
                f"got {tuple(frames.shape)}."
            )
        if self.done:
            raise MirageError("video: must be growing; it is finished. Begin it again, with itself as the source.")
        if not len(frames):
            return
        part = BytesIO()
        with av.open(part, "w", format="mp4", options=self.encoding.parts(self.parts + 1)) as output:
            output.mux(self._encoded(frames, output))
        with _written(self.path), self.path.open("r+b") as file:
            file.truncate(self.stop)  # of a part that could not be written
            file.seek(self.stop)
            file.write(part.getbuffer()[parts_of(part).header :])
            file.flush()
            os.fsync(file.fileno())
            self.stop = file.tell()
        self.frames, self.parts = self.frames + len(frames), self.parts + 1

    def _encoded(self, frames: Tensor, output: OutputContainer) -> Iterator[av.Packet]:
        stream = self.encoding.stream(output, self.size)
        for number, colours in enumerate(frames, self.frames):
            picture = self.encoding.picture(colours)
            picture.pts, picture.time_base = number, stream.codec_context.time_base
            yield from _lasting(stream.encode(picture))
        yield from _lasting(stream.encode(None))

    def finished(self, audio: dict | None = None) -> Path:
        """Make the file a plain mp4 of the same packets, with the AUDIO beside them.

        Args:
            audio: cut, or followed by silence, to the length of the video.

        Raises:
            MirageError: there are no video frames; the sound is none that AAC can hold; it cannot be written.
        """
        if not self.frames:
            raise MirageError("video: must have a video frame before it is finished; it has none.")
        with _written(self.path), whole_file(self.path) as new:
            with av.open(str(new), "w", format="mp4", options=self.encoding.plain) as output:
                output.metadata.update(self.encoding.mark)
                packets = [_copies(VideoFile.of(self.path), self.frames, self.encoding, output)]
                if audio is not None:
                    packets.append(encoded_sound(fitted(audio, self.frames / self.encoding.rate), output))
                output.mux(merge(*packets, key=lambda packet: packet.dts * packet.time_base))
        self.done = True
        return self.path


def usable_frames(path: Path, encoding: Encoding, size: tuple[int, int]) -> int:
    """How many video frames of a file can be the beginning of a video as it would be encoded now.

    Returns:
        All that are there whole. 0: there is no such file; it is damaged; its frame rate, size or quality is another;
        or another version of the encoder made it.
    """
    try:
        video = VideoFile.of(path)
    except MirageError:
        return 0
    with av.open(encoding.header(size)) as container:
        same = coder_of(container) == video.coder
    same &= video.mark == encoding.mark["comment"]
    return video.frames if same and video.size == size else 0


def _copies(video: VideoFile, frames: int, encoding: Encoding, output: OutputContainer) -> Iterator[av.Packet]:
    """The packets of the first video frames, for a file of a stream that is added to it at once."""
    stream = video.stream_in(output)

    def copies() -> Iterator[av.Packet]:
        number = 0
        for number, packet in enumerate(video.packets(frames), 1):
            packet.stream, packet.time_base = stream, 1 / encoding.rate
            packet.pts, packet.dts, packet.duration = number - 1, number - 1, 1
            yield packet
        if number < frames:
            raise MirageError(f"{video.path.name}: must hold {frames} video frames; it ends after {number}.")

    return copies()


def _lasting(packets: list[av.Packet]) -> list[av.Packet]:
    for packet in packets:
        packet.duration = 1  # of a part's last one, too
    return packets


@contextmanager
def _written(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MirageError(
            f"video: must be written to {path}, but: {error}. Make room, close programs that show it, and run again."
        ) from error
