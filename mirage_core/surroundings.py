"""Points around the camera that a path starts from, to look at while the path is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .cameras import Cameras
from .geometry import Geometry
from .memory import LatentMemory

MOST_POINTS = 60_000  # of a memory, evenly thinned
DEPTH_GRID = 120  # points along the longer side of a picture
FAR = 4.0  # median depths: nothing gets darker beyond


@dataclass(frozen=True, eq=False)
class Surroundings:
    """N points around a start camera, all on the CPU but ``rgb``.

    Attributes:
        xyz: ``(N, 3)`` in the frame of the start camera, 1 = the median depth of its geometry.
        width: ``(N,)`` of what each point stands for, in the same unit.
        rgb: ``(N, 3)`` about 0..1.
        every: one of so many points of the memory is here.
    """

    xyz: Tensor
    width: Tensor
    rgb: Tensor
    every: int = 1


def remembered_around(
    geometry: Geometry, memory: LatentMemory, colours: Callable[[Tensor], Tensor], most: int = MOST_POINTS
) -> Surroundings:
    """The points of a memory around the first camera of a geometry, evenly thinned.

    Args:
        geometry: where a path starts, and what its unit is.
        memory: not empty.
        colours: tokens ``(N, C)`` to RGB ``(N, 3)``.
        most: so many points at most.

    Raises:
        MirageError: the memory is empty.
    """
    memory.require_points()
    every = -(-memory.num_points // most)
    points = memory.as_one_block()[slice(None, None, every)]
    # each point that is left stands for `every` of them, and covers their area
    return _around(geometry, points.xyz, points.footprint * every**0.5, colours(points.tokens()), every)


def seen_around(geometry: Geometry) -> Surroundings:
    """The depth of a geometry's first picture as grey points, brighter where nearer."""
    H, W = geometry.image_size
    step = -(-max(H, W) // DEPTH_GRID)
    depth = geometry.depth[0, ::step, ::step].cpu()
    rows, columns = torch.nonzero(depth > 0, as_tuple=True)
    z = depth[rows, columns]  # (N,)
    K, cam2world = geometry.cameras.K[0].cpu(), geometry.cameras.cam2world[0].cpu()
    x = ((columns * step + 0.5) / W - K[0, 2]) / K[0, 0] * z
    y = ((rows * step + 0.5) / H - K[1, 2]) / K[1, 1] * z
    xyz = torch.stack([x, y, z], dim=1) @ cam2world[:3, :3].T + cam2world[:3, 3]  # (N, 3) world frame
    grey = 1.0 - 0.8 * (z / (FAR * geometry.median_depth)).clamp(max=1.0)
    return _around(geometry, xyz, step * z / (W * K[0, 0]), grey[:, None].expand(-1, 3))


def _around(geometry: Geometry, xyz: Tensor, width: Tensor, rgb: Tensor, every: int = 1) -> Surroundings:
    """Points ``(N, 3)`` of the world, and widths ``(N,)`` in scene units, as the start camera has them."""
    unit = geometry.median_depth
    return Surroundings(_in_frame_of(geometry.cameras[0], xyz.cpu()) / unit, width.cpu() / unit, rgb, every)


def _in_frame_of(camera: Cameras, xyz: Tensor) -> Tensor:
    cam2world = camera.cam2world[0].cpu()
    return (xyz - cam2world[:3, 3]) @ cam2world[:3, :3]
