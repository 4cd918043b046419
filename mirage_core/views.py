"""Several views to a memory: pictures of one place, each with a depth that may be of a scale of its own.

Depth is first brought to one scale: to sparse points of a reconstruction where a view has enough of them, else to what
the views before it show of the same places, beginning with the view that has most in common with them. Then all views
are compared with each other, what moved is left out, and the rest is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .alignment import DepthFit, fit_depth
from .cameras import Cameras
from .errors import MirageError, check_shape
from .geometry import Geometry, tokens_touched
from .memory import LatentMemory
from .readout import Read, splat
from .seen_through import seen_through
from .sparse_points import SparsePoints
from .update import NO_DEPTH, UNALIGNED, Estimate, UpdateSettings, ViewReport, depth_shown, write_views

BY_POINTS, BY_MEMORY, AS_IT_IS = "sparse points", "the memory", "as it is"
SEEN_THROUGH = "seen through"
APART = "too little in common with the other views"
UNFITTING = {BY_POINTS: "depth does not fit the sparse points", BY_MEMORY: "depth does not fit that of the other views"}
ASKED = (0.25, 0.0625, 0.0)  # shares of a view's tokens that are compared: views with much in common come first
SAME_SHAPE = 2.0**-6  # of width over height


@dataclass(frozen=True)
class AlignedView:
    """How the depth of one view was brought to the common scale.

    Attributes:
        by: ``BY_POINTS``, ``BY_MEMORY`` or ``AS_IT_IS``.
        refused: why the view is not written, empty if it is.
        fit: None where depth was taken as it is, or too little could be compared.
    """

    by: str
    refused: str = ""
    fit: DepthFit | None = None


@dataclass(frozen=True, eq=False)
class WrittenViews:
    """A memory with several views.

    Attributes:
        geometry: of all of them, in the memory's scale; views that were refused have no depth.
        aligned, reports: one per view.
    """

    memory: LatentMemory
    geometry: Geometry
    aligned: tuple[AlignedView, ...]
    reports: tuple[ViewReport, ...]


def views_to_memory(
    memory: LatentMemory,
    latents: Tensor,
    estimated: Estimate,
    cameras: Cameras,
    settings: UpdateSettings,
    points: SparsePoints | None = None,
    *,
    still: bool = True,
    read: Read = splat,
) -> WrittenViews:
    """Write several views to a memory, in one scale, and without what moved.

    Args:
        memory: of the same world as ``cameras``; may be empty. Views are numbered on from its last latent frame.
        latents: ``(T, C, h, w)``, one latent frame per view.
        estimated: of the same T views. With neither sparse points nor a memory one view gives the scale: its depth
            must have the unit of the cameras. It is the first, or where less than half of the views fit it, another.
        points: what the cameras see of sparse points; None = there are none.
        still: leave out tokens that other views see through.
        read: how the memory is read.

    Raises:
        MirageError: numbers or shapes differ, or no view can be written.
    """
    T, _, h, w = check_shape("latents", latents, "(T, C, h, w)", (None,) * 4).shape
    _check_numbers(T, estimated, cameras, points)
    estimated = Estimate(usable(estimated.depth), estimated.exclude)
    writer = _Writer(latents, estimated, cameras, replace(settings, fit=UNALIGNED), _next_frame(memory), read)
    one = _aligned(_Alignment(writer, settings, memory), points)
    _require_some([view.refused for view in one.views.values()])
    gone = None
    if still:
        pooled = [Geometry(one.depths[t][None], cameras[[t]]).pooled((h, w))[0].cpu() for t in one.order]
        gone = torch.zeros(T, h, w, dtype=torch.bool)
        gone[one.order] = seen_through(torch.cat(pooled), cameras.on_cpu[one.order], settings.tolerance)
    reports = [ViewReport(writer.first + t, one.views[t].refused) for t in range(T)]
    for t in one.order:
        memory, reports[t] = writer.written(memory, t, one.depths[t], gone)
    _require_some([report.refused for report in reports])
    nothing = torch.zeros_like(estimated.depth[0])
    depth = torch.stack([nothing if reports[t].refused else one.depths[t] for t in range(T)])
    return WrittenViews(memory, Geometry(depth, cameras), tuple(one.views[t] for t in range(T)), tuple(reports))


def usable(depth: Tensor) -> Tensor:
    """Depth with 0 where it is not finite or not above 0."""
    return torch.where(torch.isfinite(depth) & (depth > 0), depth, 0.0).float()


@dataclass(frozen=True, eq=False)
class _Writer:
    """Writes one view after the other, with the depth that it is given."""

    latents: Tensor
    estimated: Estimate
    cameras: Cameras
    settings: UpdateSettings
    first: int
    read: Read

    @property
    def size(self) -> tuple[int, int]:
        """``(h, w)``."""
        return tuple(self.latents.shape[2:])

    def written(
        self, memory: LatentMemory, t: int, depth: Tensor, gone: Tensor | None = None
    ) -> tuple[LatentMemory, ViewReport]:
        """The memory with a view of depth ``(H, W)``, without the tokens ``gone``, bool ``(T, h, w)``."""
        exclude = dict(self.estimated.views(t, t + 1).exclude)
        if gone is not None:
            exclude[SEEN_THROUGH] = gone[t : t + 1]
        estimated, latents, camera = Estimate(depth[None], exclude), self.latents[t : t + 1], self.cameras[[t]]
        number = self.first + t
        memory, (report,), _ = write_views(memory, latents, estimated, camera, number, self.settings, read=self.read)
        return memory, report

    def fit_to(self, memory: LatentMemory, t: int, kind: str) -> DepthFit | None:
        """The fit of a view's depth to what a memory shows it; what is left out does not count."""
        camera, one = self.cameras[[t]], self.estimated.views(t, t + 1)
        depth = Geometry(one.depth, camera).pooled(self.size)[0]  # (1, h, w)
        for mask in one.exclude.values():
            depth = torch.where(tokens_touched(mask, self.size).to(depth.device), 0.0, depth)
        return fit_depth(depth[0], depth_shown(memory, camera, self.size, self.read)[0], kind)


@dataclass(eq=False)
class _Alignment:
    """Views that are brought to one scale, one after the other.

    Attributes:
        memory: what those so far show, moving things included.
        views: what became of each, by number.
        depths: ``(H, W)`` in the common scale, of those that fit.
        order: those that fit, as they came.
    """

    writer: _Writer
    settings: UpdateSettings
    memory: LatentMemory
    views: dict[int, AlignedView] = field(default_factory=dict)
    depths: dict[int, Tensor] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def copy(self) -> "_Alignment":
        return replace(self, views=dict(self.views), depths=dict(self.depths), order=list(self.order))

    def take(self, t: int, by: str, fit: DepthFit | None) -> bool:
        """Write a view for the others to be compared with, if its depth fits."""
        depth, why = self.writer.estimated.depth[t], ""
        if fit is not None:
            depth = usable(fit.applied(depth))
            why = UNFITTING[by] if fit.residual > self.settings.max_residual else ""
        if not why:
            memory, report = self.writer.written(self.memory, t, depth)
            why = report.refused
        self.views[t] = AlignedView(by, why, fit)
        if why:
            return False
        self.memory, self.depths[t] = memory, depth
        self.order.append(t)
        return True

    def anchor(self, t: int, points: SparsePoints) -> bool:
        """Take a view by its sparse points, if it has enough; whether it has."""
        one = self.writer.estimated.views(t, t + 1)
        depth = one.depth[0]
        for mask in one.exclude.values():
            depth = torch.where(mask[0].to(depth.device), 0.0, depth)
        fit = fit_depth(*points.beside(depth, self.writer.cameras.K[t], t), self.settings.fit)
        if fit is not None:
            self.take(t, BY_POINTS, fit)
        return fit is not None

    def join(self, waiting: Sequence[int]) -> None:
        """Take views by what those before them show, in the order of how much they have in common."""
        waiting, asked = list(waiting), 0
        while waiting and asked < len(ASKED):
            left = [t for t in waiting if not self._joins(t, ASKED[asked])]
            asked = 0 if len(left) < len(waiting) else asked + 1
            waiting = left

    def _joins(self, t: int, share: float) -> bool:
        fit = self.writer.fit_to(self.memory, t, self.settings.fit)
        h, w = self.writer.size
        if fit is None or fit.compared < share * h * w:
            self.views[t] = AlignedView(BY_MEMORY, APART, fit)
            return False
        return self.take(t, BY_MEMORY, fit)


def _aligned(start: _Alignment, points: SparsePoints | None) -> _Alignment:
    """All views in one scale, as far as they fit."""
    waiting = []
    for t in range(len(start.writer.latents)):
        if not bool((start.writer.estimated.depth[t] > 0).any()):
            start.views[t] = AlignedView(AS_IT_IS, NO_DEPTH)
        elif start.settings.fit == UNALIGNED:
            start.take(t, AS_IT_IS, None)
        elif points is None or not start.anchor(t, points):
            waiting.append(t)
    if start.memory.num_points:
        start.join(waiting)
        return start
    best, seeds = start, list(waiting)
    while seeds:  # with nothing to begin with, a view gives the scale
        tried = start.copy()
        tried.take(seeds[0], AS_IT_IS, None)
        tried.join([t for t in waiting if t != seeds[0]])
        best = max(best, tried, key=lambda one: len(one.order))
        seeds = [] if 2 * len(best.order) >= len(waiting) else [t for t in seeds[1:] if t not in tried.order]
    return best


def _next_frame(memory: LatentMemory) -> int:
    return max(memory.keyframes.frames, default=-1) + 1


def _require_some(refused: Sequence[str]) -> None:
    if all(refused):
        reasons = ", ".join(sorted(set(refused)))
        raise MirageError(
            f"pictures: at least one of the {len(refused)} must be written; none can be: {reasons}. Look at their "
            "depth and their cameras."
        )


def _check_numbers(T: int, estimated: Estimate, cameras: Cameras, points: SparsePoints | None) -> None:
    depth = check_shape("depth", estimated.depth, "(T, H, W)", (None, None, None))
    counts = {"depth maps": len(depth), "cameras": len(cameras)} | (
        {} if points is None else {"views with sparse points": len(points)}
    )
    if set(counts.values()) != {T}:
        came = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise MirageError(f"pictures, cameras, depth: must be of the same {T} views; got {came}.")


def of_the_middle(cameras: Cameras, image_size: tuple[int, int]) -> Cameras:
    """Cameras for pictures of another shape, ``(H, W)``, that were cut from the middle of those they were found in.

    Cameras whose pictures have that shape stay as they are. Pixels are taken as square.
    """
    H, W = image_size
    wider = (cameras.K[:, 1, 1] / cameras.K[:, 0, 0]).div(W / H)  # (T,) width over height, of theirs over of ours
    if bool(((wider - 1.0).abs() <= SAME_SHAPE).all()):
        return cameras
    K = cameras.K.clone()
    for axis, factor in ((0, wider), (1, 1.0 / wider)):
        cut = factor.clamp(min=1.0)  # of this axis only 1 / cut is left
        K[:, axis, axis] *= cut
        K[:, axis, 2] = 0.5 + (K[:, axis, 2] - 0.5) * cut
    return Cameras(cameras.cam2world, K)
