"""What the Camera Path Editor shows: points around the start camera, as a file that the page fetches."""

import hashlib
import json
from pathlib import Path

import folder_paths
import torch
from safetensors.torch import save
from torch import Tensor

from ...mirage_core import Cameras, Geometry, LatentMemory
from ...mirage_core.files import whole_file
from ...mirage_core.splatting.projection import DISK_RADIUS, MAX_RADIUS
from ..pictures.pixels import as_bytes
from .formats import colours_of

MOST_POINTS = 60_000  # shown, evenly thinned
DEPTH_GRID = 120  # points along the longer side of a picture without a memory
FAR = 4.0  # median depths: nothing is brighter beyond


def write_scene(geometry: Geometry, memory: LatentMemory | None) -> dict[str, str]:
    """Write a .safetensors file to the temp folder, and return ComfyUI's name for it.

    It holds ``xyz`` ``(N, 3)`` in the frame of the start camera, 1 = the median depth of its picture; ``rgb`` uint8
    ``(N, 3)``; ``width`` ``(N,)`` of the tokens, in the same unit. The header's ``scene`` is JSON: K of the start
    camera, the picture's size, and, with a memory, what coverage is counted by.
    """
    start, depth = geometry.cameras[0], geometry.median_depth
    remembers = memory is not None and memory.num_points > 0
    xyz, width, rgb, every = _of_memory(memory) if remembers else (*_of_depth(geometry), 1)
    H, W = geometry.image_size
    scene = {
        "K": start.K[0].tolist(),
        "image_size": [H, W],
        "scene_depth": depth,
        "thinned": every,
        "coverage": None,
    }
    if remembers:
        spatial = memory.spec.spatial
        scene["coverage"] = {
            "grid": [max(H // spatial, 1), max(W // spatial, 1)],
            "stride": memory.spec.temporal,
            "disk_radius": DISK_RADIUS,
            "most_cells": MAX_RADIUS,
        }
    tensors = {
        "xyz": (_in_frame_of(start, xyz.cpu()) / depth).contiguous(),
        "width": (width.cpu() / depth).contiguous(),
        "rgb": as_bytes(rgb).contiguous(),
    }
    data = save(tensors, {"scene": json.dumps(scene)})
    name = f"mirage_scene_{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / name) as partial:
        partial.write_bytes(data)
    return {"filename": name, "subfolder": "", "type": "temp"}


def _of_memory(memory: LatentMemory) -> tuple[Tensor, Tensor, Tensor, int]:
    every = -(-memory.num_points // MOST_POINTS)
    points = memory.as_one_block()[slice(None, None, every)]
    # each point that is left stands for `every` of them, and covers their area
    return points.xyz, points.footprint * every**0.5, colours_of(memory.spec, points.tokens()), every


def _of_depth(geometry: Geometry) -> tuple[Tensor, Tensor, Tensor]:
    """The first picture's depth as grey points, brighter where nearer."""
    H, W = geometry.image_size
    step = -(-max(H, W) // DEPTH_GRID)
    depth = geometry.depth[0, ::step, ::step].cpu()
    rows, columns = torch.nonzero(depth > 0, as_tuple=True)
    z = depth[rows, columns]
    K = geometry.cameras.K[0].cpu()
    x = ((columns * step + 0.5) / W - K[0, 2]) / K[0, 0] * z
    y = ((rows * step + 0.5) / H - K[1, 2]) / K[1, 1] * z
    local = torch.stack([x, y, z], dim=1)
    pose = geometry.cameras.cam2world[0].cpu()
    grey = 1.0 - 0.8 * (z / (FAR * geometry.median_depth)).clamp(max=1.0)
    return local @ pose[:3, :3].T + pose[:3, 3], step * z / (W * K[0, 0]), grey[:, None].expand(-1, 3)


def _in_frame_of(start: Cameras, xyz: Tensor) -> Tensor:
    pose = start.cam2world[0].cpu()
    return (xyz - pose[:3, 3]) @ pose[:3, :3]
