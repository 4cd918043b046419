"""What the loaders offer: files of ComfyUI's model folders, and the small model that comes with the pack.

The pack's files are in the lists of the pack's own loaders alone. ComfyUI's lists stay as they are: its start graph and
its loaders take the first file of a list unasked.
"""

from pathlib import Path

import folder_paths

from ...mirage_core import MirageError

SHIPPED = Path(__file__).parents[1] / "assets" / "models"  # laid out as ComfyUI's models folder
SUFFIX = ".safetensors"
# of the model, branch and codec of a small model: ComfyUI's model folder, and what the file's name ends with
PLACES = (("diffusion_models", ""), ("model_patches", "_branch"), ("vae", "_codec"))


def offered(files: list[str], where: str) -> list[str]:
    """The options of a loader; where there are no files, what to do: the browser shows an empty list as "undefined"."""
    return files or [f"none: put one into {where}"]


def model_files(folder: str) -> list[str]:
    """The files of one of ComfyUI's model folders, and after them the pack's own of such a kind."""
    files = folder_paths.get_filename_list(folder)
    shipped = sorted(path.name for path in (SHIPPED / folder).glob(f"*{SUFFIX}"))
    return [*files, *(name for name in shipped if name not in files)]


def offered_models(folder: str) -> list[str]:
    return offered(model_files(folder), f"models/{folder}")


def check_model_file(folder: str, name: str | None) -> bool | str:
    """True, or why the file cannot be had, as ``validate_inputs`` returns it; None is a name that comes by a link."""
    files = model_files(folder)
    if name is None or name in files:
        return True
    if not files:
        return f"file: must lie in models/{folder}; there is none yet. Put one there, press R, and choose it."
    return f"file: must lie in models/{folder}; {name!r} does not. Put it there and press R, or choose another."


def model_path(folder: str, name: str) -> str:
    """The file behind one of ``model_files``; of two with one name the user's.

    Raises:
        MirageError: there is no such file.
    """
    if (refusal := check_model_file(folder, name)) is not True:
        raise MirageError(refusal)
    return folder_paths.get_full_path(folder, name) or str(SHIPPED / folder / name)


def small_model_files(name: str) -> list[tuple[str, str]]:
    """Model folder and file of the model, the branch and the codec, as training exports them under a name."""
    return [(folder, f"{name}{ending}{SUFFIX}") for folder, ending in PLACES]


def small_models() -> list[str]:
    """The pack's own by their names; then, by the model's file name, the user's that are complete."""
    own = sorted(path.stem for path in (SHIPPED / PLACES[0][0]).glob(f"*{SUFFIX}"))
    users = [file for file in folder_paths.get_filename_list(PLACES[0][0]) if file.endswith(SUFFIX)]
    return [*own, *(file for file in users if not _missing(file))]


def check_small_model(name: str | None) -> bool | str:
    """As ``check_model_file``."""
    if name is None or name in small_models():
        return True
    missing = _missing(name) if name.endswith(SUFFIX) else []
    lack = f"lacks {', '.join(missing)}" if missing else "is not there"
    return f"name: must be a small model with its branch and codec; {name!r} {lack}. Choose another, or press R."


def small_model_paths(name: str) -> list[str]:
    """The files of the model, the branch and the codec of one of ``small_models``.

    Raises:
        MirageError: there is no such model, or it is not complete.
    """
    if (refusal := check_small_model(name)) is not True:
        raise MirageError(refusal)
    if name.endswith(SUFFIX):
        return [folder_paths.get_full_path_or_raise(*file) for file in small_model_files(name.removesuffix(SUFFIX))]
    return [str(SHIPPED / folder / file) for folder, file in small_model_files(name)]


def _missing(file: str) -> list[str]:
    """What a user's small model lacks, as ``models/FOLDER/FILE``."""
    wanted = small_model_files(file.removesuffix(SUFFIX))
    return [f"models/{folder}/{name}" for folder, name in wanted if name not in folder_paths.get_filename_list(folder)]
