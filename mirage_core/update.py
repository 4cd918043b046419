"""Writing what was made to the memory: depth is brought to the memory's, and what does not fit stays out.

Departs from the released code of arXiv 2606.09828, which writes estimated depth as it comes: there, one view of another
scale is enough to double every wall.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .alignment import FITS, TOLERANCE, aligned, contradictions, fit_depth
from .cameras import Cameras
from .conventions import MIN_DEPTH
from .errors import MirageError, check_choice, check_number
from .geometry import Geometry, token_mask_pixels, tokens_touched
from .lifting import lift
from .memory import POLICIES, LatentMemory
from .readout import Read, splat

UNALIGNED = "none"
NO_DEPTH = "no depth"


@dataclass(frozen=True)
class UpdateSettings:
    """How views are written.

    Attributes:
        policy: one of ``POLICIES``.
        fit: how estimated depth is brought to the memory's: one of ``FITS``, or "none".
        max_residual: views whose depth still differs more from the memory's, in the median, are not written.
        tolerance: tokens that differ more from the memory's depth are not written.
    """

    policy: str = "fill"
    fit: str = "scale"
    max_residual: float = 0.1
    tolerance: float = TOLERANCE

    def __post_init__(self):
        check_choice("policy", self.policy, POLICIES)
        check_choice("fit", self.fit, (*FITS, UNALIGNED))
        for name in ("max_residual", "tolerance"):
            check_number(name, getattr(self, name), above=0.0)


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimated shape of some views: depth ``(T, H, W)`` up to scale (0 or not finite = none), and what to leave out.

    ``exclude`` names reasons, each with a bool ``(T, H, W)``: True = keep out of the memory.
    """

    depth: Tensor
    exclude: dict[str, Tensor] = field(default_factory=dict)

    def views(self, start: int, stop: int | None = None) -> "Estimate":
        """Of the views ``start`` to ``stop`` - 1."""
        exclude = {name: mask[start:stop] for name, mask in self.exclude.items()}
        return Estimate(self.depth[start:stop], exclude)


@dataclass(frozen=True)
class ViewReport:
    """What became of one latent frame when it was written.

    ``refused`` says why it was not, empty if it was. ``excluded`` counts tokens by reason.
    """

    frame: int
    refused: str = ""
    scale: float = 1.0
    residual: float = 0.0
    compared: int = 0
    excluded: dict[str, int] = field(default_factory=dict)


def write_views(
    memory: LatentMemory,
    latents: Tensor,
    estimated: Estimate,
    cameras: Cameras,
    first: int,
    settings: UpdateSettings,
    *,
    read: Read = splat,
) -> tuple[LatentMemory, tuple[ViewReport, ...], Tensor]:
    """Write some views to the memory, one after the other, so that each is aligned to those before it.

    Of a format in clips, views of a single video frame come first: what moves is sharpest in them.

    Args:
        latents: ``(T, C, h, w)``.
        first: latent frame number of the first view.
        read: how the memory is read.

    Returns:
        The memory, what became of each view, and the tokens that were left out for a reason: bool ``(T, h, w)``, all
        of a view that was refused. Every other token is written, or explained by what was there before.
    """
    timing, reports, left_out = memory.spec.timing, {}, {}
    for t in sorted(range(len(latents)), key=lambda t: not timing.spans_one(first + t)):
        one = estimated.views(t, t + 1)
        seen = depth_shown(memory, cameras[[t]], tuple(latents.shape[-2:]), read)  # (1, h, w)
        fitted, report, excluded = _fitted(one, cameras[[t]], seen[0], first + t, settings)
        if fitted is not None:
            block = lift(latents[t : t + 1], fitted, exclude=excluded[None], frames=torch.tensor([first + t]))
            memory = memory.insert(block, settings.policy, cameras=cameras[[t]], shown=seen)
        reports[t], left_out[t] = report, excluded
    views = range(len(latents))
    return memory, tuple(reports[t] for t in views), torch.stack([left_out[t] for t in views])


def depth_shown(memory: LatentMemory, cameras: Cameras, size: tuple[int, int], read: Read = splat) -> Tensor:
    """Depth ``(T, h, w)`` of what a memory, which may be empty, shows some cameras; 0 = none."""
    return read(memory, cameras, size).depth if memory.num_points else torch.zeros(len(cameras), *size)


def aligned_to_memory(
    geometry: Geometry,
    memory: LatentMemory,
    size: tuple[int, int],
    settings: UpdateSettings,
    *,
    read: Read = splat,
) -> tuple[Geometry, tuple[ViewReport, ...]]:
    """Geometry brought to the memory's depth, each frame by itself; what contradicts the memory becomes invalid.

    Args:
        size: ``(h, w)`` token grid on which depths are compared.
        read: how the memory is read.

    Raises:
        MirageError: no frame fits the memory.
    """
    depths, reports = [], []
    for t in range(len(geometry)):
        depth, camera = geometry.depth[t : t + 1], geometry.cameras[[t]]
        seen = read(memory, camera, size).depth[0]
        fitted, report, excluded = _fitted(Estimate(depth), camera, seen, t, settings)
        reports.append(report)
        if fitted is None:
            depths.append(torch.zeros_like(depth))
        else:
            depths.append(torch.where(token_mask_pixels(excluded, geometry.image_size), 0.0, fitted.depth))
    if all(report.refused for report in reports):
        reasons = ", ".join(sorted({report.refused for report in reports}))
        raise MirageError(f"geometry: must have a frame that fits the memory; none of {len(reports)} does: {reasons}.")
    return Geometry(torch.cat(depths), geometry.cameras), tuple(reports)


def _fitted(
    estimated: Estimate, camera: Cameras, seen: Tensor, frame: int, settings: UpdateSettings
) -> tuple[Geometry | None, ViewReport, Tensor]:
    """One view brought to the memory's depth (None: refused), its report, and tokens to leave out: bool ``(h, w)``.

    Args:
        seen: ``(h, w)`` depth that the memory shows the view, 0 = none.
    """
    depth, size = estimated.depth, tuple(seen.shape)
    seen = seen.to(depth.device)
    report, everything = ViewReport(frame), torch.ones_like(seen, dtype=torch.bool)

    def refused(why: str) -> tuple[None, ViewReport, Tensor]:
        return None, replace(report, refused=why), everything

    valid = torch.isfinite(depth) & (depth > 0)
    if not bool(valid.any()):
        return refused(NO_DEPTH)
    geometry = Geometry(torch.where(valid, depth, 0.0), camera)
    if settings.fit != UNALIGNED:
        fit = fit_depth(geometry.pooled(size)[0][0], seen, settings.fit)
        if fit is None:
            return refused("too little in common with the memory")
        report = replace(report, scale=fit.scale, residual=fit.residual, compared=fit.compared)
        if fit.residual > settings.max_residual:
            return refused("depth does not fit the memory")
        if not bool((fit.applied(geometry.depth) >= MIN_DEPTH).any()):
            return refused(NO_DEPTH)
        geometry = aligned(geometry, fit)
    pooled = geometry.pooled(size)[0][0]  # (h, w)
    reasons = {name: tokens_touched(mask, size)[0].to(seen.device) for name, mask in estimated.exclude.items()}
    reasons["contradiction"] = contradictions(pooled, seen, settings.tolerance)
    named = torch.stack(list(reasons.values())).any(dim=0)  # bool (h, w)
    reasons[NO_DEPTH] = (pooled < MIN_DEPTH) & ~named
    excluded = named | reasons[NO_DEPTH]
    report = replace(report, excluded={name: int(mask.sum()) for name, mask in reasons.items() if bool(mask.any())})
    if bool(excluded.all()):
        return refused("every token is left out")
    return geometry, report, excluded
