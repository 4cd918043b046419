"""Where tensors lie: every value of this package has one device, and operations bring their arguments together.

Points are read and sorted with 64-bit integers, and cut into blocks with float64. Only the CPU and what torch calls
CUDA (ROCm, too) have all of that: MPS has no float64 and no int64 minimum by index, DirectML and others lack as much.
What lies on such a device is worked on by the CPU, and the result is brought back.
"""

import torch
from torch import Tensor

from .errors import MirageError

WORKING = ("cpu", "cuda")


def resolved(device: torch.device | str) -> torch.device:
    """The device with its number, as tensors on it name it: "cuda" is "cuda:0"."""
    return torch.empty(0, device=device).device


def working_device(device: torch.device) -> torch.device:
    """Where values of a device are worked on: there, or on the CPU if the device lacks what it takes."""
    return device if device.type in WORKING else torch.device("cpu")


def placed(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device, without waiting where nobody can see a copy that has not arrived.

    That is only so on CUDA: the CPU would read what is not there yet, and MPS loses the source of such a copy.
    """
    return tensor.to(device, non_blocking=device.type == "cuda")


def check_one_device(**tensors: Tensor | None) -> None:
    """Raise MirageError unless all tensors lie on one device."""
    places = {name: tensor.device for name, tensor in tensors.items() if tensor is not None}
    if len(set(places.values())) > 1:
        shown = ", ".join(f"{name} on {device}" for name, device in places.items())
        raise MirageError(f"{', '.join(places)}: must lie on one device; got {shown}. Move the tensors first.")
