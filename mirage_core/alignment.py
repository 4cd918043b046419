"""Depth that agrees with the memory: estimated depth of a new view, brought to the scale of what is remembered.

Monocular depth is right up to a scale (metric models: nearly), or up to scale and shift of its inverse (relative
models: Ranftl et al., arXiv 1907.01341). Either is fitted per view, where view and memory both have a depth, with the
least sum of absolute errors: a third of the tokens may be plainly wrong.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from .conventions import MIN_DEPTH
from .errors import MirageError, check_choice, check_number, check_shape
from .geometry import Geometry, depth_envelope

FITS = ("scale", "scale and shift")
MIN_COMPARED = 16  # tokens: with fewer in common a fit says nothing
TOLERANCE = 0.25  # of depth: tokens that differ more from the memory, after the fit, contradict it
STEPS = 30  # of reweighted least squares
LEAST_ERROR = 1e-4  # of the median inverse depth: smaller errors count as this, so that weights stay finite


@dataclass(frozen=True)
class DepthFit:
    """How estimated depth becomes the memory's: ``1 / depth = shift + 1 / (scale * estimate)``.

    Attributes:
        scale: factor of the estimate.
        shift: of inverse depth, 1 / scene units; 0 when only a scale was fitted.
        residual: median of ``|depth / remembered - 1|`` after the fit.
        compared: tokens that were compared.
    """

    scale: float
    shift: float
    residual: float
    compared: int

    def applied(self, depth: Tensor) -> Tensor:
        """Depth of any shape, brought to the memory's; 0 stays 0, and 0 where it would lie behind infinity."""
        inverse = self.shift + 1.0 / (self.scale * depth.clamp(min=MIN_DEPTH))
        return torch.where((depth >= MIN_DEPTH) & (inverse > 0), 1.0 / inverse.clamp(min=1e-9), 0.0)


def fit_depth(estimate: Tensor, remembered: Tensor, kind: str = "scale") -> DepthFit | None:
    """Fit the estimated depth of one view to the remembered one.

    Args:
        estimate: ``(h, w)`` pooled to tokens, 0 = none.
        remembered: ``(h, w)`` of ``Readout.depth``, 0 = none.
        kind: "scale", or "scale and shift" of inverse depth.

    Returns:
        The fit, or None if fewer than ``MIN_COMPARED`` tokens have both depths.
    """
    check_choice("kind", kind, FITS)
    check_shape("remembered", remembered, f"{tuple(estimate.shape)} like estimate", estimate.shape)
    estimate, remembered = estimate.cpu(), remembered.cpu()  # few numbers, read one by one, in float64
    both = (estimate >= MIN_DEPTH) & (remembered >= MIN_DEPTH)
    compared = int(both.sum())
    if compared < MIN_COMPARED:
        return None
    x, y = 1.0 / estimate[both].double(), 1.0 / remembered[both].double()  # (M,) inverse depths
    factor, shift = float((y / x).median()), 0.0  # of equal weights, the scale with the least sum of absolute errors
    if kind == "scale and shift":
        factor, shift = _affine(x, y, factor)
    fit = DepthFit(1.0 / factor, shift, 0.0, compared)
    made = fit.applied(estimate[both].double())
    residual = float((made * y - 1.0).abs().median())
    return replace(fit, residual=residual)


def _affine(x: Tensor, y: Tensor, factor: float) -> tuple[float, float]:
    """``y = factor * x + shift`` with the least sum of absolute errors, by reweighted least squares; factor > 0."""
    best, shift = factor, 0.0
    least = LEAST_ERROR * float(y.median())
    for _ in range(STEPS):
        weight = 1.0 / (y - best * x - shift).abs().clamp(min=least)
        total = weight.sum()
        mean_x, mean_y = (weight * x).sum() / total, (weight * y).sum() / total
        spread = (weight * (x - mean_x).square()).sum()
        slope = float((weight * (x - mean_x) * (y - mean_y)).sum() / spread) if float(spread) > 0 else 0.0
        if slope <= 0:  # a wall straight ahead: all depths alike say nothing of a shift
            return factor, 0.0
        best, shift = slope, float(mean_y) - slope * float(mean_x)
    return best, shift


def aligned(geometry: Geometry, fit: DepthFit) -> Geometry:
    """The geometry with its depth brought to the memory's; pixels that the fit sends behind infinity become invalid."""
    depth = fit.applied(geometry.depth)
    return Geometry(depth, geometry.cameras, geometry.valid & (depth >= MIN_DEPTH))


def contradictions(depth: Tensor, remembered: Tensor, tolerance: float = TOLERANCE) -> Tensor:
    """Tokens of one view that lie clearly before or behind what the memory shows there: bool ``(h, w)``.

    A token agrees if its depth lies between the nearest and the farthest remembered depth of its cell and the eight
    around it, give or take the tolerance. Nothing contradicts where the memory knows nothing or the view has no depth.

    Args:
        depth, remembered: ``(h, w)``, 0 = none.
        tolerance: share of depth.
    """
    check_number("tolerance", tolerance, above=0.0)
    check_shape("remembered", remembered, f"{tuple(depth.shape)} like depth", depth.shape)
    remembered = remembered.to(depth.device)
    near, far = depth_envelope(remembered)
    agrees = (depth >= near * (1 - tolerance)) & (depth <= far * (1 + tolerance))
    return (remembered >= MIN_DEPTH) & (depth >= MIN_DEPTH) & ~agrees


def completed(depth: Tensor) -> Tensor:
    """Depth of one view with its holes filled smoothly: ``(h, w)``, known depths unchanged.

    Inverse depth in the holes is a mean of what surrounds them, from coarse to fine, so that surfaces go on.

    Args:
        depth: ``(h, w)``, 0 = none.

    Raises:
        MirageError: there is no depth at all.
    """
    known = depth >= MIN_DEPTH
    if not bool(known.any()):
        raise MirageError("depth: must be known somewhere; the memory shows nothing in this view.")
    inverse = torch.where(known, 1.0 / depth.clamp(min=MIN_DEPTH), 0.0)
    filled = _pulled_up(inverse[None, None], known[None, None].to(inverse))[0, 0]
    return torch.where(known, depth, 1.0 / filled)


def _pulled_up(values: Tensor, weights: Tensor) -> Tensor:
    """Fill ``(1, 1, h, w)`` where weights are 0: from a picture of half the size, which is filled the same way."""
    if bool((weights > 0).all()):
        return values
    h, w = values.shape[2:]
    padded_values, padded_weights = (F.pad(x, (0, w % 2, 0, h % 2)) for x in (values * weights, weights))
    share = F.avg_pool2d(padded_weights, 2)
    mean = F.avg_pool2d(padded_values, 2) / share.clamp(min=1e-12)
    coarse = _pulled_up(mean, (share > 0).to(share))
    smooth = F.interpolate(coarse, size=(h, w), mode="bilinear", align_corners=False)
    return torch.where(weights > 0, values, smooth)
