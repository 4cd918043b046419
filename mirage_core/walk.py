"""The walk: initialise, then for every chunk of the path read the memory, denoise, estimate depth, and update.

Free of ComfyUI: the denoiser and the estimator of depth are callables. Source: arXiv 2606.09828 and its released code.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .cameras import Cameras
from .chunks import CHUNK_FRAMES, Chunk, plan_chunks
from .colour_drift import ColourDrift, hold_colours
from .errors import MirageError, check_number
from .latent_frames import LatentFrames
from .latent_path import LatentPath
from .memory import LatentMemory
from .readout import Read, Readout, splat
from .retrieval import MAX_REFERENCES, MIN_OVERLAP, VOXEL, Reference, joined, pick_references, seen_voxels
from .still import Still
from .stopwatch import Stopwatch
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
        hold_colours: what a chunk gains in contrast and colour against the memory is taken out, see colour_drift.py.
    """

    chunk_frames: int = CHUNK_FRAMES
    preceding: int = PRECEDING
    references: int = MAX_REFERENCES
    min_overlap: float = MIN_OVERLAP
    voxel: float = VOXEL
    update: UpdateSettings = field(default_factory=UpdateSettings)
    max_bytes: int = 0
    hold_colours: bool = True

    def __post_init__(self):
        check_number("voxel", self.voxel, above=0.0)


@dataclass(frozen=True, eq=False)
class ChunkRequest:
    """What a denoiser is given.

    Attributes:
        chunk: which part of the path.
        path: of this part, T latent frames.
        readout: what the memory shows them.
        first: ``(O, C, h, w)`` latent frames that it begins with: of the start, and the last of the chunk before.
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
EstimateDepth = Callable[[Tensor, Cameras, Readout], Estimate]  # latents (A, C, h, w) that a chunk adds -> of these


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
    given: int = 0  # of the latent frames it added those that the start gave
    colours: ColourDrift | None = None  # what was taken out; None if that was not asked for, or all was given


@dataclass(frozen=True, eq=False)
class WalkState:
    """A walk after some chunks. Never changed in place.

    Attributes:
        frames: the N latent frames so far ``(C, h, w)``, and those of the start, from which a walk begins: one, or a
            whole clip, whose cameras the path begins with. Given as a tensor ``(N, C, h, w)``, or as they lie in files.
        memory: as it is now.
        seen: what each latent frame saw, voxel sets; empty where the frame was not written.
        left_out: bool ``(W, h, w)`` tokens that were not written, for one of the reasons that the reports count.
        shown: ``(M, C, h, w)`` what the memory had shown of the last latent frames when they were made.
        reports: one per finished chunk.
        sound: latents ``(A, ...)`` that each chunk added, time first; empty for a model without sound.
    """

    frames: LatentFrames
    memory: LatentMemory
    seen: tuple[Tensor, ...] = ()
    left_out: Tensor | None = None
    shown: Tensor | None = None
    reports: tuple[ChunkReport, ...] = ()
    sound: tuple[Tensor, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "frames", LatentFrames.of(self.frames))

    @property
    def latents(self) -> Tensor:
        """``(N, C, h, w)`` all latent frames, as one tensor in memory."""
        return self.frames[:]

    @property
    def finished(self) -> int:
        """Chunks."""
        return len(self.reports)

    @property
    def written(self) -> int:
        """Latent frames of the finished chunks."""
        return 0 if self.left_out is None else len(self.left_out)


Keep = Callable[[WalkState, WalkState], WalkState]  # the states before and after a chunk -> the latter, to go on with


def walk(
    state: WalkState,
    path: LatentPath,
    settings: WalkSettings,
    denoise: Denoise,
    estimate: EstimateDepth,
    *,
    read: Read = splat,
    keep: Keep = lambda before, after: after,
    still: Still | None = None,
) -> Iterator[WalkState]:
    """Yield the state after every chunk that ``state`` lacks.

    Args:
        state: where to go on; a new walk has the latent frames of its start, and a memory with points.
        path: of the whole walk.
        read: how the memory is read.
        keep: called after each chunk; it may save it, and give back a state whose frames lie in the file.
        still: how the VAE's latent frames of one and of several video frames differ, for ``hold_colours``.

    Raises:
        MirageError: the path ends within a latent frame, the start is not on its grid, or latents or depth are not.
    """
    plan = plan_chunks(len(path.video), path.timing, settings.chunk_frames)
    state.memory.require_points(settings.max_bytes)
    _check_start(state, path)
    for chunk in plan[state.finished :]:
        state = keep(state, next_state(state, chunk, path, settings, denoise, estimate, read=read, still=still))
        yield state


def _check_start(state: WalkState, path: LatentPath) -> None:
    wanted, frames = (state.memory.spec.channels, *path.grid), state.frames.shape
    if frames[1:] != wanted or not 1 <= frames[0] <= len(path):
        raise MirageError(
            f"frames: must be (N, C, h, w), 1 to {len(path)} frames of the path on its grid, {wanted}; got {frames}."
        )


def next_state(
    state: WalkState,
    chunk: Chunk,
    path: LatentPath,
    settings: WalkSettings,
    denoise: Denoise,
    estimate: EstimateDepth,
    *,
    read: Read = splat,
    still: Still | None = None,
) -> WalkState:
    """The state after one more chunk: read, denoise, hold the colours, estimate, align, filter, lift, insert."""
    watch = Stopwatch()
    begin, path = path.timing.latent_of(chunk.begin), path.part(chunk.begin, chunk.stop)
    held = state.written - begin  # latent frames of the chunk before
    readout = read(state.memory, path.views, path.grid)
    references = _references(state, readout, settings)
    request = _request(state, chunk, path, readout, [one.position for one in references], settings.preceding)
    watch.lap("read")
    latents, sound = _made(request, denoise)
    latents, colours = _coloured(state, request, latents, still) if settings.hold_colours else (latents, None)
    watch.lap("denoise")
    latents, views = latents[held:], path.views[held:]
    estimated = estimate(latents, views, readout.views(held))
    watch.lap("estimate")
    memory, reports, left_out, seen = _written(state, latents, estimated, views, settings, read)
    watch.lap("update")
    report = ChunkReport(
        number=chunk.number,
        frames=(chunk.start, chunk.stop - 1),
        known=float(readout.known.float().mean()),
        references=tuple((reference.position, reference.overlap) for reference in references),
        views=reports,
        points=memory.num_points,
        nbytes=memory.nbytes,
        seconds=watch.seconds,
        given=len(request.first) - held,
        colours=colours,
    )
    return WalkState(
        frames=state.frames.with_part(state.written, latents),
        memory=memory,
        seen=state.seen + seen,
        left_out=left_out if state.left_out is None else torch.cat([state.left_out, left_out]),
        shown=readout.latents[-settings.preceding - path.timing.overlap :].to(latents.device, copy=True),
        reports=(*state.reports, report),
        sound=state.sound + sound,
    )


def _references(state: WalkState, readout: Readout, settings: WalkSettings) -> tuple[Reference, ...]:
    """Past latent frames that saw what the next chunk is shown."""
    if not state.finished or not settings.references:
        return ()
    of_targets = joined(seen_voxels(state.memory, readout, settings.voxel))
    return pick_references(of_targets, state.seen, settings.references, settings.min_overlap)


def _request(
    state: WalkState, chunk: Chunk, path: LatentPath, readout: Readout, references: list[int], preceding: int
) -> ChunkRequest:
    begin = path.timing.latent_of(chunk.begin)
    shown = state.frames[:0] if state.shown is None else state.shown[: begin - state.written]
    before = min(preceding, len(shown))
    return ChunkRequest(
        chunk=chunk,
        path=path,
        readout=readout,
        first=state.frames[begin : begin + len(path)],
        preceding=state.frames[begin - before : begin],
        preceding_shown=shown[len(shown) - before :],
        references=state.frames[references],
        sound=state.sound,
    )


def _made(request: ChunkRequest, denoise: Denoise) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Latents of a chunk, and the sound that it adds, if any. What lies within the start is there already."""
    if len(request.first) == len(request.path):
        return request.first, ()
    made = denoise(request)
    latents, *sound = made if isinstance(made, tuple) else (made,)
    if latents.shape != request.readout.latents.shape:
        raise MirageError(
            f"sampler (in Python denoise): must return {tuple(request.readout.latents.shape)}; "
            f"got {tuple(latents.shape)}."
        )
    device = request.first.device
    return latents.to(device), tuple(one.to(device) for one in sound)


def _coloured(
    state: WalkState, request: ChunkRequest, latents: Tensor, still: Still | None
) -> tuple[Tensor, ColourDrift | None]:
    """Latents of a chunk without what has crept into their contrast and colours, and what that was."""
    first = len(request.first)
    if first == len(latents):
        return latents, None
    shown, timing = request.readout, request.path.timing
    if still is not None:
        shown = still.alike(shown, state.memory, timing.latent_of(request.chunk.begin), timing)
    before = state.reports[-1].colours if state.reports else None
    return hold_colours(latents, shown, first, before)


def _written(
    state: WalkState, latents: Tensor, estimated: Estimate, views: Cameras, settings: WalkSettings, read: Read
) -> tuple[LatentMemory, tuple[ViewReport, ...], Tensor, tuple[Tensor, ...]]:
    """The memory with a chunk in it, what became of its views, tokens left out, and what the written ones see of it."""
    memory, reports, left_out = write_views(
        state.memory, latents, estimated, views, state.written, settings.update, read=read
    )
    if settings.max_bytes:
        memory = memory.prune(settings.max_bytes)
    seen = seen_voxels(memory, read(memory, views, tuple(latents.shape[-2:])), settings.voxel)
    seen = tuple(one if not report.refused else one[:0] for one, report in zip(seen, reports, strict=True))
    return memory, reports, left_out.to(latents.device), seen
