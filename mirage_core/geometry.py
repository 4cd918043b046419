"""Geometry: depth of a number of frames with their cameras, and its pooling to the token grid."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .cameras import Cameras
from .conventions import MIN_DEPTH
from .devices import check_one_device, working_device
from .errors import MirageError, check_choice, check_shape, check_size, describe
from .timing import Timing
from .values import derived

POOLINGS = ("median", "bilinear", "min")
MIN_VALID_SHARE = 0.5  # of a token's pixels: a token that mostly sees no surface has no place in 3D


@dataclass(frozen=True, eq=False)
class Geometry:
    """What is known of the shape of T frames.

    Attributes:
        depth: ``(T, H, W)`` z-depth, scene units; 0 = no depth.
        cameras: of the same T frames; they are brought to the device of ``depth``.
        valid: bool ``(T, H, W)``; False = no geometry here (sky, hole), whatever ``depth`` says. None = where depth is
            above 0. After construction it is always a tensor, and ``depth`` is 0 where it is False.

    Raises:
        MirageError: shapes or lengths differ; depth is negative, NaN or infinite where it should be valid; no pixel
            of any frame is valid.
    """

    depth: Tensor
    cameras: Cameras
    valid: Tensor | None = None

    def __post_init__(self):
        depth = check_shape("depth", self.depth, "(T, H, W)", (None, None, None)).float()
        if not isinstance(self.cameras, Cameras):
            raise MirageError(f"cameras: must be Cameras; got {describe(self.cameras)}.")
        if 0 in depth.shape:
            raise MirageError(f"depth: must not be empty; got {describe(depth)}.")
        if len(depth) != len(self.cameras):
            raise MirageError(
                f"depth, cameras: must be of the same frames; got {len(depth)} depth maps and "
                f"{len(self.cameras)} cameras."
            )
        valid = self.valid
        if valid is not None:
            check_shape("valid", valid, f"bool {tuple(depth.shape)} like depth", tuple(depth.shape))
            check_one_device(depth=depth, valid=valid)
            if valid.dtype != torch.bool:
                raise MirageError(f"valid: must be bool, True = geometry; got {describe(valid)}.")
        wanted = torch.ones_like(depth, dtype=torch.bool) if valid is None else valid
        bad = wanted & ~(torch.isfinite(depth) & (depth >= 0))
        if bool(bad.any()):
            raise MirageError(
                f"depth: must be finite and not negative where it is valid; {int(bad.sum())} of "
                f"{depth.numel()} pixels are NaN, infinite or negative. Set them to 0, which is no "
                "depth (in Python valid=False does, too)."
            )
        valid = wanted & (depth > 0)
        _check_some(depth, valid)
        object.__setattr__(self, "depth", torch.where(valid, depth, 0.0))
        object.__setattr__(self, "valid", valid)
        object.__setattr__(self, "cameras", self.cameras.to(depth.device))

    def __len__(self) -> int:
        return len(self.depth)

    def __getitem__(self, frames) -> "Geometry":
        """The geometry of some of its frames (a slice, or a list of places among them)."""
        frames = [frames] if isinstance(frames, int) else frames
        return self._part(self.cameras[frames], frames)

    @property
    def image_size(self) -> tuple[int, int]:
        return tuple(self.depth.shape[1:])

    @property
    def median_depth(self) -> float:
        """Median of the valid depths of all frames, scene units."""
        return float(self.depth[self.valid].median())

    def at_latent_frames(self, timing: Timing) -> "Geometry":
        """The video frames that latent frames stand at."""
        return self[list(timing.stands_at(len(self)))]

    def cropped(self, top: int, left: int, height: int, width: int) -> "Geometry":
        """A crop in pixels of this geometry's own picture; depth and cameras change together."""
        cameras = self.cameras.cropped(self.image_size, top, left, height, width)
        rows, columns = slice(top, top + height), slice(left, left + width)
        return self._part(cameras, (slice(None), rows, columns))

    def _part(self, cameras: Cameras, index) -> "Geometry":
        """The pixels of an index, which belong to ``cameras``."""
        depth, valid = self.depth[index], self.valid[index]
        _check_some(depth, valid)
        return derived(self, depth=depth, cameras=cameras, valid=valid)

    def cropped_to_tokens(self, size: tuple[int, int], spatial: int) -> "Geometry":
        """Crop to the part of the picture that a VAE encoded: the centre, in whole tokens of ``spatial`` pixels.

        The depth may be finer than that picture, by a whole factor: as for the first of two stages.

        Args:
            size: ``(h, w)`` of the latents.

        Raises:
            MirageError: a picture of this geometry's size does not encode to ``size``.
        """
        (H, W), (h, w) = self.image_size, check_size("size", size)
        token = self.pixels_of_token((h, w), spatial)
        if (H // token, W // token) != (h, w):
            raise MirageError(
                f"depth: must have the size of the picture that was encoded. Latents of {w} x {h} tokens of "
                f"{spatial} px come from about {w * spatial} x {h * spatial} pixels; got depth of {W} x {H}. "
                "Estimate depth on the picture that is encoded."
            )
        rows, columns = token_crop((H, W), token)
        return self.cropped(rows.start, columns.start, h * token, w * token)

    def pixels_of_token(self, size: tuple[int, int], spatial: int) -> int:
        """Pixels of the depth that one of ``(h, w)`` tokens is wide: ``spatial``, or a multiple where it is finer."""
        return spatial * max(1, min(n // (tokens * spatial) for n, tokens in zip(self.image_size, size, strict=True)))

    def pooled(self, size: tuple[int, int], pooling: str = "median") -> tuple[Tensor, Tensor]:
        """Pool depth over each token's own pixels.

        Args:
            size: ``(h, w)`` of the token grid, not finer than the depth.
            pooling: "median" of the valid pixels (the lower of the two middle ones: a depth that was observed, never
                a mean across an edge), "min" of the valid pixels, or "bilinear": the published code's sample at the
                token's centre, which averages the zeros of holes in.

        Returns:
            depth ``(T, h, w)`` scene units, 0 = none, and the share of each token's pixels that is valid ``(T, h, w)``.
            For "median" and "min" a token with less than half of its pixels valid has no depth.
        """
        h, w = _check_grid(size, self.image_size)
        check_choice("pooling", pooling, POOLINGS)
        pixels, valid = self._pixels((h, w)), self.valid.to(working_device(self.depth.device))
        share = token_pixels(valid, (h, w)).nanmean(dim=-1)
        if pooling == "bilinear":
            depth = F.interpolate(self.depth.unsqueeze(1), size=(h, w), mode="bilinear", align_corners=False).squeeze(1)
            return depth, share.to(depth.device)
        depth = pixels.nanmedian(dim=-1).values if pooling == "median" else pixels.nan_to_num(torch.inf).amin(dim=-1)
        depth = torch.where(share >= MIN_VALID_SHARE, depth, 0.0)
        return depth.to(self.depth.device), share.to(self.depth.device)

    def edges(self, size: tuple[int, int], tolerance: float) -> Tensor:
        """Tokens that straddle a depth edge: bool ``(T, h, w)``.

        A token does when its 90th depth percentile is more than ``tolerance`` beyond its 10th, as a share of the
        10th, so that a few stray pixels do not count.
        """
        h, w = _check_grid(size, self.image_size)
        pixels = self._pixels((h, w))
        ends = pixels.new_tensor([0.1, 0.9])
        near, far = torch.stack([frame.nanquantile(ends, dim=-1) for frame in pixels], dim=1)  # (2, T, h, w)
        straddles = far > near * (1.0 + tolerance)  # NaN, a token without depth, compares False
        return straddles.to(self.depth.device)

    def _pixels(self, size: tuple[int, int]) -> Tensor:
        """Valid depths of each token: ``(T, h, w, P)``, NaN = none, where they can be worked on."""
        depth = torch.where(self.valid, self.depth, torch.nan)
        return token_pixels(depth.to(working_device(depth.device)), size)


def token_crop(image_size: tuple[int, int], spatial: int) -> tuple[slice, slice]:
    """Rows and columns of a picture that a VAE encodes: the centre, in whole tokens of ``spatial`` pixels."""
    return tuple(slice(n % spatial // 2, n % spatial // 2 + n // spatial * spatial) for n in image_size)


def _check_some(depth: Tensor, valid: Tensor) -> None:
    if not bool(valid.any()):
        raise MirageError(f"depth: must be above 0 somewhere; got {describe(depth)} without a valid pixel.")


def depth_envelope(depth: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest and farthest depth of each cell and the eight around it: ``(h, w)`` both, infinite and 0 if none has one.

    Args:
        depth: ``(h, w)`` of one view, scene units; 0 or infinite = none.
    """
    known = (depth >= MIN_DEPTH) & torch.isfinite(depth)
    near = -F.max_pool2d(-torch.where(known, depth, torch.inf)[None, None], 3, stride=1, padding=1)[0, 0]
    far = F.max_pool2d(torch.where(known, depth, 0.0)[None, None], 3, stride=1, padding=1)[0, 0]
    return near, far


def token_pixels(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Gather each token's own pixels: ``(T, H, W)`` to float ``(T, h, w, P)``, padded with NaN.

    Pixel row ``p`` of H belongs to token row ``floor((p + 0.5) h / H)``, so H need not be a multiple of h.
    """
    rows, row_ok = _members(image.shape[1], size[0])  # int64 (h, a), bool (h, a)
    columns, column_ok = _members(image.shape[2], size[1])  # int64 (w, b), bool (w, b)
    picked = image.float()[:, rows[:, None, :, None], columns[None, :, None, :]]  # (T, h, w, a, b)
    inside = row_ok[:, None, :, None] & column_ok[None, :, None, :]
    return picked.masked_fill(~inside.to(image.device), torch.nan).flatten(-2)


def tokens_touched(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Tokens with any pixel in a mask ``(T, H, W)``: bool ``(T, h, w)``."""
    return token_pixels(mask, size).nan_to_num(0.0).amax(dim=-1) > 0


def token_mask_pixels(tokens: Tensor, image_size: tuple[int, int]) -> Tensor:
    """A mask, or other values, ``(h, w)`` of tokens as ``(H, W)`` of the pixels that ``token_pixels`` gathers."""
    (h, w), (H, W) = tokens.shape, image_size
    return tokens[_owners(H, h)[:, None], _owners(W, w)]


def _owners(pixels: int, tokens: int) -> Tensor:
    """The token of each pixel along an axis: int64."""
    return (2 * torch.arange(pixels) + 1) * tokens // (2 * pixels)


def _members(pixels: int, tokens: int) -> tuple[Tensor, Tensor]:
    owner = _owners(pixels, tokens)
    count = torch.bincount(owner, minlength=tokens)
    first = count.cumsum(0) - count
    slot = torch.arange(int(count.max()))
    inside = slot < count[:, None]
    return torch.where(inside, first[:, None] + slot, 0), inside


def _check_grid(size: tuple[int, int], image_size: tuple[int, int]) -> tuple[int, int]:
    h, w = check_size("size", size)
    if h > image_size[0] or w > image_size[1]:
        raise MirageError(
            f"depth: must be at least as fine as the {h} x {w} token grid; got {image_size[0]} x {image_size[1]} "
            "pixels (height x width)."
        )
    return h, w
