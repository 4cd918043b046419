"""The walk: initialise, then for every chunk of the path read the memory, denoise, estimate depth, and update.

Host-free: the denoiser and the estimator of depth are callables. Source: arXiv 2606.09828 and its released code.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .cameras import Cameras
from .chunks import CHUNK_FRAMES, Chunk, plan_chunks
from .errors import MirageError, check_number, check_shape
from .memory import LatentMemory
from .readout import Read, Readout, splat
from .retrieval import MAX_REFERENCES, MIN_OVERLAP, VOXEL, Reference, joined, pick_references, seen_voxels
from .update import Estimate, UpdateSettings, ViewReport, write_views

PRECEDING = 2  # latent frames of context before the target: 8 pixel frames


@dataclass(frozen=True)
class WalkSettings:
    """How a walk is made.

    Attributes:
        chunk_frames: pixel frames that the model makes at once.
        preceding: latent frames before a chunk that it is given as context.
        references: past latent frames at most that it is given because they saw the same.
        min_overlap, voxel: of references, see retrieval.py.
        update: how what was made is written.
        max_bytes: the memory is pruned to this after every chunk; 0 = no limit.
    """

    chunk_frames: int = CHUNK_FRAMES
    preceding: int = PRECEDING
    references: int = MAX_REFERENCES
    min_overlap: float = MIN_OVERLAP
    voxel: float = VOXEL
    update: UpdateSettings = field(default_factory=UpdateSettings)
    max_bytes: int = 0

    def __post_init__(self):
        check_number("walk", "voxel", self.voxel, above=0.0)


@dataclass(frozen=True, eq=False)
class ChunkRequest:
    """What a denoiser is given.

    Attributes:
        chunk: which part of the path.
        cameras: of its T latent frames.
        readout: what the memory shows them.
        first: ``(1, C, h, w)`` the latent frame that the chunk begins with.
        preceding: ``(P, C, h, w)`` latent frames before ``first``, and what the memory showed when they were made.
        references: ``(R, C, h, w)`` past latent frames that saw the same.
    """

    chunk: Chunk
    cameras: Cameras
    readout: Readout
    first: Tensor
    preceding: Tensor
    preceding_scene: Tensor
    references: Tensor


Denoise = Callable[[ChunkRequest], Tensor]  # -> (T, C, h, w), the first frame as given
EstimateDepth = Callable[[Tensor, Cameras, Readout], Estimate]  # latents (T, C, h, w) of a chunk -> of its T frames


@dataclass(frozen=True)
class ChunkReport:
    """One chunk in numbers."""

    number: int
    frames: tuple[int, int]  # the pixel frames it added, first and last
    known: float  # share of its tokens that the memory knew beforehand
    references: tuple[tuple[int, float], ...]  # latent frame, overlap
    views: tuple[ViewReport, ...]
    points: int  # afterwards
    nbytes: int
    seconds: dict[str, float]


@dataclass(frozen=True, eq=False)
class WalkState:
    """A walk after some chunks. Never changed in place.

    Attributes:
        latents: ``(N, C, h, w)`` all latent frames so far; before the first chunk the start frame alone.
        memory: as it is now.
        seen: what each latent frame saw, voxel sets; empty where the frame was not written.
        left_out: bool ``(N, h, w)`` tokens that were not written, for one of the reasons that the reports count.
        scene: ``(M, C, h, w)`` what the memory had shown of the last latent frames when they were made.
        reports: one per finished chunk.
    """

    latents: Tensor
    memory: LatentMemory
    seen: tuple[Tensor, ...] = ()
    left_out: Tensor | None = None
    scene: Tensor | None = None
    reports: tuple[ChunkReport, ...] = ()

    @property
    def finished(self) -> int:
        """Chunks."""
        return len(self.reports)


def walk(
    state: WalkState,
    cameras: Cameras,
    settings: WalkSettings,
    denoise: Denoise,
    estimate: EstimateDepth,
    *,
    read: Read = splat,
) -> Iterator[WalkState]:
    """Yield the state after every chunk that ``state`` lacks.

    Args:
        state: where to go on; a new walk has one latent frame and a memory with points.
        cameras: one per pixel frame of the whole path.
        read: how the memory is read.

    Raises:
        MirageError: the number of cameras fits no video, the start is not one frame, or a callable returns latents or
            depth of another shape.
    """
    plan = plan_chunks(len(cameras), state.memory.spec.temporal, settings.chunk_frames)
    state.memory.require_points("walk")
    check_shape("walk", "latents", state.latents, "(N, C, h, w)", (None, state.memory.spec.channels, None, None))
    for chunk in plan[state.finished :]:
        state = next_state(state, chunk, cameras, settings, denoise, estimate, read=read)
        yield state


def next_state(
    state: WalkState,
    chunk: Chunk,
    cameras: Cameras,
    settings: WalkSettings,
    denoise: Denoise,
    estimate: EstimateDepth,
    *,
    read: Read = splat,
) -> WalkState:
    """The state after one more chunk: read, denoise, estimate, align, filter, lift, insert."""
    watch = _Stopwatch()
    views = cameras[list(chunk.poses(state.memory.spec.temporal))]
    request, references = _request(state, chunk, views, settings, read)
    watch.lap("read")
    latents = denoise(request)
    if latents.shape != request.readout.latents.shape:
        raise MirageError(
            f"walk: the sampler (in Python denoise) must return {tuple(request.readout.latents.shape)}; got "
            f"{tuple(latents.shape)}."
        )
    latents = latents.to(state.latents.device)
    watch.lap("denoise")
    estimated = estimate(latents, views, request.readout)
    watch.lap("estimate")
    held = 0 if chunk.number == 0 else 1  # the first latent frame is that of the chunk before, written already
    begin = 0 if chunk.number == 0 else len(state.latents)
    memory, reports, left_out = write_views(
        state.memory, latents[held:], estimated.views(held), views[held:], begin, settings.update, read=read
    )
    if settings.max_bytes:
        memory = memory.prune(settings.max_bytes)
    size = tuple(latents.shape[-2:])
    seen = seen_voxels(memory, views[held:], grid=size, voxel=settings.voxel, read=read)
    written = tuple(one if not report.refused else one[:0] for one, report in zip(seen, reports, strict=True))
    watch.lap("update")
    report = ChunkReport(
        number=chunk.number,
        frames=(chunk.start, chunk.stop - 1),
        known=float(request.readout.known.float().mean()),
        references=tuple((reference.position, reference.overlap) for reference in references),
        views=reports,
        points=memory.num_points,
        nbytes=memory.nbytes,
        seconds=watch.seconds,
    )
    left_out = left_out.to(latents.device)
    if chunk.number:
        latents, left_out = torch.cat([state.latents, latents[1:]]), torch.cat([state.left_out, left_out])
    seen = state.seen + written
    scene = request.readout.latents.to(latents.device)
    return WalkState(latents, memory, seen, left_out, scene, (*state.reports, report))


def _request(
    state: WalkState, chunk: Chunk, views: Cameras, settings: WalkSettings, read: Read
) -> tuple[ChunkRequest, tuple[Reference, ...]]:
    size = tuple(state.latents.shape[-2:])
    readout = read(state.memory, views, size)
    begins_walk = chunk.number == 0
    before = 0 if begins_walk else min(settings.preceding, len(state.latents) - 1, len(state.scene) - 1)
    references: tuple[Reference, ...] = ()
    if not begins_walk and settings.references:
        of_targets = joined(seen_voxels(state.memory, views, grid=size, voxel=settings.voxel, read=read))
        references = pick_references(of_targets, state.seen, settings.references, settings.min_overlap)
    last = len(state.latents) - 1
    request = ChunkRequest(
        chunk=chunk,
        cameras=views,
        readout=readout,
        first=state.latents[-1:],
        preceding=state.latents[last - before : last],
        preceding_scene=state.latents[:0] if begins_walk else state.scene[len(state.scene) - 1 - before : -1],
        references=state.latents[[reference.position for reference in references]],
    )
    return request, references


class _Stopwatch:
    def __init__(self):
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
