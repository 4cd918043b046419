"""Where files may be: inside ComfyUI's input and output folders, nowhere else."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import folder_paths
from comfy.cli_args import args

from ...mirage_core import MirageError
from ...mirage_core.files import whole_file
from ...mirage_core.listing import files_below

SUFFIX = ".safetensors"
CAMERA_SUFFIXES = (".json", ".txt", ".npz", ".bin", ".log", ".tum", ".r3d")


def memory_files() -> list[str]:
    """All .safetensors files of the input folder, and those of the output folder marked ``[output]``."""
    return _files((SUFFIX,))


def camera_files() -> list[str]:
    """All files that may hold a camera path, named likewise."""
    return _files(CAMERA_SUFFIXES)


def _files(suffixes: tuple[str, ...]) -> list[str]:
    marked = files_below(folder_paths.get_output_directory(), suffixes)
    return files_below(folder_paths.get_input_directory(), suffixes) + [f"{name} [output]" for name in marked]


def readable_path(name: str, suffixes: tuple[str, ...] = (SUFFIX,)) -> Path:
    """The file behind a name from ``memory_files``, or from ``camera_files`` with their suffixes.

    Raises:
        MirageError: it is not a file of such a kind in the input, output or temp folder.
    """
    relative, root = folder_paths.annotated_filepath(name)
    root = Path(root or folder_paths.get_input_directory()).resolve()
    path = (root / relative).resolve()
    if not path.is_relative_to(root):
        raise MirageError(f"file: must lie in the input or output folder; got {name!r}, which leads outside.")
    if path.suffix.lower() not in suffixes or not path.is_file():
        kinds = ", ".join(suffixes)
        raise MirageError(f"file: must be a {kinds} file of the input or output folder; {name!r} is not there.")
    return path


def new_path(prefix: str, suffix: str = SUFFIX) -> tuple[Path, str]:
    """A name that is still free under the output folder, and the name that ``readable_path`` takes for it.

    Raises:
        MirageError: the prefix leads outside the output folder.
    """
    output = Path(folder_paths.get_output_directory()).resolve()
    if not (output / prefix).resolve().is_relative_to(output) or not Path(prefix).name:
        raise MirageError(f"filename_prefix: must name a file inside the output folder; got {prefix!r}.")
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(prefix, str(output))
    file = f"{name}_{counter:05}_{suffix}"
    return Path(folder) / file, f"{(Path(subfolder) / file).as_posix()} [output]"


def fingerprint(files: Iterable[Path]) -> str:
    """Changes when one of the files does."""
    states = [(file.name, file.stat()) for file in files]
    return "; ".join(f"{name} {state.st_mtime_ns} {state.st_size}" for name, state in states)


def output_folder(name: str, what: str = "save_as") -> Path:
    """A folder below the output folder; it need not be there.

    Args:
        what: the input that names it.

    Raises:
        MirageError: the name is empty or leads outside.
    """
    output = Path(folder_paths.get_output_directory()).resolve()
    folder = (output / name).resolve()
    if not name or folder == output or not folder.is_relative_to(output):
        raise MirageError(f"{what}: must name a folder inside the output folder; got {name!r}.")
    return folder


def unused_folder(root: Path) -> Path:
    """A folder below another that is not there."""
    number = 1
    while (root / f"run_{number:04d}").exists():
        number += 1
    return root / f"run_{number:04d}"


def unused_temp_folder(name: str) -> Path:
    """Likewise, for what need not stay longer than ComfyUI runs."""
    return unused_folder(Path(folder_paths.get_temp_directory()).resolve() / name)


def kept_for_the_page(kind: str, data: bytes) -> dict[str, str]:
    """Write the bytes of a .safetensors file to the temp folder; return ComfyUI's name for it, one per content."""
    name = f"{kind}_{hashlib.sha256(data).hexdigest()[:16]}{SUFFIX}"
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / name) as partial:
        partial.write_bytes(data)
    return {"filename": name, "subfolder": "", "type": "temp"}


def writes_metadata() -> bool:
    return not args.disable_metadata
