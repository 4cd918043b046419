"""Depth as a picture."""

import torch
from torch import Tensor


def depth_image(depth: Tensor) -> Tensor:
    """Depth ``(T, h, w)`` as an IMAGE ``(T, h, w, 3)``: near is bright, unknown is black."""
    known = depth > 0
    nearness = torch.where(known, 1.0 / depth.clamp(min=1e-6), 0.0)
    if bool(known.any()):
        nearness = nearness / nearness.max()
    return nearness.unsqueeze(-1).expand(-1, -1, -1, 3)
