"""As many threads as the work is worth, for small models on the CPU.

Torch cuts every operation into as many parts as it has threads, and goes on when the last of them is done. Where
something else wants the cores, such as a browser that draws without a graphics card, the system takes a thread off its
core for some milliseconds at a time, and the others wait: the shorter an operation, the larger that share of it.
``benchmarks/busy.py`` measures it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP

KEY = "mirage_threads"
WORTH = 4e9  # multiplications and additions of a layer that a thread more is worth: about a tenth of a second of a core


def worthwhile(model: ModelPatcher, size: tuple[int, int, int]) -> int:
    """The threads that a model is worth for latents of ``size`` ``(T, h, w)``: as many as torch has, or fewer."""
    most = torch.get_num_threads()
    if torch.device(model.load_device).type != "cpu":
        return most
    network = model.get_model_object("diffusion_model")
    layers = [weight.numel() for weight in network.parameters() if weight.ndim > 1]
    patch = getattr(network, "patch_size", None) or 1  # of all three axes; one number is of height and width alike
    tokens = math.prod(size) / (patch**2 if isinstance(patch, int) else math.prod(patch))
    work = 2 * tokens * sum(layers) / max(len(layers), 1)
    return min(most, max(1, int(work // WORTH)))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads for now. ComfyUI runs one prompt at a time, so nobody else's work is slowed."""
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def limit_threads(model: ModelPatcher, size: tuple[int, int, int]) -> None:
    """Patch ``model``, a clone: it is sampled with the threads that it is worth, by whatever sampler."""

    def sample(executor, *args, **kwargs):
        with threads(worthwhile(model, size)):
            return executor(*args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, sample)
