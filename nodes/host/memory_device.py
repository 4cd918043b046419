"""Moving values between the host's devices: work on the compute device, hand over on the intermediate one."""

from dataclasses import fields, replace

import comfy.model_management

from ...mirage_core import Cameras, LatentMemory, Readout


def on_compute_device(memory: LatentMemory, cameras: Cameras) -> tuple[LatentMemory, Cameras]:
    """Copies of both on the device that the host computes on (the values themselves where they are there already)."""
    device = comfy.model_management.get_torch_device()
    return memory.to(device), cameras.to(device)


def on_intermediate_device(readout: Readout) -> Readout:
    """A readout where the host keeps what nodes hand over."""
    device = comfy.model_management.intermediate_device()
    return replace(readout, **{field.name: getattr(readout, field.name).to(device) for field in fields(readout)})
