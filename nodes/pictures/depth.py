"""Depth as a picture."""

import torch
import torch.nn.functional as F
from torch import Tensor

NEAREST = 0.999  # share of what is seen that is no nearer than white: a few stray points would darken all else


def depth_image(depth: Tensor) -> Tensor:
    """Depth ``(T, h, w)`` as an IMAGE ``(T, h, w, 3)``: near is bright, unknown is black."""
    nearness = _nearness(depth)
    if bool((depth > 0).any()):
        nearness = nearness / nearness.max()
    return nearness.unsqueeze(-1).expand(-1, -1, -1, 3)


def depth_video(depth: Tensor) -> Tensor:
    """Depth ``(F, H, W)`` as an IMAGE ``(F, H, W, 3)`` in one scale: near is bright, unknown is black.

    It is inverse depth, as depth models draw it. White is what is nearest in all frames, but for one pixel in a
    thousand.
    """
    nearness = _nearness(depth)
    seen = nearness[depth > 0]
    if len(seen):
        white = seen.kthvalue(max(1, round(NEAREST * len(seen)))).values
        nearness = (nearness / white).clamp(max=1.0)
    return nearness.unsqueeze(-1).expand(-1, -1, -1, 3)


def pixel_depth(depth: Tensor, spatial: int) -> Tensor:
    """Depth of tokens ``(h, w)`` as that of their pixels ``(H, W)``, smooth between known tokens; 0 stays unknown.

    Inverse depth is what is linear over a plane in perspective.

    Args:
        spatial: pixels of a token.
    """
    known = (depth > 0).to(depth)
    both = torch.stack([_nearness(depth), known])[:, None]  # (2, 1, h, w)
    summed, weight = F.interpolate(both, scale_factor=spatial, mode="bilinear", align_corners=False)[:, 0]
    own = known.repeat_interleave(spatial, 0).repeat_interleave(spatial, 1) > 0
    return torch.where(own, weight / summed.clamp(min=2.0**-40), 0.0)


def _nearness(depth: Tensor) -> Tensor:
    return torch.where(depth > 0, 1.0 / depth.clamp(min=1e-6), 0.0)
