"""Arrays of .npz files, with errors that name the file. Only arrays of numbers are read: nothing is unpickled."""

import tokenize
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief

SUFFIX = ".npz"
# what numpy's reader raises on a file that is no archive of plain arrays
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),  # cut or overwritten
    RuntimeError,  # encrypted, or compressed in a way that Python does not know
    *(ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError),  # an array's header, or its objects
)


def holds(path: Path, *names: str) -> bool:
    """Whether a file is an .npz archive with arrays of these names; no array is read, and none is in a damaged one."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in names} <= set(archive.namelist())
    except DAMAGED:
        return False


def arrays(path: Path, needed: Iterable[str], others: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """The arrays of a file by name.

    Args:
        needed: those without which it is refused.
        others: those that are read where it has them.
    """
    needed = tuple(needed)
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            missing = [name for name in needed if name not in file.files]
            if missing:
                found = brief(", ".join(sorted(file.files)), 160)
                raise MirageError(f"{path.name}: must hold {' and '.join(needed)}; it holds {found}.")
            return {name: file[name] for name in (*needed, *others) if name in file.files}
    except MirageError:
        raise
    except DAMAGED as error:
        raise MirageError(f"{path.name}: must be an .npz file of plain arrays; {brief(error, 160)}.") from error
