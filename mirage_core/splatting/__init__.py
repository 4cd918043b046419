"""Which point wins each cell and what it carries: the backends, and the choice of one."""

import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor

from ..cameras import Cameras
from ..devices import resolved
from ..errors import MirageError, check_choice
from ..points import PointBlock
from . import gathering, portable, reference
from .culling import visible_blocks
from .gathering import Gathered
from .projection import Views, project

log = logging.getLogger(__name__)

NAMES = ("auto", "reference", "portable", "triton")
LONGEST_CAUSE = 200  # characters of what a compiler says


class Backend(NamedTuple):
    """How a memory is read; for arguments see portable.py and gathering.py."""

    winning_points: Callable[..., Tensor]
    gather: Callable[..., Gathered]
    working_bytes: Callable[[int, int, tuple[int, int]], int]


def backend_named(name: str, device: torch.device | str) -> Backend:
    """Return a backend for a device; "auto" is the fastest that runs: "triton" on CUDA and ROCm, where it works.

    Raises:
        MirageError: the name is unknown, or the backend does not run on the device.
    """
    check_choice("backend", name, NAMES)
    on_gpu = torch.device(device).type == "cuda"  # torch calls ROCm so, too
    if name == "auto":
        name = "triton" if on_gpu and runs_triton(resolved(device)) else "portable"
    if name == "reference":
        return Backend(reference.winning_points, gathering.gather, reference.working_bytes)
    if name == "portable":
        return Backend(portable.winning_points, gathering.gather, portable.working_bytes)
    if find_spec("triton") is None:
        raise MirageError("backend triton: must find the triton package; it is not installed. Use auto.")
    if on_gpu and not runs_triton(resolved(device)):
        try_triton(resolved(device))
    from . import triton_kernels  # on first use: importing it takes a second, and it is not everywhere

    if not on_gpu and not triton_kernels.INTERPRETED:
        raise MirageError(f"backend triton: must have a CUDA or ROCm device; got {device}. Use auto.")
    return Backend(triton_kernels.winning_points, triton_kernels.gather, triton_kernels.working_bytes)


@cache
def runs_triton(device: torch.device) -> bool:
    """Whether the kernels run on a CUDA or ROCm device: tried once. Warns if Triton is there and does not."""
    if find_spec("triton") is None:
        return False
    try:
        try_triton(device)
    except MirageError as error:
        log.warning("%s Memories are read with plain torch instead: the same result, only slower.", error)
        return False
    return True


def try_triton(device: torch.device) -> None:
    """Read a memory of one point with the kernels.

    Raises:
        MirageError: they do not run, and why.
    """
    views = Views.of(Cameras(torch.eye(4)[None], torch.eye(3)), (1, 1), "center").to(device)
    block = PointBlock(torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 1)).to(device)
    try:
        from . import triton_kernels

        point = triton_kernels.winning_points(block.xyz, block.footprint, views)
        read = triton_kernels.gather([block], block.xyz, block.footprint, point, views)
        found = point.item() == 0 and read.latents.item() == 1.0
        cause = "" if found else "they give a wrong result"
    except torch.OutOfMemoryError:  # says nothing of Triton
        raise
    except Exception as error:  # noqa: BLE001 - C compiler, Triton, ptxas, driver: each fails with errors of its own
        said = next((line for line in str(error).splitlines() if line.strip()), "")
        cause = f"{type(error).__name__}: {said.strip()[:LONGEST_CAUSE].rstrip('.!')}"
    if cause:
        raise MirageError(
            f"backend triton: must be able to run its kernels on {device}; {cause}. Triton needs a C compiler, "
            "the header files of Python (Debian: build-essential, python3-dev), and a GPU that it supports (NVIDIA: "
            "compute capability 7.0 or newer)."
        )


__all__ = ["Backend", "Gathered", "Views", "backend_named", "project", "runs_triton", "visible_blocks"]
