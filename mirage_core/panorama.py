"""Panoramas: an equirectangular picture and its distances, seen through perspective cameras that look all around.

The picture is twice as wide as high. Its centre lies straight ahead (z), a quarter of its width further right is right
(x), the top row is up (-y): pixel column ``j``, row ``i`` of ``(H, 2 H)`` is centred at longitude
``2 pi ((j + 0.5) / (2 H) - 0.5)``, to the right, and latitude ``pi (0.5 - (i + 0.5) / H)``, upwards. The world is that
of the camera that looks straight ahead: OpenCV axes, the panorama's place as origin (conventions.py). ``distance`` is
measured along the ray, not along an optical axis.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .cameras import Cameras
from .errors import MirageError, check_shape, check_size, describe
from .geometry import Geometry
from .lifting import unprojected

EDGE = 2.0**-4  # neighbours whose distances differ by a greater share lie on two surfaces: nothing lies between them


@dataclass(frozen=True, eq=False)
class Panorama:
    """What is known of everything around one place.

    Attributes:
        picture: ``(H, 2 H, C)``, any float values.
        distance: ``(H, 2 H)`` length of each pixel's ray, scene units; 0 = none.
        valid: bool ``(H, 2 H)``; False = no distance here (sky, hole), whatever ``distance`` says. None = where it is
            above 0. After construction it is always a tensor, and ``distance`` is 0 where it is False.

    Raises:
        MirageError: the picture is not twice as wide as high, sizes differ, distances are negative, NaN or infinite
            where they should be valid, or none is valid.
    """

    picture: Tensor
    distance: Tensor
    valid: Tensor | None = None

    def __post_init__(self):
        picture = check_shape("picture", self.picture, "(H, 2 H, C)", (None, None, None)).float()
        H, W, _ = picture.shape
        if H < 1 or W != 2 * H:
            raise MirageError(
                f"picture: must be equirectangular, twice as wide as high; got {W} x {H} pixels. Scale it to "
                f"{2 * H} x {H} if it shows all directions; if a part is missing at the top or bottom, pad it first."
            )
        distance = check_shape("distance", self.distance, "(H, 2 H)", (None, None)).float()
        if distance.shape != (H, W):
            raise MirageError(
                f"distance: must have the size of the picture, {W} x {H}; got {distance.shape[1]} x "
                f"{distance.shape[0]}. Estimate it on this picture, or scale it without smoothing."
            )
        valid = self.valid
        if valid is not None and check_shape("valid", valid, f"bool {(H, W)}", (H, W)).dtype != torch.bool:
            raise MirageError(f"valid: must be bool, True = a distance; got {describe(valid)}.")
        wanted = torch.ones_like(distance, dtype=torch.bool) if valid is None else valid
        bad = int((wanted & ~(torch.isfinite(distance) & (distance >= 0))).sum())
        if bad:
            raise MirageError(
                f"distance: must be finite and not negative where it is valid; {bad} of {distance.numel()} pixels are "
                "NaN, infinite or negative. Set them to 0, which is no distance."
            )
        valid = wanted & (distance > 0)
        if not bool(valid.any()):
            raise MirageError(f"distance: must be above 0 somewhere; got {describe(distance)} without a valid pixel.")
        object.__setattr__(self, "picture", picture)
        object.__setattr__(self, "distance", torch.where(valid, distance, 0.0))
        object.__setattr__(self, "valid", valid)

    def seen(self, cameras: Cameras, size: tuple[int, int]) -> tuple[Tensor, Geometry]:
        """What cameras at the panorama's place see: pictures ``(T, H', W', C)`` and their geometry.

        Where the panorama is finer than a view, each pixel is the mean over its own area. Depth is that of the pixel's
        centre: between four neighbours on one surface linear in 1/distance, exact for planes up to their curvature in
        the panorama; elsewhere that of the nearest pixel, so that no depth arises between two surfaces.

        Args:
            size: ``(H', W')`` of the views.

        Raises:
            MirageError: a camera stands elsewhere, or no view sees a valid distance.
        """
        size = check_size("size", size)
        if float(cameras.centers.abs().max()) > 0:
            raise MirageError("cameras: must stand where the panorama was taken, at the origin; one does not.")
        steps = self._steps(cameras, size)
        pictures, depths = [], []
        for view in range(len(cameras)):
            camera = cameras[[view]]
            parts = [self._colours(_rays(camera, size, place)[0]) for place in steps]
            pictures.append(torch.stack(parts).mean(dim=0))
            depths.append(self._depth(_rays(camera, size)[0]))
        return torch.stack(pictures), Geometry(torch.stack(depths), cameras)

    def flagged(self, flags: Tensor, cameras: Cameras, size: tuple[int, int]) -> Tensor:
        """What views see of a bool ``(H, 2 H)``, of the nearest pixel: bool ``(T, H', W')``."""
        check_shape("exclude", flags, f"bool {tuple(self.distance.shape)} like the picture", tuple(self.distance.shape))
        pixel, weight = _neighbours(_rays(cameras, size), len(flags))
        return flags.flatten()[pixel].gather(0, weight.argmax(dim=0, keepdim=True))[0]

    def _steps(self, cameras: Cameras, size: tuple[int, int]) -> list[tuple[float, float]]:
        """Places within a pixel of the views, so many that no pixel of the panorama is stepped over."""
        densest = 2 * len(self.distance) / (2.0 * math.pi)  # pixels per radian
        coarsest = float((cameras.K[:, [0, 1], [0, 1]] * cameras.K.new_tensor([size[1], size[0]])).min())
        count = max(1, math.ceil(densest / coarsest - 2.0**-5))  # equally fine ones are not to be told apart
        places = [(step + 0.5) / count for step in range(count)]
        return [(x, y) for y in places for x in places]

    def _colours(self, rays: Tensor) -> Tensor:
        """Colours ``(h, w, C)`` along rays ``(h, w, 3)``."""
        pixel, weight = _neighbours(rays, len(self.distance))
        return (self.picture.flatten(0, 1)[pixel] * weight[..., None]).sum(dim=0)

    def _depth(self, rays: Tensor) -> Tensor:
        """Depth ``(h, w)`` along rays ``(h, w, 3)`` of depth 1; 0 = none."""
        pixel, weight = _neighbours(rays, len(self.distance))
        around = self.distance.flatten()[pixel]  # (4, h, w)
        near, far = around.amin(dim=0), around.amax(dim=0)
        nearest = around.gather(0, weight.argmax(dim=0, keepdim=True))[0]
        one_surface = (near > 0) & (far <= near * (1.0 + EDGE))
        between = 1.0 / (weight / torch.where(one_surface, around, 1.0)).sum(dim=0)
        return torch.where(one_surface, between, nearest) / rays.norm(dim=-1)


def directions(height: int) -> Tensor:
    """Unit vectors ``(H, 2 H, 3)`` through the centres of the pixels of a panorama so many pixels high."""
    longitude = 2.0 * math.pi * ((torch.arange(2 * height) + 0.5) / (2 * height) - 0.5)
    latitude = (math.pi * (0.5 - (torch.arange(height) + 0.5) / height))[:, None]
    level = latitude.cos()
    return torch.stack([level * longitude.sin(), -latitude.sin().expand(-1, 2 * height), level * longitude.cos()], -1)


def _rays(cameras: Cameras, size: tuple[int, int], place: tuple[float, float] = (0.5, 0.5)) -> Tensor:
    """Rays of depth 1 through a place, 0..1, within each pixel: ``(T, h, w, 3)``, world frame."""
    (h, w), K = size, cameras.K.clone()
    K[:, 0, 2] -= (place[0] - 0.5) / w
    K[:, 1, 2] -= (place[1] - 0.5) / h
    return unprojected(K.new_ones(len(K), h, w), Cameras(cameras.cam2world, K), "center")


def _neighbours(rays: Tensor, height: int) -> tuple[Tensor, Tensor]:
    """The four pixels around each ray ``(..., 3)``, as numbers in row-major order, and their weights: ``(4, ...)``.

    Columns go on at the other side of the picture; beyond the first and last row lies that row itself, half a turn on.
    """
    x, y, z = rays.unbind(-1)
    width = 2 * height
    column = (torch.atan2(x, z) / (2.0 * math.pi) + 0.5) * width - 0.5
    row = (0.5 + torch.atan2(y, torch.hypot(x, z)) / math.pi) * height - 0.5
    left, top = column.floor(), row.floor()
    right, down = column - left, row - top
    weight = torch.stack([(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down])
    columns = torch.stack([left, left + 1, left, left + 1]).long()
    rows = torch.stack([top, top, top + 1, top + 1]).long()
    beyond = (rows < 0) | (rows >= height)
    rows = torch.where(rows < 0, -1 - rows, torch.where(rows >= height, 2 * height - 1 - rows, rows))
    columns = (columns + torch.where(beyond, height, 0)) % width
    return rows * width + columns, weight
