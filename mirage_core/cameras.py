"""Cameras: poses and normalised intrinsics of a number of views."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .devices import check_one_device, resolved
from .errors import MirageError, check_finite, check_number, check_shape, check_size, describe
from .splines import neighbours, pose_spline
from .values import derived

RIGID_TOLERANCE = 2.0**-8  # how far R^T R may be from the identity: text files carry three digits at worst
MAX_NORMALISED = 16.0  # a normalised focal length of 16 is a field of view of 3.6 degrees; more is pixels
MIN_PIXELS = 4.0  # a focal length below this many pixels is a normalised one


@dataclass(frozen=True, eq=False)
class Cameras:
    """T pinhole cameras, all on one device.

    Attributes:
        cam2world: ``(T, 4, 4)``, camera point to world point, OpenCV axes, scene units. Rigid: no scale, no mirror.
        K: ``(T, 3, 3)`` intrinsics normalised by the picture size (conventions.py), without skew. A single
            ``(3, 3)`` or ``(1, 3, 3)`` serves all views.

    Raises:
        MirageError: a shape is wrong, there is no camera, a matrix is not finite, not rigid or mirrored, or K is in
            pixels.
    """

    cam2world: Tensor
    K: Tensor
    _copy: "Cameras | None" = field(default=None, init=False, repr=False)  # on the CPU, of cameras that lie elsewhere

    def __post_init__(self):
        cam2world = check_shape("cam2world", self.cam2world, "(T, 4, 4)", (None, 4, 4)).float()
        _check_some(cam2world)
        K = _one_per_view(self.K, len(cam2world))
        check_one_device(cam2world=cam2world, K=K)
        on_cpu = derived(self, cam2world=cam2world.cpu(), K=K.cpu())
        _check_rigid(on_cpu.cam2world)
        _check_intrinsics(on_cpu.K)
        object.__setattr__(self, "cam2world", cam2world)
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "_copy", None if cam2world.device.type == "cpu" else on_cpu)

    @classmethod
    def from_pixels(cls, cam2world: Tensor, K_pixels: Tensor, image_size: tuple[int, int]) -> "Cameras":
        """Build cameras from intrinsics in pixels of a picture of ``image_size`` ``(H, W)``.

        Pixel coordinates are continuous: the picture spans ``0..W``, the first pixel's centre is at 0.5. Add 0.5 to
        the principal point of a K whose pixel centres lie on whole numbers (OpenCV calibration, most RGB-D sets).

        Raises:
            MirageError: as the constructor, or K is already normalised.
        """
        H, W = check_size("image_size", image_size)
        check_shape("cam2world", cam2world, "(T, 4, 4)", (None, 4, 4))
        K = _one_per_view(K_pixels, len(cam2world))
        focal = float(K.diagonal(dim1=1, dim2=2)[:, :2].abs().max()) if len(K) else 0.0
        if focal < MIN_PIXELS < min(H, W):
            raise MirageError(
                f"K_pixels: must be in pixels of a {W} x {H} picture; got a focal length of "
                f"{focal:g}, which looks normalised already. Take it as it is (in Python Cameras(cam2world, K))."
            )
        return cls(cam2world, K / K.new_tensor([W, H, 1.0]).view(1, 3, 1))

    def __len__(self) -> int:
        return len(self.cam2world)

    def __getitem__(self, views: int | slice | Sequence[int] | Tensor) -> "Cameras":
        views = [views] if isinstance(views, int) else views
        cam2world = check_shape("cam2world", self.cam2world[views], "(T, 4, 4)", (None, 4, 4))
        _check_some(cam2world)
        copy = self._copy and self._copy[views.cpu() if isinstance(views, Tensor) else views]
        return derived(self, cam2world=cam2world, K=self.K[views], _copy=copy)

    @property
    def centers(self) -> Tensor:
        """``(T, 3)`` camera positions in the world, scene units."""
        return self.cam2world[:, :3, 3]

    def pixels_K(self, image_size: tuple[int, int]) -> Tensor:
        """``(T, 3, 3)`` intrinsics in continuous pixels of a picture of ``image_size`` ``(H, W)``."""
        H, W = check_size("image_size", image_size)
        return self.K * self.K.new_tensor([W, H, 1.0]).view(1, 3, 1)

    @property
    def device(self) -> torch.device:
        return self.cam2world.device

    def to(self, device: torch.device | str) -> "Cameras":
        """The cameras on another device; they keep their numbers on the CPU as well."""
        place = resolved(device)
        if self.device == place:
            return self
        if place.type == "cpu":
            return self.on_cpu
        return derived(self, cam2world=self.cam2world.to(place), K=self.K.to(place), _copy=self.on_cpu)

    @property
    def on_cpu(self) -> "Cameras":
        """The same cameras on the CPU, without waiting for the device on which they lie."""
        return self._copy or self

    def cropped(self, image_size: tuple[int, int], top: int, left: int, height: int, width: int) -> "Cameras":
        """The cameras of a crop, in pixels, of a picture of ``image_size`` ``(H, W)``. A resize leaves K as it is."""
        H, W = check_size("image_size", image_size)
        if top < 0 or left < 0 or height < 1 or width < 1 or top + height > H or left + width > W:
            raise MirageError(
                f"crop: must lie in the {W} x {H} picture; got {width} x {height} at left {left}, top {top}."
            )
        K = self.pixels_K((H, W))
        K[:, 0, 2] -= left
        K[:, 1, 2] -= top
        return Cameras(self.cam2world, K / K.new_tensor([width, height, 1.0]).view(1, 3, 1))

    def fitted(self, image_size: tuple[int, int]) -> "Cameras":
        """The same cameras for a picture of another shape, ``(H, W)``, with square pixels.

        The vertical field of view stays: a wider picture shows more at the sides.
        """
        H, W = check_size("image_size", image_size)
        K = self.K.clone()
        K[:, 0, 0] = K[:, 1, 1] * H / W
        return Cameras(self.cam2world, K)

    @classmethod
    def at_origin(cls, field_of_view: float, image_size: tuple[int, int]) -> "Cameras":
        """One camera at the world's origin, centred, square pixels.

        Args:
            field_of_view: horizontal, degrees.
            image_size: ``(H, W)`` pixels; only its shape matters.
        """
        H, W = check_size("image_size", image_size)
        if not 0.0 < check_number("field_of_view", field_of_view, above=0.0) < 180.0:
            raise MirageError(f"field_of_view: must be below 180 degrees; got {field_of_view!r}.")
        focal = 0.5 / math.tan(math.radians(field_of_view) / 2)
        K = torch.tensor([[focal, 0.0, 0.5], [0.0, focal * W / H, 0.5], [0.0, 0.0, 1.0]])
        return cls(torch.eye(4).unsqueeze(0), K)

    def relative_to(self, reference: "Cameras") -> "Cameras":
        """The same cameras in the frame of another, single one: ``reference`` becomes the origin of the world."""
        if len(reference) != 1:
            raise MirageError(f"reference: must be one camera; got {len(reference)}.")
        rotation, center = reference.cam2world[0, :3, :3].T, reference.centers[0]
        return self.transformed(rotation=rotation, translation=-(rotation @ center))

    def transformed(self, scale: float = 1.0, rotation: Tensor | None = None, translation: Tensor | None = None):
        """Move the cameras with a world that moves by ``x -> scale * rotation @ x + translation``.

        Args:
            rotation: ``(3, 3)``, none = identity.
            translation: ``(3,)`` scene units of the new world, none = zero.
        """
        scale, rotation, translation = check_similarity(scale, rotation, translation)
        cam2world = self.cam2world.clone()
        cam2world[:, :3, :3] = rotation.to(cam2world) @ self.cam2world[:, :3, :3]
        cam2world[:, :3, 3] = scale * self.centers @ rotation.to(cam2world).T + translation.to(cam2world)
        return Cameras(cam2world, self.K)

    def moved_to(self, start: "Cameras") -> "Cameras":
        """The whole path moved rigidly so that its first camera stands where ``start``, a single one, does."""
        local = self.relative_to(self[0])
        if len(start) != 1:
            raise MirageError(f"start: must be one camera; got {len(start)}.")
        return local.transformed(rotation=start.cam2world[0, :3, :3], translation=start.centers[0])

    def with_lens_of(self, start: "Cameras") -> "Cameras":
        """The same poses; the first camera has the K of ``start``, a single one, and the others zoom as they did."""
        if len(start) != 1:
            raise MirageError(f"start: must be one camera; got {len(start)}.")
        K = start.K.to(self.K).repeat(len(self), 1, 1)
        for axis in (0, 1):
            K[:, axis, axis] *= self.K[:, axis, axis] / self.K[0, axis, axis]
        return Cameras(self.cam2world, K)

    def resampled(self, frames: int) -> "Cameras":
        """As many cameras as asked for, evenly spread over a smooth path from the first to the last.

        Poses run along ``splines.pose_spline``, K linearly between neighbours.
        """
        if not isinstance(frames, int) or frames < 1:
            raise MirageError(f"frames: must be a whole number of at least 1; got {frames!r}.")
        times = torch.linspace(0.0, len(self) - 1, frames)
        cameras = self.on_cpu  # few numbers, and not every device has what a logarithm of rotations takes
        low, high, part = neighbours(times, len(self))
        K = torch.lerp(cameras.K[low], cameras.K[high], part.view(-1, 1, 1))
        return Cameras(pose_spline(cameras.cam2world, times).float(), K).to(self.device)

    @staticmethod
    def concatenated(parts: Sequence["Cameras"]) -> "Cameras":
        """All cameras of some parts in one world, part after part, on the device of the first: ``(T_1 + T_2 + ..)``."""
        copy = Cameras.concatenated([part.on_cpu for part in parts]) if parts[0]._copy else None
        parts = [part.to(parts[0].device) for part in parts]
        cam2world, K = torch.cat([p.cam2world for p in parts]), torch.cat([p.K for p in parts])
        return derived(parts[0], cam2world=cam2world, K=K, _copy=copy)


def check_start(start: Cameras, frames: int, scene_depth: float) -> None:
    """Raise MirageError unless a path of so many video frames can begin at ``start``.

    Args:
        scene_depth: scene units.
    """
    if not isinstance(start, Cameras) or len(start) != 1:
        raise MirageError(f"start: must be one camera; got {start!r}.")
    if not isinstance(frames, int) or frames < 1:
        raise MirageError(f"frames: must be a whole number of at least 1; got {frames!r}.")
    check_number("scene_depth", scene_depth, above=0.0)


def check_similarity(scale: float, rotation: Tensor | None, translation: Tensor | None):
    """Return scale, rotation ``(3, 3)`` and translation ``(3,)``, scene units of the new world, or raise MirageError.

    Args:
        rotation, translation: None = none.
    """
    check_number("scale", scale, above=0.0)
    rotation = torch.eye(3) if rotation is None else check_shape("rotation", rotation, "(3, 3)", (3, 3)).float()
    zero = torch.zeros(3)
    translation = zero if translation is None else check_shape("translation", translation, "(3,)", (3,)).float()
    check_finite("translation", translation)
    _check_rotation("rotation", rotation.unsqueeze(0))
    return float(scale), rotation, translation


def _check_some(cam2world: Tensor) -> None:
    if len(cam2world) == 0:
        raise MirageError(f"cam2world: must hold at least one camera; got {describe(cam2world)}.")


def _one_per_view(K: Tensor, views: int) -> Tensor:
    if isinstance(K, Tensor) and K.ndim == 2:
        K = K.unsqueeze(0)
    K = check_shape("K", K, "(T, 3, 3)", (None, 3, 3)).float()
    if len(K) not in (1, views):
        raise MirageError(f"K: must be ({views}, 3, 3) like cam2world, or (1, 3, 3); got {describe(K)}.")
    return K.expand(views, 3, 3)


def _check_rigid(cam2world: Tensor) -> None:
    check_finite("cam2world", cam2world)
    last = cam2world.new_tensor([0.0, 0.0, 0.0, 1.0])
    wrong = (cam2world[:, 3] - last).abs().amax(dim=1) > RIGID_TOLERANCE
    if bool(wrong.any()):
        view = int(wrong.nonzero()[0, 0])
        hint = " It looks transposed." if float(cam2world[view, :3, 3].abs().max()) < RIGID_TOLERANCE else ""
        raise MirageError(
            f"cam2world: must have the last row 0 0 0 1; view {view} has {cam2world[view, 3].tolist()}.{hint}"
        )
    _check_rotation("cam2world", cam2world[:, :3, :3])


def _check_rotation(name: str, rotation: Tensor) -> None:
    check_finite(name, rotation)
    rotation = rotation.cpu()  # few numbers; not every device has determinants
    error = (rotation.mT @ rotation - torch.eye(3).to(rotation)).abs().amax(dim=(1, 2))  # (T,)
    determinant = torch.linalg.det(rotation)
    if bool((error > RIGID_TOLERANCE).any()):
        view = int(error.argmax())
        raise MirageError(
            f"{name}: must hold a rotation (orthonormal columns); view {view} has column lengths "
            f"{[round(float(n), 4) for n in rotation[view].norm(dim=0)]} and determinant "
            f"{float(determinant[view]):.4g}. Remove the scale, or check that it is not singular."
        )
    if bool((determinant < 0).any()):
        raise MirageError(
            f"{name}: must be a rotation; view {int(determinant.argmin())} is mirrored (determinant -1). "
            "Flip one axis: OpenCV cameras are x right, y down, z forward."
        )


def _check_intrinsics(K: Tensor) -> None:
    check_finite("K", K)
    focal = K.diagonal(dim1=1, dim2=2)[:, :2]  # (T, 2)
    if float(focal.min()) <= 0:
        raise MirageError(f"K: must have positive focal lengths; got {focal[focal.amin(dim=1).argmin()].tolist()}.")
    rest = K - torch.diag_embed(K.diagonal(dim1=1, dim2=2))
    rest[:, :2, 2] = 0
    if float(rest.abs().max()) > 0 or float((K[:, 2, 2] - 1).abs().max()) > 0:
        raise MirageError(f"K: must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]; got {K[0].tolist()}.")
    if float(K[:, :2].abs().max()) > MAX_NORMALISED:
        raise MirageError(
            f"K: must be normalised by the picture size (focal length about 0.3 to 4, centre about 0.5); "
            f"got fx {float(K[0, 0, 0]):g}, cx {float(K[0, 0, 2]):g}, which are pixels. "
            "Divide it by the picture's width and height (in Python Cameras.from_pixels(cam2world, K, (H, W)))."
        )
