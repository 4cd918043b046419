"""Moving values between ComfyUI's devices: work on the compute device, hand over on the intermediate one."""

import comfy.model_management

from ...mirage_core import Cameras, LatentMemory, LatentPath, Readout, splat
from ...mirage_core.readout import readout_bytes


def read(memory: LatentMemory, path: LatentPath, footprint: bool = True) -> Readout:
    """What a memory shows the latent frames of a path, where ComfyUI keeps what nodes hand over."""
    return on_intermediate_device(read_on_main_device(memory, path.views, path.grid, footprint))


def read_on_main_device(
    memory: LatentMemory, cameras: Cameras, size: tuple[int, int], footprint: bool = True
) -> Readout:
    """Splat on the device that ComfyUI computes on, where models make room for it.

    The memory stays where it is, but for what the cameras see.
    """
    device = comfy.model_management.get_torch_device()
    if not comfy.model_management.is_device_cpu(device):
        comfy.model_management.free_memory(readout_bytes(memory, cameras, size, device), device)
    return splat(memory, cameras, size, footprint=footprint, device=device)


def read_beside(memory: LatentMemory, cameras: Cameras, size: tuple[int, int]) -> Readout:
    """A ``Read`` of the core, for work that goes on where the memory is: the readout comes back to it."""
    return read_on_main_device(memory, cameras, size).to(memory.device)


def on_intermediate_device(readout: Readout) -> Readout:
    """A readout where ComfyUI keeps what nodes hand over."""
    return readout.to(comfy.model_management.intermediate_device())
