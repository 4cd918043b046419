"""The parts of a video file that grows: a fragmented mp4, read box by box.

A box is a size, a name of four letters, and a body. A growing file has a header (``ftyp`` and ``moov``, which says by
``mvex`` that parts follow) and then parts, one ``moof`` with its ``mdat`` each. What was cut off is no part.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIZE = 8  # bytes of a box's size and name
LONG = 1  # a size that says: the true one follows, in 8 bytes
COUNT = 4  # bytes of trun before its number of samples: version and flags


@dataclass(frozen=True)
class Part:
    """What one ``append`` wrote: video frames ``first .. first + frames - 1``, bytes ``start .. stop - 1``."""

    first: int
    frames: int
    start: int
    stop: int


@dataclass(frozen=True)
class Parts:
    """Where things lie in a growing file.

    Attributes:
        header: bytes that ``ftyp`` and ``moov`` take at its start.
        parts: those that are there whole, in order, up to the first that is not.
    """

    header: int
    parts: tuple[Part, ...]

    @property
    def frames(self) -> int:
        return self.parts[-1].first + self.parts[-1].frames if self.parts else 0

    @property
    def stop(self) -> int:
        """Bytes of the file up to what was cut off."""
        return self.parts[-1].stop if self.parts else self.header


def parts_of(file: BinaryIO) -> Parts | None:
    """The parts of a growing file; None if it is another kind of file."""
    boxes = list(_boxes(file, 0, file.seek(0, os.SEEK_END)))
    names = [name for name, _, _ in boxes]
    if names[:2] != [b"ftyp", b"moov"] or b"mvex" not in [name for name, _, _ in _inside(file, boxes[1])]:
        return None
    found: list[Part] = []
    first = 0
    for moof, mdat in zip(boxes[2::2], boxes[3::2], strict=False):  # the last moof may have lost its mdat
        if (moof[0], mdat[0]) != (b"moof", b"mdat"):
            break
        found.append(Part(first, _samples(file, moof), moof[1], mdat[2]))
        first += found[-1].frames
    return Parts(boxes[1][2], tuple(found))


def is_whole(file: BinaryIO) -> bool:
    """Whether an mp4 file has all of its boxes."""
    stop = file.seek(0, os.SEEK_END)
    return max((end for _, _, end in _boxes(file, 0, stop)), default=0) == stop


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and the byte behind, of every box that lies whole in ``start .. stop - 1``."""
    while start + SIZE <= stop:
        file.seek(start)
        size, name = int.from_bytes(file.read(4), "big"), file.read(4)
        if size == LONG:
            size = int.from_bytes(file.read(8), "big")
        if size < SIZE or start + size > stop:
            return
        yield name, start, start + size
        start += size


def _inside(file: BinaryIO, box: tuple[bytes, int, int]) -> list[tuple[bytes, int, int]]:
    return list(_boxes(file, box[1] + SIZE, box[2]))


def _samples(file: BinaryIO, moof: tuple[bytes, int, int]) -> int:
    """Video frames of a part."""
    samples = 0
    for track in _inside(file, moof):
        for box in _inside(file, track) if track[0] == b"traf" else ():
            if box[0] == b"trun":
                file.seek(box[1] + SIZE + COUNT)
                samples += int.from_bytes(file.read(4), "big")
    return samples
