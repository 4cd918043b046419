"""What the Camera Path Editor shows, as a file that the page fetches."""

import json

from safetensors.torch import save

from ...mirage_core import Geometry, LatentMemory
from ...mirage_core.colours import as_bytes
from ...mirage_core.splatting.projection import DISK_RADIUS, MAX_RADIUS
from ...mirage_core.surroundings import remembered_around, seen_around
from .folders import kept_for_the_page
from .formats import colours_of


def write_surroundings(geometry: Geometry, memory: LatentMemory | None) -> dict[str, str]:
    """Write a .safetensors file to the temp folder, and return ComfyUI's name for it.

    It holds ``xyz`` ``(N, 3)`` and ``width`` ``(N,)`` as ``Surroundings`` has them, and ``rgb`` uint8 ``(N, 3)``. The
    header's ``scene`` is JSON: K of the start camera, the picture's size, and, with a memory, what coverage is counted
    by.
    """
    if memory is not None and memory.num_points > 0:
        around = remembered_around(geometry, memory, lambda tokens: colours_of(memory.spec, tokens))
        counted_by = _counted_by(memory, geometry.image_size)
    else:
        around, counted_by = seen_around(geometry), None
    header = {
        "K": geometry.cameras.K[0].tolist(),
        "image_size": list(geometry.image_size),
        "scene_depth": geometry.median_depth,
        "thinned": around.every,
        "coverage": counted_by,
    }
    tensors = {
        "xyz": around.xyz.contiguous(),
        "width": around.width.contiguous(),
        "rgb": as_bytes(around.rgb).contiguous(),
    }
    data = save(tensors, {"scene": json.dumps(header)})
    return kept_for_the_page("mirage_scene", data)


def _counted_by(memory: LatentMemory, image_size: tuple[int, int]) -> dict:
    """What the page needs to count the share of known tokens as a splat does."""
    H, W = image_size
    spatial = memory.spec.spatial
    return {
        "grid": [max(H // spatial, 1), max(W // spatial, 1)],
        "stride": memory.spec.temporal,
        "clip": memory.spec.clip,
        "disk_radius": DISK_RADIUS,
        "most_cells": MAX_RADIUS,
    }
