"""Several pictures for ComfyUI's VAEs and depth models: one after the other, or as the video that they are."""

from dataclasses import dataclass

import comfy.utils
import torch
from torch import Tensor

from ....mirage_core import Cameras, Geometry, LatentSpec
from ....mirage_core.sparse_points import SparsePoints
from ....mirage_core.update import Estimate
from ....mirage_core.views import usable
from ..latents import exclude_for, geometry_for, latent_frames
from ..single_pictures import encoded_one_by_one
from .depth import DepthModel


@dataclass(frozen=True, eq=False)
class Views:
    """Pictures ``(B, H, W, 3)`` that are written to a memory, and what is known of each of them.

    Attributes:
        geometry: of all of them; views without depth have none.
        exclude: what is kept out by reason: MASKs ``(B, H, W)``, or one for all.
        clip: they are the video frames of one video.
    """

    pictures: Tensor
    geometry: Geometry
    exclude: dict[str, Tensor]
    points: SparsePoints | None
    clip: bool

    def encoded(self, vae: object, spec: LatentSpec) -> Tensor:
        """Latents ``(T, C, h, w)``: one per picture, or those of the video.

        Raises:
            MirageError: so many video frames are no whole number of latent frames.
        """
        if self.clip:
            spec.timing.check("pictures (encode: as a clip)", len(self.pictures))
            return latent_frames(vae.encode(self.pictures), spec.channels)
        return encoded_one_by_one(vae, self.pictures, spec.channels)

    def for_latents(self, latents: Tensor, spec: LatentSpec) -> tuple[Estimate, Cameras, SparsePoints | None]:
        """Depth, cameras and sparse points of the views that latents stand for, cut to whole tokens."""
        T, size = len(latents), tuple(latents.shape[2:])
        masks = {name: exclude_for(mask, self.geometry, T, size, spec) for name, mask in self.exclude.items()}
        cut = geometry_for(self.geometry, T, size, spec)
        points = self.points
        if points is not None and len(points) != T:
            points = points[spec.timing.stands_at(len(points))]
        estimate = Estimate(cut.depth, {name: mask for name, mask in masks.items() if mask is not None})
        return estimate, cut.cameras, points

    def names(self, spec: LatentSpec) -> list[str]:
        """What the views are called in reports."""
        if not self.clip:
            return [f"picture {number}" for number in range(len(self.pictures))]
        return [f"video frame {number}" for number in spec.timing.stands_at(len(self.pictures))]


def geometry_of_models(pictures: Tensor, cameras: Cameras, model: DepthModel) -> tuple[Geometry, Tensor]:
    """Depth of pictures ``(B, H, W, 3)`` by one of ComfyUI's models, and their sky, ``(B, H, W)``."""
    depths, skies = [], []
    bar = comfy.utils.ProgressBar(len(pictures))
    for view in range(len(pictures)):  # one by one: each may have a lens of its own
        one = model.estimate(pictures[view : view + 1], cameras[[view]])
        depths.append(usable(one.depth))
        skies.append(one.exclude.get("sky", torch.zeros_like(one.depth, dtype=torch.bool)))
        bar.update(1)
    return Geometry(torch.cat(depths), cameras), torch.cat(skies).float()
