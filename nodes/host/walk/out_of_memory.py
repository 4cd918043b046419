"""A walk that runs out of memory: everything is freed, and what to do is said. Saved chunks stay as they are."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import comfy.model_management

from ....mirage_core import MirageError
from ....mirage_core.amounts import amount
from ....mirage_core.errors import brief
from ....mirage_core.walk import WalkSettings
from .models import WalkInputs
from .progress import WalkProgress
from .saved import SavedWalk
from .sizes import CPU, WalkSizes

SAID = ("out of memory", "can't allocate memory", "not enough memory", "not enough gpu video memory")  # by torch

OF_RAM = "DefaultCPUAllocator"  # in what torch says of RAM


class OutOfMemory(MirageError, comfy.model_management.OOM_EXCEPTION):
    """The device has run out of memory; ComfyUI, too, knows it for that, logs what it held and adds its own advice."""


@dataclass(frozen=True, eq=False)
class Circumstances:
    """Of a walk that runs out of memory."""

    inputs: WalkInputs
    settings: WalkSettings
    sizes: WalkSizes
    saved: SavedWalk
    progress: WalkProgress


@contextmanager
def out_of_memory_in_words(walk: Circumstances) -> Iterator[None]:
    """Around the loop of a walk.

    Raises:
        MirageError: memory has run out. ComfyUI's models are unloaded, and nothing of the chunk in work is held.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        known = comfy.model_management.is_oom(error)
        if not known and not _said_by_torch(error):
            raise
        _let_go(error)
        comfy.model_management.unload_all_models()
        comfy.model_management.soft_empty_cache()
        raise (OutOfMemory if known else MirageError)(_in_words(walk, error)) from error


def _said_by_torch(error: Exception) -> bool:
    """Whether an error of no class of its own says that memory has run out: RAM, or that of a device without CUDA."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in SAID)


def _let_go(error: BaseException | None) -> None:
    """Clear the variables of all that the error has ended; they hold the tensors of the chunk in work."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _in_words(walk: Circumstances, error: Exception) -> str:
    progress, sizes = walk.progress, walk.sizes
    in_ram = isinstance(error, MemoryError) or OF_RAM in str(error)
    memory, device = ("RAM", CPU) if in_ram else (sizes.memory, sizes.device)
    total, free = (
        amount(of(device)) for of in (comfy.model_management.get_total_memory, comfy.model_management.get_free_memory)
    )
    chunk = f"chunk {min(progress.chunk + 1, progress.chunks)} of {progress.chunks}"
    return " ".join(
        [
            f"{chunk}, {progress.doing}: must fit into {memory}, which has run out ({brief(error, 120).rstrip('.')}).",
            *_estimated(walk),
            f"There are {total} in all; {free} are free now that ComfyUI's models are unloaded.",
            *_to_lower(walk),
            _goes_on(walk, memory),
        ]
    )


def _estimated(walk: Circumstances) -> list[str]:
    """What ComfyUI estimated for what was done."""
    doing, sizes = walk.progress.doing, walk.sizes
    if "sampling" in doing:
        sampling = sizes.sampling
        return [
            f"ComfyUI estimates {amount(sampling.working)} to sample a chunk, beside {amount(sampling.weights)} of "
            "weights."
        ]
    if ("decoding" in doing or "depth" in doing) and sizes.decoding is not None:
        return [f"ComfyUI estimates {amount(sizes.decoding)} to decode a chunk."]
    return []


def _to_lower(walk: Circumstances) -> list[str]:
    """What makes the walk smaller, in order of effect."""
    doing, settings, inputs, shorter = walk.progress.doing, walk.settings, walk.inputs, walk.sizes.shorter
    found = [] if shorter is None else [f"chunk_frames, to {shorter} or less"]
    found.append("width and height")
    context = [name for name in ("references", "preceding") if getattr(settings, name)]
    if "sampling" in doing and context and walk.sizes.sampling.mode == "branch":
        found.append(" and ".join(context))
    said = [f"Lower, in order of effect: {'; '.join(found)}."]
    if "depth" in doing and inputs.depth.looks:
        said.append(f"Or connect a smaller {inputs.depth.name} model.")
    return said


def _goes_on(walk: Circumstances, memory: str) -> str:
    """What is saved, and how it is gone on with."""
    saved, made, chunks = walk.saved, walk.progress.chunk, walk.progress.chunks
    if not made:
        return "No chunk was finished yet, so nothing is lost."
    many = f"The {made} chunks before it are" if made > 1 else "The chunk before it is"
    if not saved.stays:
        return f"{many} lost, as save_as is empty: give it a name, and finished chunks are kept."
    told = "launch ComfyUI with a larger --reserve-vram, or " if memory == "VRAM" else ""
    again = "run again with the same settings"
    if saved.unknown:
        again = f"run again with the same settings, this folder in keep_from and {made} in keep_chunks"
    goes_on = f"the walk goes on with chunk {made + 1}" if made < chunks else "no chunk is made anew"
    return (
        f"{many} saved in {saved.folder}: {told}close other programs that use {memory}, {again}, and {goes_on}. With "
        "what is to be lowered it is another walk, which begins anew: chunks of another length or size cannot be kept."
    )
