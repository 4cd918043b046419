"""The files of a run, half as large, where the host looks for models: in the pack's own folder, or anywhere."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ..mirage_core import MirageError
from .decoder import CODEC
from .train import BRANCH, MODEL

# the host's model folder, and the file's ending
PLACES = {MODEL: ("diffusion_models", ""), BRANCH: ("model_patches", "_branch"), CODEC: ("vae", "_codec")}
LICENCE = "Apache-2.0"


def export(folder: Path, models: Path, name: str) -> list[Path]:
    """Write ``diffusion_models/NAME``, ``model_patches/NAME_branch`` and ``vae/NAME_codec`` below ``models``.

    Weights become float16; the codec, whose statistics scale latents, stays as it is.

    Raises:
        MirageError: model or decoder have not been trained.
    """
    written = []
    for source, (place, ending) in PLACES.items():
        with safe_open(folder / source, "pt") as file:
            metadata = {**(file.metadata() or {}), "license": LICENCE}
            weights = {key: file.get_tensor(key) for key in file.keys()}
        steps = int(metadata.get("steps", 0))
        if not steps:
            raise MirageError(f"export: {folder / source} must have been trained; its metadata says {steps} steps.")
        if source != CODEC:
            weights = {key: value.to(torch.float16) for key, value in weights.items()}
        target = models / place / f"{name}{ending}.safetensors"
        target.parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, target, metadata=metadata)
        written.append(target)
    return written
