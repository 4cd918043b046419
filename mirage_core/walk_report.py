"""What became of a walk, in numbers and in words."""

import math
from dataclasses import asdict

from .chunks import plan_chunks
from .coverage import coverage
from .latent_path import LatentPath
from .readout import Read, splat
from .walk import ChunkReport, WalkSettings, WalkState

MIB = 2**20


def walk_summary(state: WalkState) -> dict:
    """Everything that was measured, as a JSON file can hold it."""
    return {
        "latent_frames": len(state.latents),
        "points": state.memory.num_points,
        "mib": round(state.memory.nbytes / MIB, 4),
        "chunks": [asdict(report) for report in state.reports],
    }


def expectation(state: WalkState, path: LatentPath, settings: WalkSettings, *, read: Read = splat) -> str:
    """What a walk will take, before it begins: chunks, share known beforehand, points and MiB at most, and warnings."""
    plan = plan_chunks(len(path.video), path.timing, settings.chunk_frames)
    covered = coverage(state.memory, path, read=read)
    share = sum(covered.known) / len(covered.known)
    tokens = int((1.0 - share) * math.prod(path.size))
    points = state.memory.num_points + tokens
    mib = points * state.memory.nbytes / state.memory.num_points / MIB
    summary = (
        f"{len(path.video)} frames in {len(plan)} chunk{'s' if len(plan) > 1 else ''}; the memory knows "
        f"{share:.0%} of them beforehand; at most {points:,} points, {mib:.1f} MiB"
    )
    return "\n".join([summary, *covered.warnings])


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
