"""Lifting: latent tokens and geometry to points in the world."""

import torch
from einops import rearrange
from torch import Tensor

from .cameras import Cameras
from .conventions import MIN_DEPTH, TOKEN_ANCHORS, anchor_offset
from .errors import MirageError, check_choice, check_finite, check_number, check_shape, describe
from .geometry import Geometry, tokens_touched
from .points import LiftSource, PointBlock


def lift(
    latents: Tensor,
    geometry: Geometry,
    exclude: Tensor | None = None,
    pooling: str = "median",
    token_anchor: str = "center",
    frames: Tensor | None = None,
    edge: float | None = None,
) -> PointBlock:
    """Place every latent token of T frames in the world.

    Args:
        latents: ``(T, C, h, w)``, as ComfyUI hands them over, any float dtype.
        geometry: of the same T frames; its depth may be of any resolution not below the latent grid.
        exclude: bool, True = keep out of the memory (people, cars, sky): ``(T, h, w)`` of the tokens, or
            ``(T, H, W)`` at the depth's resolution. There a token goes if any of its pixels does; with "bilinear", as
            in the published code, if its corner pixel does.
        pooling: how depth is pooled to tokens, see ``Geometry.pooled``.
        token_anchor: "center", or "corner" for the published code's convention (conventions.py).
        frames: integers ``(T,)``, latent frame numbers to record; none = 0 .. T-1.
        edge: leave out tokens whose own depths differ by more than this share (``Geometry.edges``); none = keep them.

    Returns:
        World-frame points, frame by frame, in row-major cell order, on the device of ``latents``; tokens without depth
        are left out.

    Raises:
        MirageError: shapes or lengths differ, latents are not finite, an option is unknown, or no token is left.

    Source: arXiv 2606.09828, the lifting of latent tokens. Departs from the released code: depth is the median of the
    token's valid pixels rather than a bilinear sample, and the ray goes through the token's centre.
    """
    _check_arguments(latents, geometry, exclude, frames)
    check_choice("token_anchor", token_anchor, TOKEN_ANCHORS)
    T, _, h, w = latents.shape
    here = latents.device
    depth, share = (pooled.to(here) for pooled in geometry.pooled((h, w), pooling))  # (T, h, w) both
    cameras = geometry.cameras.to(here)
    keep = depth >= MIN_DEPTH  # bool (T, h, w)
    if edge is not None:
        keep &= ~geometry.edges((h, w), check_number("edge", edge, above=0.0)).to(here)
    if exclude is not None:
        keep &= ~_excluded_tokens(exclude, (h, w), corner=pooling == "bilinear").to(here)
    if not bool(keep.any()):
        raise MirageError(
            f"geometry: must give at least one of the {T} x {h} x {w} tokens a depth; none has one "
            f"({int(geometry.valid.sum())} valid pixels; a token needs half of its own). "
            "Check the depth, how far it reaches (farthest, in Python valid) and exclude."
        )
    view = keep.nonzero()[:, 0]  # int64 (N,)
    numbers = torch.arange(T) if frames is None else frames
    return PointBlock(
        xyz=unprojected(depth, cameras, token_anchor)[keep],
        features=rearrange(latents, "t c h w -> t h w c")[keep],
        footprint=(depth * _token_width(cameras, (h, w)))[keep],
        confidence=share[keep],
        frame=numbers.to(here)[view],
        source=LiftSource((h, w), token_anchor, view),
    )


def unprojected(depth: Tensor, cameras: Cameras, token_anchor: str) -> Tensor:
    """World points ``(T, h, w, 3)`` of pooled depth ``(T, h, w)``."""
    _, h, w = depth.shape
    K, cam2world = cameras.K, cameras.cam2world
    at = anchor_offset(token_anchor)
    columns = (torch.arange(w).to(depth) + at) / w  # (w,) of the picture
    rows = (torch.arange(h).to(depth) + at) / h  # (h,)
    x = (columns - K[:, None, 0, 2, None]) / K[:, None, 0, 0, None]  # (T, 1, w) ray per unit depth
    y = (rows[:, None] - K[:, None, 1, 2, None]) / K[:, None, 1, 1, None]  # (T, h, 1)
    camera_points = torch.stack([x * depth, y * depth, depth], dim=-1)  # (T, h, w, 3) camera frame
    rotation, center = cam2world[:, :3, :3], cam2world[:, :3, 3]
    return torch.einsum("tij,thwj->thwi", rotation, camera_points) + center[:, None, None, :]


def _token_width(cameras: Cameras, size: tuple[int, int]) -> Tensor:
    """Width of a token at depth 1, ``(T, 1, 1)``: geometric mean over both axes."""
    focal = cameras.K[:, 0, 0] * cameras.K[:, 1, 1]
    return (focal * size[0] * size[1]).rsqrt()[:, None, None]


def _excluded_tokens(exclude: Tensor, size: tuple[int, int], corner: bool) -> Tensor:
    (H, W), (h, w) = exclude.shape[1:], size
    if (H, W) == (h, w):
        return exclude
    if not corner:
        return tokens_touched(exclude, size)
    rows, columns = torch.arange(h) * H // h, torch.arange(w) * W // w
    return exclude[:, rows[:, None], columns]


def _check_arguments(latents: Tensor, geometry: Geometry, exclude: Tensor | None, frames: Tensor | None) -> None:
    check_shape("latents", latents, "(T, C, h, w)", (None, None, None, None))
    if not latents.is_floating_point() or 0 in latents.shape:
        raise MirageError(f"latents: must be floating point and not empty; got {describe(latents)}.")
    check_finite("latents", latents)
    if not isinstance(geometry, Geometry):
        raise MirageError(f"geometry: must be a Geometry; got {describe(geometry)}.")
    T = len(latents)
    if len(geometry) != T:
        hint = ""
        if len(geometry) > T > 1:
            hint = (
                " Give the depth of all frames that were encoded, and of no others (in Python "
                "geometry.at_latent_frames(spec.timing))."
            )
        raise MirageError(f"geometry: must have one frame per latent frame, {T}; got {len(geometry)}.{hint}")
    if exclude is not None:
        tokens, pixels = (T, *latents.shape[2:]), tuple(geometry.depth.shape)
        form = f"bool {pixels} like depth, or {tokens} like latents"
        sizes = tokens if isinstance(exclude, Tensor) and exclude.shape == tokens else pixels
        check_shape("exclude", exclude, form, sizes)
        if exclude.dtype != torch.bool:
            raise MirageError(f"exclude: must be bool, True = leave out; got {describe(exclude)}.")
    if frames is not None:
        check_shape("frames", frames, f"({T},), one number per latent frame", (T,))
        if frames.is_floating_point() or frames.dtype == torch.bool:
            raise MirageError(f"frames: must be whole numbers; got {describe(frames)}.")
