"""Patches inside a network, and torch.compile.

ComfyUI's compiling node drops every guard on transformer options. A network that was compiled plain would be used as
it is for a patched model, and one that was compiled in one part of the schedule for all others: the memory would be
ignored without a word.
"""

from contextlib import nullcontext

import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP

KEY = "mirage_not_compiled"


def leave_uncompiled(model: ModelPatcher) -> None:
    """Patch ``model``, a clone: its network runs as it is written, also where a compiled one is connected."""
    model.remove_wrappers_with_key(WrappersMP.APPLY_MODEL, KEY)
    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, _as_written)


def _as_written(executor, *args, **kwargs):
    # a torch too old to have stances has no way to drop guards either: what it compiled is valid
    stance = getattr(torch.compiler, "set_stance", None)
    with stance("force_eager") if stance is not None else nullcontext():
        return executor(*args, **kwargs)
