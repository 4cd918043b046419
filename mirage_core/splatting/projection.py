"""What every backend is given: the views as plain numbers, and the rules of the splat as constants.

All backends project with the same float32 operations in the same order, each rounded by itself (no fused
multiply-add), so that they agree on every cell and every depth, bit for bit:

    d = xyz - center
    x = (r00 d0 + r10 d1) + r20 d2        and y, z with columns 1 and 2 of the rotation: the camera frame
    u = x * focal_u / z + principal_u     and v: cell units, the token of column j stands at j + anchor
    width = footprint * focal / z         of the token, in cells; focal is the geometric mean of both axes

A point counts if z is at least MIN_DEPTH; to keep every number finite, nearer ones are divided by MIN_DEPTH.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..cameras import Cameras
from ..conventions import MIN_DEPTH, anchor_offset
from ..devices import placed, resolved

# A token's disk is drawn with this radius, in widths of the token: the circle around the square it was seen through,
# so that neighbouring tokens leave no gap between them.
DISK_RADIUS = 0.5 * 2.0**0.5
MAX_RADIUS = 4.0  # cells; a token seen from much closer than it was recorded stops growing here
# A cell that a disk only reaches into competes with its depth pushed back by 1/16: a point that falls into the cell
# itself at about that depth wins, while a surface clearly in front still hides what is behind it.
REACH_PENALTY = 1.0625


@dataclass(frozen=True)
class Views:
    """T views of an ``(h, w)`` grid, float32; in the last axis every number stands once per view."""

    rotation: Tensor  # (3, 3, T) cam2world
    center: Tensor  # (3, T)
    focal: Tensor  # (3, T) cells per unit of slope: along columns, along rows, geometric mean
    principal: Tensor  # (2, T) cells
    size: tuple[int, int]
    corner: bool  # a point goes to the nearest token at whole cell coordinates, else to the cell it lies in

    def __len__(self) -> int:
        return self.center.shape[-1]

    def __getitem__(self, index: tuple) -> "Views":
        """The same numbers indexed in their last axis: ``views[:, None]`` broadcasts, an int64 tensor gathers."""
        numbers = (x[(..., *index)] for x in (self.rotation, self.center, self.focal, self.principal))
        return Views(*numbers, self.size, self.corner)

    @property
    def anchor(self) -> float:
        return anchor_offset("corner" if self.corner else "center")

    def cells(self, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Column and row, still as floats."""
        return (u.round(), v.round()) if self.corner else (u.floor(), v.floor())

    @property
    def device(self) -> torch.device:
        return self.center.device

    def to(self, device: torch.device | str) -> "Views":
        """On another device."""
        device = resolved(device)
        if self.device == device:
            return self
        numbers = placed(self.packed, device)
        rotation, center, focal, principal = numbers.split((9, 3, 3, 2))
        return Views(rotation.view(3, 3, -1), center, focal, principal, self.size, self.corner)

    @property
    def packed(self) -> Tensor:
        """All numbers: ``(17, T)``, rotation row by row, center, focal, principal."""
        return torch.cat([self.rotation.flatten(0, 1), self.center, self.focal, self.principal])

    @staticmethod
    def of(cameras: Cameras, size: tuple[int, int], token_anchor: str) -> "Views":
        """On the CPU, whatever the device of the cameras: every device is given the same numbers."""
        cameras, (h, w) = cameras.on_cpu, size
        cells = cameras.K.new_tensor([w, h])
        focal = cameras.K.diagonal(dim1=1, dim2=2)[:, :2] * cells  # (T, 2)
        mean = (focal[:, 0] * focal[:, 1]).sqrt()
        return Views(
            rotation=cameras.cam2world[:, :3, :3].permute(1, 2, 0).contiguous(),
            center=cameras.cam2world[:, :3, 3].T.contiguous(),
            focal=torch.stack([focal[:, 0], focal[:, 1], mean]),
            principal=(cameras.K[:, :2, 2] * cells).T.contiguous(),
            size=size,
            corner=token_anchor == "corner",
        )


def project(xyz: Tensor, views: Views) -> tuple[Tensor, Tensor, Tensor]:
    """Project world points ``(N, 3)``.

    Args:
        views: numbers that broadcast against ``(N,)``: ``(..., T, 1)`` for every point in every view.

    Returns:
        u, v in cells and z in scene units, ``(T, N)`` or as broadcast. Where z is below ``MIN_DEPTH``, u and v are
        finite and mean nothing.
    """
    r = views.rotation
    d0, d1, d2 = (xyz[:, axis] - views.center[axis] for axis in range(3))
    x, y, z = ((r[0, k] * d0 + r[1, k] * d1) + r[2, k] * d2 for k in range(3))
    divisor = z.clamp(min=MIN_DEPTH)
    return x * views.focal[0] / divisor + views.principal[0], y * views.focal[1] / divisor + views.principal[1], z
