"""What Preview Memory and Memory Brush show, as a file that the page fetches."""

import json

import torch
from safetensors.torch import save

from ...mirage_core import Cameras, Geometry, LatentMemory
from ...mirage_core.colours import as_bytes
from ...mirage_core.conventions import MIN_DEPTH
from ...mirage_core.points import PointBlock
from ...mirage_core.surroundings import MOST_POINTS
from .folders import kept_for_the_page
from .formats import colours_of

LEAST_UNIT = 1e-6  # scene units: the page divides by the unit


def write_points(memory: LatentMemory, geometry: Geometry | None, start_frames: int = 1) -> dict[str, str]:
    """Write a .safetensors file to the temp folder, and return ComfyUI's name for it.

    It holds, of every point or of one in ``every``: ``xyz`` ``(N, 3)`` in the world frame and ``width`` ``(N,)``, both
    scene units, ``rgb`` uint8 ``(N, 3)``, ``frame`` ``(N,)`` latent frame of origin as a float, ``confidence``
    ``(N,)``, and ``locked`` uint8 ``(N,)`` if the memory keeps locks. The header's ``scene`` is JSON: the number of all
    points, ``every``, the camera to open with, the unit of the view in scene units, and which latent frames are the
    start.

    Args:
        geometry: whose first camera is the one to open with; None = the first view that was written, or the world's
            own axes.
        start_frames: latent frames of the start picture or clip, which the memory itself does not tell apart.

    Raises:
        MirageError: the memory is empty.
    """
    memory.require_points()
    every = -(-memory.num_points // MOST_POINTS)
    points = _thinned(memory, every)
    rgb = colours_of(memory.spec, points.tokens())
    points = points.to("cpu")
    camera = _opening_camera(memory, geometry)
    first = min(memory.keyframes.frames, default=int(memory.column("frame").min()))
    header = {
        "points": memory.num_points,
        "every": every,
        "cam2world": camera.cam2world[0].tolist(),
        "unit": geometry.median_depth if geometry is not None else _depth_before(camera, points),
        "start": [first, first + start_frames - 1],
    }
    tensors = {
        "xyz": points.xyz.contiguous(),
        "width": (points.footprint * every**0.5).contiguous(),  # what is left stands for what was left out
        "rgb": as_bytes(rgb).contiguous(),
        "frame": points.frame.float().contiguous(),
        "confidence": points.confidence.contiguous(),
    }
    if "locked" in points.columns:
        tensors["locked"] = points.columns["locked"].to(torch.uint8).contiguous()
    return kept_for_the_page("mirage_points", save(tensors, {"scene": json.dumps(header)}))


def _thinned(memory: LatentMemory, every: int) -> PointBlock:
    """One of so many points, counted through the blocks, without a copy of the others."""
    chosen, before = [], 0
    for block in memory.blocks:
        chosen.append(block[slice(-before % every, None, every)])
        before += len(block)
    return PointBlock.concatenated([block for block in chosen if len(block)])


def _opening_camera(memory: LatentMemory, geometry: Geometry | None) -> Cameras:
    if geometry is not None:
        return geometry.cameras[0].to("cpu")
    if memory.keyframes:
        return memory.keyframes[0].camera.to("cpu")
    return Cameras(torch.eye(4)[None], torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]]))


def _depth_before(camera: Cameras, points: PointBlock) -> float:
    """Median depth of the points before a camera, scene units; if there are none, half of the points' extent."""
    cam2world = camera.cam2world[0]
    depth = (points.xyz - cam2world[:3, 3]) @ cam2world[:3, 2]  # (N,)
    before = depth[depth > MIN_DEPTH]
    extent = float((points.bounds[1] - points.bounds[0]).norm()) / 2
    return max(float(before.median()) if len(before) else extent, LEAST_UNIT)
