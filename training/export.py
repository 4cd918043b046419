"""The files of a run, half as large, laid out as *Load Small Model* finds them: in ComfyUI's models folder, or ours."""

from pathlib import Path

import torch
from safetensors import safe_open

from ..mirage_core import MirageError
from ..mirage_core.storage import write_file
from ..nodes.host.model_files import small_model_files
from .decoder import CODEC
from .train import FILES

LICENCE = "Apache-2.0"


def export(folder: Path, models: Path, name: str) -> list[Path]:
    """Write ``diffusion_models/NAME``, ``model_patches/NAME_branch`` and ``vae/NAME_codec`` below ``models``.

    Weights become float16; the codec, whose statistics scale latents, stays as it is.

    Raises:
        MirageError: model or decoder have not been trained.
    """
    written = []
    for source, (place, file_name) in zip(FILES, small_model_files(name), strict=True):
        with safe_open(folder / source, "pt") as file:
            metadata = {**(file.metadata() or {}), "license": LICENCE}
            weights = {key: file.get_tensor(key) for key in file.keys()}
        steps = int(metadata.get("steps", 0))
        if not steps:
            raise MirageError(f"{folder / source}: must have been trained; its metadata says {steps} steps.")
        if source != CODEC:
            weights = {key: value.to(torch.float16) for key, value in weights.items()}
        target = models / place / file_name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, weights, metadata)
        written.append(target)
    return written
