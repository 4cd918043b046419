"""Moving values between the host's devices: work on the compute device, hand over on the intermediate one."""

from dataclasses import fields, replace

import comfy.model_management

from ...mirage_core import Cameras, LatentMemory, Readout, splat


def read(memory: LatentMemory, cameras: Cameras, size: tuple[int, int], footprint: bool = True) -> Readout:
    """Splat on the device that the host computes on; the memory stays where it is, but for what the cameras see."""
    device = comfy.model_management.get_torch_device()
    readout = splat(memory, cameras, size, footprint=footprint, device=device)
    return on_intermediate_device(readout)


def on_intermediate_device(readout: Readout) -> Readout:
    """A readout where the host keeps what nodes hand over."""
    device = comfy.model_management.intermediate_device()
    return replace(readout, **{field.name: getattr(readout, field.name).to(device) for field in fields(readout)})
