"""The drawn room of *Sample Scene*: the first view of a held-out walk, as a picture, its depth, and the camera."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ..mirage_core.files import whole_file, write_text
from .rooms import make_room
from .samples import HELD_OUT
from .walks import make_walk

SEED = HELD_OUT + 104
SIZE = (192, 320)
DEPTH_SCALE = 5000.0  # values per metre
MOST = 2**16 - 1  # of a 16-bit picture
PICTURE, DEPTH = "room.png", "room_depth.png"


def sample_room() -> tuple[Tensor, Tensor, Tensor]:
    """Picture ``(H, W, 3)``, 0..1, z-depth ``(H, W)``, metres, and K ``(3, 3)``, normalised."""
    room = make_room(SEED)
    camera = make_walk(room, 2, SIZE, SEED)[[0]]
    pictures, depth = room.seen(camera, SIZE)
    return pictures[0], depth[0], camera.K[0]


def write_sample_room(folder: Path) -> None:
    """Write the files that *Sample Scene* reads."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, depth, K = sample_room()
    write_picture(folder / PICTURE, picture)
    write_picture(folder / DEPTH, depth)
    frame = {"image": PICTURE, "depth": DEPTH, "depth_scale": DEPTH_SCALE, "K": K.tolist()}
    write_text(folder / "scene.json", json.dumps({"seed": SEED, "frames": [frame]}, indent=1) + "\n")


def write_picture(file: Path, values: Tensor, scale: float = DEPTH_SCALE) -> None:
    """Write colours ``(H, W, 3)``, 0..1, or lengths ``(H, W)``, metres, which take 16 bits, as a .png file.

    Args:
        scale: values per metre.
    """
    if values.ndim == 2 and float(values.max()) * scale > MOST:
        raise ValueError(f"{file.stem}: must stay below {MOST / scale:.1f} m; got {float(values.max()):.1f}.")
    scale, kind = (255, np.uint8) if values.ndim == 3 else (scale, np.uint16)
    with whole_file(file) as partial:
        Image.fromarray((values.numpy() * scale).round().astype(kind)).save(partial, format="PNG", optimize=True)
