"""Does a walk cost more the longer it is? Scene Walk, in ComfyUI, with the small model: 129, 1,025 and 4,097 frames.

The camera wanders about a room, there and back many times and never along the same path. Each length is made in a
server of its own, to a video file; nothing else is asked of the walk.
"""

import math
import statistics
from collections.abc import Sequence

import torch
from common import TOKEN, Asked, cameras_at
from watched import Watched, watched_walk

from mirage_core import Cameras

LENGTHS, QUICK_LENGTHS = (129, 1025, 4097), (17, 33)  # video frames
CHUNK_FRAMES = {False: 17, True: 9}  # by whether the run is quick
SIZE = (192, 320)  # pixels, of the workflow
TURN, TURNS = math.radians(40.0), 128  # there and back, video frames
SWAY, SWAYS = (0.5, 0.4), (242, 352)  # metres to the side and ahead, video frames
EARLY, AROUND = 10, 8  # the chunk that the last ones are compared with; medians over so many chunks
MIB = 2**20


def wander(frames: int) -> Cameras:
    """One camera per video frame, 24 a second: turns that come back after 128, and steps that do after 242 and 352.

    So the camera stands around the 10th chunk where it stands in the last ones of 4,097: the video there shows as much.
    """
    frame = torch.arange(frames)
    turned = TURN * torch.sin(math.pi * frame / TURNS) ** 2
    across, along = (
        size * (1.0 - torch.cos(2 * math.pi * frame / every)) / 2 for size, every in zip(SWAY, SWAYS, strict=True)
    )
    return cameras_at(torch.stack([across, torch.zeros(frames), along], dim=1), turned, tuple(n // TOKEN for n in SIZE))


def run(asked: Asked) -> dict:
    lengths = QUICK_LENGTHS if asked.quick else LENGTHS
    chunk_frames = CHUNK_FRAMES[asked.quick]
    walks = [_summary(frames, watched_walk(wander, frames, chunk_frames, asked)) for frames in lengths]
    return {"picture": SIZE, "chunk_frames": chunk_frames, "early": EARLY, "around": AROUND, "walks": walks}


def _summary(frames: int, walk: Watched) -> dict:
    chunks = _chunks(walk)
    return {
        "frames": frames,
        "chunks": len(chunks),
        "idle_mib": round(walk.idle / MIB, 1),
        "peak_mib": round(walk.peak / MIB, 1),
        "above_idle_mib": round((walk.peak - walk.idle) / MIB, 1),
        "seconds": round(walk.seconds, 1),
        "chunks_mib": round(sum(walk.chunk_bytes) / MIB, 2),
        "video_mib": round(walk.video_bytes / MIB, 2),
        **({"early": _typical(chunks[EARLY - AROUND // 2 :])} if len(chunks) > EARLY + AROUND else {}),
        "last": _typical(chunks[-AROUND:]),
        "rows": chunks,
    }


def _typical(chunks: Sequence[dict]) -> dict:
    """Of the first ``AROUND`` of some chunks: median times, which jitter, and mean bytes, which follow the path."""
    some = chunks[:AROUND]
    times = {key: round(statistics.median(row[key] for row in some), 4) for key in ("s", "cpu_s", "report_s")}
    return times | {key: round(statistics.mean(row[key] for row in some), 1) for key in ("chunk_kib", "video_kib")}


def _chunks(walk: Watched) -> list[dict]:
    """What became of the process, and of the disk, with each chunk."""
    rows = []
    for number, (before, after) in enumerate(zip(walk.moments, walk.moments[1:], strict=False)):
        report = walk.reports[number]
        rows.append(
            {
                "chunk": number + 1,
                "rss_mib": round(after.rss / MIB, 1),
                "s": round(after.seconds - before.seconds, 4),
                "cpu_s": round(after.cpu - before.cpu, 2),
                "report_s": round(sum(report["seconds"].values()), 4),
                "chunk_kib": round(walk.chunk_bytes[number] / 2**10, 1),
                "video_kib": round((after.video - before.video) / 2**10, 1),
                "points": report["points"],
                "known": round(report["known"], 3),
            }
        )
    return rows
