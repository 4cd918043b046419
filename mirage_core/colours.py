"""Colours 0..1 as bytes."""

import torch
from torch import Tensor


def as_bytes(colours: Tensor) -> Tensor:
    """Colours 0..1 of any shape as uint8 on the CPU: rounded, and cut where they lie beyond."""
    return (colours.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
