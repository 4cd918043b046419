"""The panorama of *Sample Panorama*: all around one place of the drawn room of *Sample Scene*."""

import json
from pathlib import Path

import torch
from torch import Tensor

from ..mirage_core.files import write_text
from ..mirage_core.panorama import directions
from .rooms import make_room
from .sample_room import SEED, write_picture

PLACE = (1.2, -1.4, 3.0)  # metres, in the room: at the height of a camera, 1.4 m from everything
HEIGHT = 512
DISTANCE_SCALE = 1000.0  # values per metre
FINER = 2  # rays along each axis of a pixel
PICTURE, DISTANCE = "panorama.png", "panorama_distance.png"


def sample_panorama() -> tuple[Tensor, Tensor]:
    """Picture ``(H, 2 H, 3)``, 0..1, and distance along the ray ``(H, 2 H)``, metres (panorama.py)."""
    room, place = make_room(SEED), torch.tensor(PLACE)
    finer, _ = room.along(place, directions(FINER * HEIGHT))
    _, distance = room.along(place, directions(HEIGHT))
    return finer.unflatten(0, (HEIGHT, FINER)).unflatten(2, (2 * HEIGHT, FINER)).mean(dim=(1, 3)), distance


def write_sample_panorama(folder: Path) -> None:
    """Write the files that *Sample Panorama* reads."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, distance = sample_panorama()
    write_picture(folder / PICTURE, picture)
    write_picture(folder / DISTANCE, distance, DISTANCE_SCALE)
    scene = {"seed": SEED, "place": PLACE, "image": PICTURE, "distance": DISTANCE, "distance_scale": DISTANCE_SCALE}
    write_text(folder / "scene.json", json.dumps(scene, indent=1) + "\n")
