"""Files of any kind: names in the order in which people count, and writes that are seen when they are complete."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial"  # how the name of a file ends while it is written
DIGITS = re.compile(r"([0-9]+)")


def natural(name: str | Path) -> tuple[list, str]:
    """A key that sorts names as people count: ``r_2`` before ``r_10``, folder by folder."""
    text = name.as_posix() if isinstance(name, Path) else name
    return [_counted(folder) for folder in text.split("/")], text


def _counted(text: str) -> list:
    words = DIGITS.split(text)  # in turn words, which may be empty, and digits
    numbers = (digits.lstrip("0") for digits in words[1::2])
    words[1::2] = [(len(number), number) for number in numbers]  # the longer one is larger, however long it is
    return words


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name to write to; the file appears under ``path`` when the block ends without an error.

    Whatever stops the block, a failing disk or the end of the process, an older file of that name stays as it was.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}{PARTIAL}")  # no other writer's
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())  # else a power cut may leave the new name with nothing behind it
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, that is seen when it is complete."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
