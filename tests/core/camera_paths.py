"""Camera paths to write and read, and where recorded ones lie."""

from pathlib import Path

import numpy as np
import torch
from kornia.geometry.liegroup import So3

from mirage_core import Cameras
from mirage_core.camera_files import FORMATS, WRITABLE, write_cameras

DATA = Path(__file__).parent.parent / "data"
FILES = DATA / "trajectories"
SIZE = (360, 640)
SUFFIXED = {"colmap": "model"} | {name: f"path{FORMATS[name].SUFFIX}" for name in WRITABLE if name != "colmap"}


def winding(views=7, centred=True):
    """Cameras that turn about all axes as they go, zooming if ``centred`` is False."""
    g = torch.Generator().manual_seed(0)
    cam2world = torch.eye(4).repeat(views, 1, 1)
    cam2world[:, :3, :3] = So3.exp(torch.randn(views, 3, generator=g)).matrix()
    cam2world[:, :3, 3] = torch.randn(views, 3, generator=g) * 3
    fy = torch.full((views,), 1.2) if centred else torch.linspace(1.0, 1.5, views)
    K = torch.eye(3).repeat(views, 1, 1)
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2] = fy * SIZE[0] / SIZE[1], fy, 0.5, 0.5
    if not centred:
        K[:, 0, 2], K[:, 1, 2] = 0.48, 0.53
    return Cameras(cam2world, K)


def level_walk(frames=8) -> Cameras:
    """A camera that walks forward, turns and nods, and never rolls."""
    steps = torch.linspace(0, 1, frames)
    pan, tilt = 2.0 * steps, 0.5 * torch.sin(6 * steps)
    rotations = So3.exp(torch.stack([0 * pan, pan, 0 * pan], 1)) * So3.exp(torch.stack([tilt, 0 * pan, 0 * pan], 1))
    cam2world = torch.eye(4).repeat(frames, 1, 1)
    cam2world[:, :3, :3] = rotations.matrix()
    cam2world[:, :3, 3] = torch.stack([1 - torch.cos(pan), 0 * pan, torch.sin(pan)], 1)
    return Cameras(cam2world, torch.tensor([[0.8, 0.0, 0.5], [0.0, 1.4, 0.5], [0.0, 0.0, 1.0]]))


def swapped(path):
    """A camera that turns on the spot, far from the origin, written with its inverse: the classic mistake."""
    angle = torch.linspace(-0.4, 0.4, 9)
    cam2world = torch.eye(4).repeat(9, 1, 1)
    cam2world[:, :3, :3] = So3.exp(torch.stack([angle * 0, angle, angle * 0], dim=1)).matrix()
    cam2world[:, :3, 3] = torch.tensor([30.0, 5.0, -20.0])
    write_cameras(Cameras(torch.linalg.inv(cam2world), winding(9).K), path, "mirage", SIZE)


def every(data, change):
    """Change the matrices of all cameras of a JSON of our own."""
    for camera in data["cameras"]:
        camera["cam2world"] = change(np.array(camera["cam2world"])).tolist()


def known_path() -> torch.Tensor:
    """cam2world ``(4, 4, 4)`` of tests/data/camera_formats: forward, turning right, up and about itself."""
    n = torch.arange(4.0, dtype=torch.float64)
    axes = torch.eye(3, dtype=torch.float64)
    up, right, about = (
        So3.exp(torch.deg2rad(degrees * n)[:, None] * axis) for degrees, axis in zip((-5, 10, 3), axes, strict=True)
    )
    cam2world = torch.eye(4, dtype=torch.float64).repeat(4, 1, 1)
    cam2world[:, :3, :3] = (right * up * about).matrix()
    cam2world[:, :3, 3] = n[:, None] * torch.tensor([0.5, -0.2, 1.0], dtype=torch.float64)
    return cam2world.float()
