"""Depth, as ComfyUI's geometry models and depth pictures bring it, to ``Geometry``."""

import torch
from torch import Tensor

from ...mirage_core import Cameras, Geometry, MirageError
from ...mirage_core.panorama import Panorama

SKY_PROBABILITY = 0.5


def from_moge(packet: dict, cameras: Cameras | None, farthest: float = 0.0) -> Geometry:
    """A MOGE_GEOMETRY packet. Metric for MoGe-2, up to scale for MoGe-1.

    Args:
        cameras: poses and intrinsics of the frames, if known; else one frame, its camera at the world's origin with
            the field of view that MoGe found.
        farthest: scene units; what lies beyond has no geometry. 0 = no limit.

    Raises:
        MirageError: it is a panorama, has no depth, or holds several frames without cameras.
    """
    if "intrinsics" not in packet:
        raise MirageError(
            "moge_geometry: must be of a perspective picture; got a panorama, which has no intrinsics. Connect it to "
            "Panorama to Views instead."
        )
    depth = packet["depth"].float().cpu()
    valid = _valid(depth, farthest)
    if "mask" in packet:
        valid &= packet["mask"].bool().cpu()
    if cameras is None:
        _one_frame("moge_geometry", depth)
        cameras = Cameras(torch.eye(4).unsqueeze(0), packet["intrinsics"].float().cpu())
    return Geometry(depth, cameras, valid)


def from_depth_anything(packet: dict, cameras: Cameras | None, field_of_view: float, farthest: float = 0.0) -> Geometry:
    """A DA3_GEOMETRY packet; sky is left without geometry.

    Args:
        cameras: as ``from_moge``. A multi-view packet brings its own.
        field_of_view: horizontal, degrees; for a single picture, of which the model knows no intrinsics.
        farthest: as ``from_moge``.
    """
    depth = packet["depth"].float().cpu()
    valid = _valid(depth, farthest)
    if "sky" in packet:
        valid &= packet["sky"].cpu() < SKY_PROBABILITY
    if cameras is None and "extrinsics" in packet:
        cameras = _multiview_cameras(packet)
    if cameras is None:
        _one_frame("da3_geometry", depth)
        cameras = Cameras.at_origin(field_of_view, depth.shape[1:])
    return Geometry(depth, cameras, valid)


def from_depth_picture(
    picture: Tensor, cameras: Cameras | None, field_of_view: float, near: float | None, far: float
) -> Geometry:
    """A depth picture ``(B, H, W, 3)``, 0..1.

    Args:
        near, far: scene units. White is at ``near`` and black at ``far``, evenly spaced in 1/depth, as most depth
            models draw it. Without ``near`` depth is the value times ``far``, and black has no depth.

    Raises:
        MirageError: ``near`` is not below ``far``, or there are several frames without cameras.
    """
    depth = _lengths(picture, near, far)
    if cameras is None:
        _one_frame("depth", depth)
        cameras = Cameras.at_origin(field_of_view, depth.shape[1:])
    return Geometry(depth, cameras)


def from_moge_panorama(picture: Tensor, packet: dict, farthest: float = 0.0) -> Panorama:
    """A MOGE_GEOMETRY packet of Run MoGe Panorama Inference, up to scale. What MoGe masks (sky) has no distance.

    Its distances run along the rays, pixel by pixel of the picture, so that its own axes (z up, the centre at -x, right
    at y) do not matter.

    Args:
        picture: IMAGE ``(1, H, 2 H, 3)``.
        farthest: as ``from_moge``.

    Raises:
        MirageError: the packet is of a perspective picture, or does not fit the picture.
    """
    if "intrinsics" in packet:
        raise MirageError(
            "moge_geometry: must be of a panorama; got that of a perspective picture. Connect Run MoGe Panorama "
            "Inference, or give the perspective picture to Scene Geometry."
        )
    distance = packet["depth"].float().cpu()  # (1, H, 2 H)
    valid = _valid(distance, farthest)
    if "mask" in packet:
        valid &= packet["mask"].bool().cpu()
    return _panorama(picture, distance, valid)


def from_distance_picture(picture: Tensor, distances: Tensor, near: float | None, far: float) -> Panorama:
    """A picture ``(B, H, 2 H, 3)`` of distances along the rays; ``near`` and ``far`` as of ``from_depth_picture``."""
    return _panorama(picture, _lengths(distances, near, far).cpu(), None)


def _panorama(picture: Tensor, distance: Tensor, valid: Tensor | None) -> Panorama:
    for name, batch in (("picture", picture), ("distance", distance)):
        if len(batch) != 1:
            raise MirageError(f"{name}: must be one panorama; got {len(batch)}. Take them one after the other.")
    return Panorama(picture[0, ..., :3].cpu(), distance[0], None if valid is None else valid[0])


def _lengths(picture: Tensor, near: float | None, far: float) -> Tensor:
    """Scene units ``(B, H, W)`` of a picture ``(B, H, W, 3)``, see ``from_depth_picture``."""
    value = picture[..., :3].float().mean(dim=-1)  # (B, H, W)
    if near is None:
        return value * far
    if not 0.0 < near < far:
        raise MirageError(f"near, far: near must be above 0 and below far; got near {near:g}, far {far:g}.")
    return 1.0 / (value * (1.0 / near - 1.0 / far) + 1.0 / far)


def _valid(depth: Tensor, farthest: float) -> Tensor:
    valid = torch.isfinite(depth) & (depth > 0)
    return valid & (depth <= farthest) if farthest > 0 else valid


def _multiview_cameras(packet: dict) -> Cameras:
    """Cameras of a multi-view packet: world-to-camera poses, and intrinsics in pixels of the resolution that the model
    worked at, which is not that of its depth; its principal point is that picture's centre."""
    world2cam = packet["extrinsics"][0].float().cpu()  # (S, 3, 4) or (S, 4, 4)
    square = torch.eye(4).repeat(len(world2cam), 1, 1)
    square[:, : world2cam.shape[1]] = world2cam
    K = packet["intrinsics"][0].float().cpu()  # (S, 3, 3)
    worked_at = torch.cat([2.0 * K[:, :2, 2], torch.ones(len(K), 1)], dim=1)  # (S, 3) width, height, 1
    return Cameras(torch.linalg.inv(square), K / worked_at.unsqueeze(2))


def _one_frame(name: str, depth: Tensor) -> None:
    if len(depth) != 1:
        raise MirageError(
            f"{name}: must be of one picture unless cameras are connected; got {len(depth)} frames. Connect the "
            "cameras of these frames: depth alone does not say where they were."
        )
