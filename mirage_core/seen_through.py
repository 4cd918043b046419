"""What other views see through: tokens that stood in one picture and were gone, or elsewhere, in others.

A surface that a view finds cannot stand before what another view sees there. As depth maps of several views are fused
in multi-view stereo, a token is believed that more views confirm, or as many, than see through it. Unlike a comparison
with a memory it does not depend on which view was written first.
"""

import torch
from torch import Tensor

from .alignment import TOLERANCE
from .cameras import Cameras
from .conventions import MIN_DEPTH
from .errors import check_number, check_shape
from .geometry import depth_envelope
from .lifting import unprojected
from .splatting import Views, project


def seen_through(depth: Tensor, cameras: Cameras, tolerance: float = TOLERANCE) -> Tensor:
    """Tokens that more of the other views see through than confirm: bool ``(T, h, w)``.

    A view sees through a token that lies clearly before the nearest depth that the view has in the cell it falls into
    and the eight around it, and confirms one that lies between the nearest and the farthest of them, give or take the
    tolerance. A token behind them is hidden, which says nothing.

    Args:
        depth: ``(T, h, w)`` of all views in one scale, 0 = none.
        cameras: of the same T views.
        tolerance: share of depth.
    """
    check_number("tolerance", tolerance, above=0.0)
    check_shape("depth", depth, "(T, h, w), one view per camera", (len(cameras), None, None))
    xyz = unprojected(depth, cameras.to(depth.device), "center").flatten(1, 2)  # (T, h w, 3)
    votes = torch.zeros(xyz.shape[:2], dtype=torch.int64, device=depth.device)  # those that confirm, less the others
    for view in range(len(depth)):
        others = [other for other in range(len(depth)) if other != view]
        votes[others] += _votes(xyz[others].flatten(0, 1), depth[view], cameras[view], tolerance).view(len(others), -1)
    return (votes < 0).view(depth.shape) & (depth >= MIN_DEPTH)


def _votes(xyz: Tensor, depth: Tensor, camera: Cameras, tolerance: float) -> Tensor:
    """What one view, depth ``(h, w)``, says of world points ``(N, 3)``: int64 ``(N,)``, 1 there, -1 gone, 0 unknown."""
    h, w = depth.shape
    near, far = depth_envelope(depth)
    u, v, z = project(xyz, Views.of(camera, (h, w), "center").to(xyz.device))  # (N,)
    u, v, z = (x.flatten() for x in (u, v, z))
    column, row = u.floor(), v.floor()
    inside = (z >= MIN_DEPTH) & (column >= 0) & (column < w) & (row >= 0) & (row < h)
    cell = torch.where(inside, row * w + column, 0.0).long()
    known = inside & (depth.flatten()[cell] >= MIN_DEPTH)
    near, far = near.flatten()[cell], far.flatten()[cell]
    gone = z < near * (1.0 - tolerance)
    there = ~gone & (z <= far * (1.0 + tolerance))
    return torch.where(known, there.long() - gone.long(), 0)
