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
from .geometry import Geometry, token_pixels
from .lifting import lift
from .memory import POLICIES, LatentMemory
from .readout import splat

UNALIGNED = "none"


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
        check_choice("walk", "policy", self.policy, POLICIES)
        check_choice("walk", "fit", self.fit, (*FITS, UNALIGNED))
        for name in ("max_residual", "tolerance"):
            check_number("walk", name, getattr(self, name), above=0.0)


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
) -> tuple[LatentMemory, tuple[ViewReport, ...], Tensor]:
    """Write some views to the memory, one after the other, so that each is aligned to those before it.

    Args:
        latents: ``(T, C, h, w)``.
        first: latent frame number of the first view.

    Returns:
        The memory, what became of each view, and the tokens that were left out for a reason: bool ``(T, h, w)``, all
        of a view that was refused.
    """
    reports, left_out = [], []
    for t in range(len(latents)):
        one = estimated.views(t, t + 1)
        memory, report, excluded = _written(memory, latents[t : t + 1], one, cameras[[t]], first + t, settings)
        reports.append(report)
        left_out.append(excluded)
    return memory, tuple(reports), torch.stack(left_out)


def aligned_to_memory(
    geometry: Geometry, memory: LatentMemory, size: tuple[int, int], settings: UpdateSettings
) -> tuple[Geometry, tuple[ViewReport, ...]]:
    """Geometry brought to the memory's depth, each frame by itself; what contradicts the memory becomes invalid.

    Args:
        size: ``(h, w)`` token grid on which depths are compared.

    Raises:
        MirageError: no frame fits the memory.
    """
    depths, reports = [], []
    for t in range(len(geometry)):
        depth, camera = geometry.depth[t : t + 1], geometry.cameras[[t]]
        fitted, report, excluded = _fitted(depth, {}, camera, memory, t, size, settings)
        reports.append(report)
        if report.refused:
            depths.append(torch.zeros_like(geometry.depth[t : t + 1]))
        else:
            depths.append(torch.where(_pixels(excluded, geometry.image_size), 0.0, fitted.depth))
    if all(report.refused for report in reports):
        reasons = ", ".join(sorted({report.refused for report in reports}))
        raise MirageError(f"geometry: at least one frame must fit the memory; none of {len(reports)} does: {reasons}.")
    return Geometry(torch.cat(depths), geometry.cameras), tuple(reports)


def _written(
    memory: LatentMemory, latent: Tensor, estimated: Estimate, camera: Cameras, frame: int, settings: UpdateSettings
) -> tuple[LatentMemory, ViewReport, Tensor]:
    size = tuple(latent.shape[-2:])
    fitted, report, excluded = _fitted(estimated.depth, estimated.exclude, camera, memory, frame, size, settings)
    if fitted is None:
        return memory, report, excluded
    block = lift(latent, fitted, exclude=_pixels(excluded, fitted.image_size), frames=torch.tensor([frame]))
    return memory.insert(block, settings.policy, cameras=camera), report, excluded


def _fitted(
    depth: Tensor,
    exclude: dict[str, Tensor],
    camera: Cameras,
    memory: LatentMemory,
    frame: int,
    size: tuple[int, int],
    settings: UpdateSettings,
) -> tuple[Geometry | None, ViewReport, Tensor]:
    """One view brought to the memory's depth (None: refused), its report, and tokens to leave out: bool ``(h, w)``."""
    report, everything = ViewReport(frame), torch.ones(size, dtype=torch.bool)

    def refused(why: str) -> tuple[None, ViewReport, Tensor]:
        return None, replace(report, refused=why), everything

    valid = torch.isfinite(depth) & (depth > 0)
    if not bool(valid.any()):
        return refused("no depth")
    geometry = Geometry(torch.where(valid, depth, 0.0), camera)
    seen = splat(memory, camera, size).depth[0]
    if settings.fit != UNALIGNED:
        fit = fit_depth(geometry.pooled(size)[0][0], seen, settings.fit)
        if fit is None:
            return refused("too little in common with the memory")
        report = replace(report, scale=fit.scale, residual=fit.residual, compared=fit.compared)
        if fit.residual > settings.max_residual:
            return refused("depth does not fit the memory")
        if not bool((fit.applied(geometry.depth) >= MIN_DEPTH).any()):
            return refused("no depth")
        geometry = aligned(geometry, fit)
    pooled = geometry.pooled(size)[0][0]  # (h, w)
    reasons = {name: _tokens(mask, size) for name, mask in exclude.items()}
    reasons["contradiction"] = contradictions(pooled, seen, settings.tolerance)
    excluded = torch.stack(list(reasons.values())).any(dim=0)  # bool (h, w)
    report = replace(report, excluded={name: int(mask.sum()) for name, mask in reasons.items() if bool(mask.any())})
    if not bool(((pooled >= MIN_DEPTH) & ~excluded).any()):
        return refused("every token is left out")
    return geometry, report, excluded


def _tokens(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Tokens with any pixel in a mask ``(1, H, W)``: bool ``(h, w)``."""
    return (token_pixels(mask, size).nan_to_num(0.0).amax(dim=-1) > 0)[0]


def _pixels(tokens: Tensor, image_size: tuple[int, int]) -> Tensor:
    """A bool ``(h, w)`` of tokens as bool ``(1, H, W)`` of pixels."""
    (h, w), (H, W) = tokens.shape, image_size
    rows, columns = torch.arange(H) * h // H, torch.arange(W) * w // W
    return tokens[rows[:, None], columns][None]
