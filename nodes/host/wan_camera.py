"""Cameras as ComfyUI's camera-controlled Wan models take them: Plücker coordinates of every pixel's ray."""

import comfy.model_management
import numpy as np
from comfy_extras.nodes_camera_trajectory import process_pose_params
from einops import rearrange, repeat
from torch import Tensor, cat

from ...mirage_core import Cameras
from ...mirage_core.timing import Timing

STRIDE = 4  # video frames that share a latent frame; the first one stands for four


def wan_camera_embedding(cameras: Cameras, size: tuple[int, int], scale: float) -> Tensor:
    """WAN_CAMERA_EMBEDDING ``(1, 24, T, H, W)``: moment and direction of every ray, four frames to a latent one.

    The first camera becomes the origin, as in ComfyUI's own node and in CameraCtrl (arXiv 2404.02101).

    Args:
        cameras: one per video frame, 1 + 4 n.
        size: ``(H, W)`` pixels.
        scale: times all distances.

    Raises:
        MirageError: the number of cameras fits no video.
    """
    Timing(STRIDE).check("cameras", len(cameras))
    (H, W), path = size, cameras.to("cpu").transformed(scale=scale)
    K = path.K.double().numpy()
    rows = np.zeros((len(path), 7 + 16))  # as CameraCtrl's files: number, fx, fy, cx, cy, 0, 0, cam2world
    rows[:, 1:5] = np.stack([K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2]], axis=1)
    rows[:, 7:] = path.cam2world.double().numpy().reshape(-1, 16)
    rays = process_pose_params(rows, W, H, original_pose_width=W, original_pose_height=H)  # (F, H, W, 6)
    every = cat([repeat(rays[:1], "1 h w c -> s h w c", s=STRIDE), rays[1:]])
    embedding = rearrange(every, "(t s) h w c -> 1 (c s) t h w", s=STRIDE).contiguous()
    return embedding.to(comfy.model_management.intermediate_device())
