"""Room on the device for what a patch puts into the network beside the latents.

ComfyUI makes room for sampling by the shape of the latents. Of frames and rows that a patch adds within the network it
knows nothing, and would leave weights where they are needed.
"""

from collections.abc import Sequence

from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP

KEY = "mirage_room"


def with_frames(shape: Sequence[int], frames: int) -> list[int]:
    """The shape ``(B, C, T, h, w)`` of latents with so many more frames."""
    return [*shape[:2], shape[2] + frames, *shape[3:]]


def with_numbers(shape: Sequence[int], numbers: int) -> list[int]:
    """The shape ``(B, 1, N)`` of video and sound in one row with so many more numbers."""
    return [*shape[:-1], shape[-1] + numbers]


def make_room(model: ModelPatcher, grown, more: int) -> None:
    """Patch ``model``, a clone: ComfyUI makes room for more than its latents.

    Args:
        grown: ``with_frames`` or ``with_numbers``.
        more: how many frames or numbers.
    """

    def prepare(executor, patcher, noise_shape, *args, **kwargs):
        return executor(patcher, grown(noise_shape, more), *args, **kwargs)

    if more:
        model.add_wrapper_with_key(WrappersMP.PREPARE_SAMPLING, KEY, prepare)
