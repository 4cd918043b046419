"""What became of a walk, in numbers and in words."""

import math
from dataclasses import asdict, dataclass

from .chunks import plan_chunks
from .colour_drift import ColourDrift
from .coverage import coverage
from .latent_path import LatentPath
from .readout import Read, splat
from .walk import ChunkReport, WalkSettings, WalkState

MIB = 2**20


def walk_summary(state: WalkState) -> dict:
    """Everything that was measured, as a JSON file can hold it."""
    return {
        "latent_frames": len(state.frames),
        "points": state.memory.num_points,
        "mib": round(state.memory.nbytes / MIB, 4),
        "chunks": [asdict(report) for report in state.reports],
    }


@dataclass(frozen=True)
class Expectation:
    """What a walk will take, before it begins.

    Attributes:
        frames: video frames.
        chunks: how many.
        known: share of its tokens that the memory knows beforehand.
        points, nbytes: of the memory afterwards, at most.
        warnings: where the path goes wrong, a sentence each.
    """

    frames: int
    chunks: int
    known: float
    points: int
    nbytes: int
    warnings: tuple[str, ...]

    @property
    def text(self) -> str:
        """In words, the warnings in lines of their own."""
        summary = (
            f"{self.frames} frames in {self.chunks} chunk{'s' if self.chunks > 1 else ''}; the memory knows "
            f"{self.known:.0%} of them beforehand; at most {self.points:,} points, {self.nbytes / MIB:.1f} MiB"
        )
        return "\n".join([summary, *self.warnings])


def expectation(state: WalkState, path: LatentPath, settings: WalkSettings, *, read: Read = splat) -> Expectation:
    """What a walk will take: chunks, share known beforehand, points and bytes at most, and warnings.

    Args:
        state: before the first chunk.
    """
    plan = plan_chunks(len(path.video), path.timing, settings.chunk_frames)
    covered = coverage(state.memory, path, read=read, keep=False)
    written = 1.0 if settings.update.policy == "append" else 1.0 - covered.mean
    each = state.memory.nbytes / state.memory.num_points
    points = state.memory.num_points + math.ceil(written * math.prod(path.size))
    if settings.max_bytes:
        points = min(points, int(settings.max_bytes / each))
    return Expectation(len(path.video), len(plan), covered.mean, points, math.ceil(points * each), covered.warnings)


def walk_text(state: WalkState) -> str:
    """The walk in a few lines per chunk."""
    lines = []
    for report in state.reports:
        lines += _chunk_lines(report)
    lines.append(f"memory: {state.memory.num_points:,} points, {state.memory.nbytes / MIB:.2f} MiB")
    return "\n".join(lines)


def _chunk_lines(report: ChunkReport) -> list[str]:
    seconds = ", ".join(f"{name} {value:.1f} s" for name, value in report.seconds.items())
    lines = [
        f"chunk {report.number + 1}, frames {report.frames[0]} to {report.frames[1]}: {report.known:.0%} known before, "
        f"{report.points:,} points, {report.nbytes / MIB:.2f} MiB after ({seconds})"
    ]
    if report.colours is not None:
        lines.append(f"  {_colours(report.colours)}")
    if report.references:
        picked = ", ".join(f"{frame} ({overlap:.0%})" for frame, overlap in report.references)
        lines.append(f"  references, latent frames: {picked}")
    for view in report.views:
        if view.refused:
            lines.append(f"  latent frame {view.frame} not written: {view.refused}")
    fitted = [view for view in report.views if not view.refused and view.compared]
    if fitted:
        scales = [view.scale for view in fitted]
        residual = max(view.residual for view in fitted)
        lines.append(f"  depth scale {min(scales):.3f} to {max(scales):.3f}, residual up to {residual:.1%}")
    left_out: dict[str, int] = {}
    for view in report.views:
        for reason, tokens in view.excluded.items():
            left_out[reason] = left_out.get(reason, 0) + tokens
    if left_out:
        lines.append("  tokens left out: " + ", ".join(f"{reason} {tokens}" for reason, tokens in left_out.items()))
    return lines


def _colours(colours: ColourDrift) -> str:
    found = (
        f"contrast {colours.gain - 1.0:+.1%}, mean moved by {colours.offset:.1%}, in {colours.channels} channels of "
        f"{colours.compared:,} known tokens"
    )
    if not colours.left:
        return f"colour drift taken out: {found}"
    return f"colours left as they were made: {colours.left}" + (f" ({found})" if colours.channels else "")
