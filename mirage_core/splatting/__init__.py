"""Which point wins each cell and what it carries: the backends, and the choice of one."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import MirageError, check_choice
from . import gathering, portable, reference
from .culling import visible_blocks
from .gathering import Gathered
from .projection import Views, project

NAMES = ("auto", "reference", "portable", "triton")


class Backend(NamedTuple):
    """How a memory is read; for arguments see portable.py and gathering.py."""

    winning_points: Callable[..., Tensor]
    gather: Callable[..., Gathered]


def backend_named(name: str, device: torch.device | str) -> Backend:
    """Return a backend for a device; "auto" is the fastest that is here: "triton" on CUDA and ROCm, where it imports.

    Raises:
        MirageError: the name is unknown, or the backend does not run on the device.
    """
    check_choice("splat", "backend", name, NAMES)
    on_gpu = torch.device(device).type == "cuda"  # torch calls ROCm so, too
    if name == "auto":
        name = "triton" if on_gpu and find_spec("triton") is not None else "portable"
    if name == "reference":
        return Backend(reference.winning_points, gathering.gather)
    if name == "portable":
        return Backend(portable.winning_points, gathering.gather)
    if find_spec("triton") is None:
        raise MirageError("splat: backend 'triton' needs the triton package; it is not installed. Use 'auto'.")
    from . import triton_kernels  # on first use: importing it takes a second, and it is not everywhere

    if not on_gpu and not triton_kernels.INTERPRETED:
        raise MirageError(f"splat: backend 'triton' needs a CUDA or ROCm device; got {device}. Use 'auto'.")
    return Backend(triton_kernels.winning_points, triton_kernels.gather)


__all__ = ["Backend", "Gathered", "Views", "backend_named", "project", "visible_blocks"]
