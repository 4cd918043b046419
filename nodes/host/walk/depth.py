"""Depth of new frames from ComfyUI's geometry models."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

import nodes as host_nodes  # ComfyUI's own module of that name

from ....mirage_core import Cameras, MirageError, Readout
from ....mirage_core.alignment import completed
from ....mirage_core.update import Estimate
from ..geometry_packets import SKY_PROBABILITY

MOGE_DETAIL = 9  # ComfyUI's default, of 0 .. 9
DA3_RESOLUTION = 504  # ComfyUI's default, pixels
BATCH = 4  # frames at once


@dataclass(frozen=True)
class DepthModel:
    """A MOGE_MODEL or a DA3_MODEL of ComfyUI's loaders, or neither."""

    moge: object | None = None
    depth_anything: object | None = None

    def __post_init__(self):
        if self.moge is not None and self.depth_anything is not None:
            raise MirageError("moge_model, da3_model: connect one of them; both are connected.")

    @property
    def name(self) -> str:
        return "MoGe" if self.moge is not None else "Depth Anything" if self.depth_anything is not None else "memory"

    @property
    def looks(self) -> bool:
        """Whether it needs the decoded frames."""
        return self.moge is not None or self.depth_anything is not None

    def estimate(self, images: Tensor, cameras: Cameras) -> Estimate:
        """Depth of frames ``(T, H, W, 3)``, 0..1, up to scale, and their sky."""
        if self.moge is not None:
            return self._moge(images, cameras)
        inputs = {"resolution": DA3_RESOLUTION, "resize_method": "upper_bound_resize", "mode": {"mode": "mono"}}
        inference = host_nodes.NODE_CLASS_MAPPINGS["DA3Inference"]
        (packet,) = inference.execute(self.depth_anything, images, **inputs).result
        sky = {"sky": packet["sky"].cpu() >= SKY_PROBABILITY} if "sky" in packet else {}
        return Estimate(packet["depth"].float().cpu(), sky)

    def _moge(self, images: Tensor, cameras: Cameras) -> Estimate:
        depths, skies = [], []
        for first in range(0, len(images), BATCH):
            field_of_view = 2.0 * math.degrees(math.atan(0.5 / float(cameras.K[first, 0, 0])))
            packet = self.moge.infer(
                images[first : first + BATCH, ..., :3].movedim(-1, 1).contiguous(),
                resolution_level=MOGE_DETAIL,
                fov_x=field_of_view,
                force_projection=True,
                apply_mask=True,
            )
            depths.append(packet["depth"].float().cpu())
            skies.append(~packet["mask"].bool().cpu() if "mask" in packet else torch.zeros_like(depths[-1]).bool())
        return Estimate(torch.cat(depths), {"sky": torch.cat(skies)})


@dataclass(frozen=True)
class MovingThings:
    """What does not stay where it is: found by ComfyUI's SAM3 model by text, and kept out of the memory."""

    model: object
    text: list  # CONDITIONING of the SAM3 text encoder, such as "person, car, dog"
    threshold: float = 0.5  # ComfyUI's default

    def mask(self, images: Tensor) -> Tensor:
        """bool ``(T, H, W)`` of frames ``(T, H, W, 3)``, 0..1."""
        detect = host_nodes.NODE_CLASS_MAPPINGS["SAM3_Detect"]
        masks = detect.execute(self.model, images, conditioning=self.text, threshold=self.threshold).result[0]
        return masks.cpu() > 0.5


def depth_of_memory(readout: Readout) -> Estimate:
    """Depth ``(T, h, w)`` of what the memory shows, completed smoothly; a view of which it knows nothing has none."""
    views = [completed(depth) if bool((depth > 0).any()) else depth for depth in readout.depth]
    return Estimate(torch.stack(views))
