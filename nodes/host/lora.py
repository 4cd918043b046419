"""LoRA files in the key style of the released training code, through ComfyUI's own LoRA code."""

import re
from pathlib import Path

import comfy.lora
import comfy.sd
import comfy.utils
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...mirage_core import MirageError
from ...mirage_core.errors import damage_refused

PREFIXES = re.compile(r"^(?:(?:base_model\.model|base_model|pipe\.dit|dit|diffusion_model|module|model)\.)+")
KEY = re.compile(r"^(?P<layer>.+)\.(?:lora_(?P<half>[AB])(?:\.default)?(?:\.weight)?|(?P<alpha>alpha))$")


def load_lora(model: ModelPatcher, path: str | Path, strength: float) -> ModelPatcher:
    """A clone of ``model`` with a LoRA in PEFT style: ``<prefix>blocks.N.<layer>.lora_A[.default].weight``.

    Raises:
        MirageError: a key is no LoRA key, has no partner, or fits no weight of this model; the message names it.
    """
    name = Path(path).name
    with damage_refused(f"{name}:", "a whole .safetensors file"):
        table = comfy.utils.load_torch_file(str(path), safe_load=True)
    lora = _host_keys(name, table)
    targets = comfy.lora.model_lora_keys_unet(model.model, {})
    weights = model.model.state_dict()
    for layer in sorted({KEY.match(key)["layer"] for key in lora}):
        if layer not in targets:
            raise MirageError(f"{name}: {layer} must be a layer of the model, {type(model.model).__name__}; it is not.")
        halves = [lora.get(f"{layer}.lora_{half}.weight") for half in "AB"]
        if any(half is None for half in halves):
            raise MirageError(f"{name}: {layer} must come with lora_A and lora_B; one of them is missing.")
        wanted = tuple(weights[targets[layer]].flatten(1).shape)
        got = (halves[1].shape[0], halves[0].flatten(1).shape[1])
        if got != wanted:
            raise MirageError(f"{name}: {layer} must be for a {wanted} weight, as in this model; it is for {got}.")
    return comfy.sd.load_lora_for_models(model, None, lora, strength, 0.0)[0]


def _host_keys(name: str, table: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights under the keys that ComfyUI reads: ``diffusion_model.<layer>.lora_A.weight``."""
    lora = {}
    for key, value in table.items():
        found = KEY.match(PREFIXES.sub("", key))
        if found is None:
            raise MirageError(f"{name}: a LoRA's keys must end with lora_A, lora_B or alpha; got {key}.")
        ending = "alpha" if found["alpha"] else f"lora_{found['half']}.weight"
        lora[f"diffusion_model.{found['layer']}.{ending}"] = value
    return lora
