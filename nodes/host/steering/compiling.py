"""Patches inside a network, and torch.compile.

ComfyUI's compiling node drops every guard on transformer options. A network that was compiled plain would be used as
it is for a patched model, and one that was compiled in one part of the schedule for all others: the memory would be
ignored without a word.
"""

from contextlib import nullcontext

import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from comfy_api.torch_helpers.torch_compile import COMPILE_KEY

KEY = "mirage_not_compiled"


def is_compiled(model: ModelPatcher) -> bool:
    """Whether a compiling node stands before."""
    return COMPILE_KEY in model.wrappers.get(WrappersMP.APPLY_MODEL, {})


def leave_uncompiled(model: ModelPatcher) -> None:
    """Patch ``model``, a clone: its network runs as it is written, also where a compiled one is connected."""
    model.remove_wrappers_with_key(WrappersMP.APPLY_MODEL, KEY)
    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, _as_written)


def _as_written(executor, *args, **kwargs):
    # a torch too old to have stances has no way to drop guards either: what it compiled is valid
    stance = getattr(torch.compiler, "set_stance", None)
    with stance("force_eager") if stance is not None else nullcontext():
        return executor(*args, **kwargs)
