"""The walk: initialise, then for every chunk of the path read the memory, denoise, estimate depth, and update.

Free of ComfyUI: the denoiser and the estimator of depth are callables. Source: arXiv 2606.09828 and its released code.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .cameras import Cameras
from .chunks import CHUNK_FRAMES, Chunk, plan_chunks
from .errors import MirageError, check_number, check_shape
from .latent_path import LatentPath
from .memory import LatentMemory
from .readout import Read, Readout, splat
from .retrieval import MAX_REFERENCES, MIN_OVERLAP, VOXEL, Reference, joined, pick_references, seen_voxels
from .update import Estimate, UpdateSettings, ViewReport, write_views

PRECEDING = 2  # latent frames of context before the target: 8 video frames


@dataclass(frozen=True)
class WalkSettings:
    """How a walk is made.

    Attributes:
        chunk_frames: video frames that the model makes at once.
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
        check_number("voxel", self.voxel, above=0.0)


@dataclass(frozen=True, eq=False)
class ChunkRequest:
    """What a denoiser is given.

    Attributes:
        chunk: which part of the path.
        path: of this part, T latent frames.
        readout: what the memory shows them.
        first: ``(O, C, h, w)`` latent frames that it begins with: the start, or the last of the chunk before.
        preceding: ``(P, C, h, w)`` latent frames before ``first``, and what the memory showed when they were made.
        references: ``(R, C, h, w)`` past latent frames that saw the same.
        sound: of the chunks before.
    """

    chunk: Chunk
    path: LatentPath
    readout: Readout
    first: Tensor
    preceding: Tensor
    preceding_shown: Tensor
    references: Tensor
    sound: tuple[Tensor, ...] = ()


# -> (T, C, h, w), the first O frames as given; of a model with sound also what the chunk adds to it: (A, ...)
Denoise = Callable[[ChunkRequest], Tensor | tuple[Tensor, Tensor]]
EstimateDepth = Callable[[Tensor, Cameras, Readout], Estimate]  # latents (T, C, h, w) of a chunk -> of its T frames


@dataclass(frozen=True)
class ChunkReport:
    """One chunk in numbers."""

    number: int
    frames: tuple[int, int]  # the video frames it added, first and last
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
        shown: ``(M, C, h, w)`` what the memory had shown of the last latent frames when they were made.
        reports: one per finished chunk.
        sound: latents ``(A, ...)`` that each chunk added, time first; empty for a model without sound.
    """

    latents: Tensor
    memory: LatentMemory
    seen: tuple[Tensor, ...] = ()
    left_out: Tensor | None = None
    shown: Tensor | None = None
    reports: tuple[ChunkReport, ...] = ()
    sound: tuple[Tensor, ...] = ()

    @property
    def finished(self) -> int:
        """Chunks."""
        return len(self.reports)

    @property
    def held(self) -> int:
        """Latent frames that the next chunk has in common with what there is."""
        return self.memory.spec.timing.overlap if self.finished else len(self.latents)


def walk(
    state: WalkState,
    path: LatentPath,
    settings: WalkSettings,
    denoise: Denoise,
    estimate: EstimateDepth,
    *,
    read: Read = splat,
) -> Iterator[WalkState]:
    """Yield the state after every chunk that ``state`` lacks.

    Args:
        state: where to go on; a new walk has one latent frame and a memory with points.
        path: of the whole walk.
        read: how the memory is read.

    Raises:
        MirageError: the path ends within a latent frame, the start is not on its grid, or a callable returns latents
            or depth of another shape.
    """
    plan = plan_chunks(len(path.video), path.timing, settings.chunk_frames)
    state.memory.require_points()
    wanted = (None, state.memory.spec.channels, *path.grid)
    check_shape("latents", state.latents, "(N, C, h, w)", wanted)
    for chunk in plan[state.finished :]:
        state = next_state(state, chunk, path, settings, denoise, estimate, read=read)
        yield state


def next_state(
    state: WalkState,
    chunk: Chunk,
    path: LatentPath,
    settings: WalkSettings,
    denoise: Denoise,
    estimate: EstimateDepth,
    *,
    read: Read = splat,
) -> WalkState:
    """The state after one more chunk: read, denoise, estimate, align, filter, lift, insert."""
    watch = _Stopwatch()
    path = path.part(chunk.begin, chunk.stop)
    readout = read(state.memory, path.views, path.grid)
    references = _references(state, readout, settings)
    request = _request(state, chunk, path, readout, [one.position for one in references], settings.preceding)
    watch.lap("read")
    made = denoise(request)
    latents, *sound = made if isinstance(made, tuple) else (made,)
    if latents.shape != readout.latents.shape:
        raise MirageError(
            f"sampler (in Python denoise): must return {tuple(readout.latents.shape)}; got {tuple(latents.shape)}."
        )
    latents = latents.to(state.latents.device)
    watch.lap("denoise")
    estimated = estimate(latents, path.views, readout)
    watch.lap("estimate")
    memory, views, left_out, seen = _written(state, latents, estimated, path.views, settings, read)
    watch.lap("update")
    report = ChunkReport(
        number=chunk.number,
        frames=(chunk.start, chunk.stop - 1),
        known=float(readout.known.float().mean()),
        references=tuple((reference.position, reference.overlap) for reference in references),
        views=views,
        points=memory.num_points,
        nbytes=memory.nbytes,
        seconds=watch.seconds,
    )
    if chunk.number:
        latents = torch.cat([state.latents, latents[state.held :]])
        left_out = torch.cat([state.left_out, left_out])
    shown = readout.latents.to(latents.device)
    sound = (*state.sound, *(one.to(latents.device) for one in sound))
    return WalkState(latents, memory, state.seen + seen, left_out, shown, (*state.reports, report), sound)


def _references(state: WalkState, readout: Readout, settings: WalkSettings) -> tuple[Reference, ...]:
    """Past latent frames that saw what the next chunk is shown."""
    if not state.finished or not settings.references:
        return ()
    of_targets = joined(seen_voxels(state.memory, readout, settings.voxel))
    return pick_references(of_targets, state.seen, settings.references, settings.min_overlap)


def _request(
    state: WalkState, chunk: Chunk, path: LatentPath, readout: Readout, references: list[int], preceding: int
) -> ChunkRequest:
    last = len(state.latents) - state.held
    shown = state.latents[:0] if state.shown is None else state.shown[: -state.held]
    before = min(preceding, len(shown))
    return ChunkRequest(
        chunk=chunk,
        path=path,
        readout=readout,
        first=state.latents[last:],
        preceding=state.latents[last - before : last],
        preceding_shown=shown[len(shown) - before :],
        references=state.latents[references],
        sound=state.sound,
    )


def _written(
    state: WalkState, latents: Tensor, estimated: Estimate, views: Cameras, settings: WalkSettings, read: Read
) -> tuple[LatentMemory, tuple[ViewReport, ...], Tensor, tuple[Tensor, ...]]:
    """The memory with a chunk in it, what became of its views, tokens left out, and what the written ones see of it."""
    held = state.held if state.finished else 0  # latent frames of the chunk before are written already
    begin = len(state.latents) if state.finished else 0
    latents, views = latents[held:], views[held:]
    memory, reports, left_out = write_views(
        state.memory, latents, estimated.views(held), views, begin, settings.update, read=read
    )
    if settings.max_bytes:
        memory = memory.prune(settings.max_bytes)
    seen = seen_voxels(memory, read(memory, views, tuple(latents.shape[-2:])), settings.voxel)
    seen = tuple(one if not report.refused else one[:0] for one, report in zip(seen, reports, strict=True))
    return memory, reports, left_out.to(latents.device), seen


class _Stopwatch:
    def __init__(self):
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
