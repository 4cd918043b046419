"""The files below a folder, listed again only where a folder has changed: a page asks for them again and again."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .files import natural

RACY = 2.0  # seconds: a folder may change again within one tick of the coarsest clock of a file system
SUFFIXES = (".safetensors", ".json", ".txt", ".npz", ".bin", ".log", ".tum", ".r3d")  # of all that is ever listed
# never loaded by themselves: chunks of a saved walk, and what a COLMAP model holds beside its images
PARTS = re.compile(r"chunk_\d{4,}\.safetensors|(?!images\.bin$).*\.bin")
BESIDE_IMAGES = {"cameras.txt", "points3D.txt", "rigs.txt", "frames.txt"}


@dataclass(frozen=True)
class Folder:
    """What one folder held when it was read.

    Attributes:
        changed: its time of change, nanoseconds; None = not to be trusted, as it had changed a moment before.
    """

    changed: int | None
    files: tuple[str, ...]
    folders: tuple[str, ...]


_read: dict[str, Folder] = {}  # by path


def files_below(root: str | Path, suffixes: Iterable[str]) -> list[str]:
    """Paths below ``root``, with ``/`` and in natural order, of the files with these suffixes that can be chosen."""
    root, found, ahead = os.path.realpath(root), [], [""]
    wanted = tuple(suffixes)
    while ahead:
        inside = ahead.pop()
        folder = _folder(root, inside)
        found += [inside + name for name in folder.files if name.lower().endswith(wanted)]
        ahead += [f"{inside}{name}/" for name in folder.folders]
    return sorted(found, key=natural)


def _folder(root: str, inside: str) -> Folder:
    path = os.path.join(root, inside)
    try:
        changed = os.stat(path).st_mtime_ns
        known = _read.get(path)
        if known is None or known.changed != changed:
            known = _read[path] = _listed(root, path, changed)
    except OSError:  # gone meanwhile, not ours to look into, or on a disk that does not answer
        _read.pop(path, None)
        return Folder(None, (), ())
    return known


def _listed(root: str, path: str, changed: int) -> Folder:
    files, folders = [], []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.name.lower().endswith(SUFFIXES) and not PARTS.fullmatch(entry.name) and _inside(root, entry):
                files.append(entry.name)
    if "images.txt" in files:
        files = [name for name in files if name not in BESIDE_IMAGES]
    settled = time.time() - changed / 1e9 > RACY
    return Folder(changed if settled else None, tuple(files), tuple(folders))


def _inside(root: str, entry: os.DirEntry) -> bool:
    """Whether it is a file that leads nowhere else: others are refused when they are read."""
    if not entry.is_symlink():
        return True
    target = os.path.realpath(entry.path)
    return os.path.isfile(target) and os.path.commonpath([root, target]) == root
