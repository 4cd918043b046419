"""ComfyUI's 3D viewer: three.js axes (x right, y up, z backward), a point cloud scaled to the unit sphere."""

import torch

from ...mirage_core import LatentMemory

DISTANCE = 2.6  # radii of the cloud: it fills the viewer, whose field of view is 35 degrees
RAISED = 0.4  # radii


def opening_camera(memory: LatentMemory) -> dict:
    """Where to look at a memory from, as a LOAD3D_CAMERA: from behind the first view that was written, a little above.

    The viewer moves a cloud's centre to the origin and its radius to 1, so the first view's direction is all that is
    needed of it. Without a view it looks along the world's z axis.
    """
    forward = torch.tensor([0.0, 0.0, 1.0])
    if memory.keyframes:
        forward = memory.keyframes[0].camera.cam2world[0, :3, 2].cpu()
    position = -DISTANCE * forward * torch.tensor([1.0, -1.0, -1.0]) + torch.tensor([0.0, RAISED, 0.0])
    return {
        "position": dict(zip("xyz", position.tolist(), strict=True)),
        "target": {"x": 0.0, "y": 0.0, "z": 0.0},
        "zoom": 1,
        "cameraType": "perspective",
        "fov": 35,
    }
