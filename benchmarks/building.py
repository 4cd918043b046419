"""A walk of 1,000 chunks, 32,000 frames, that wanders through a building and comes back: does the memory level off?

A building of 4 x 4 rooms with doors; the walker goes from room to room at random, looks where it goes and sways. Every
chunk writes its eight new latent frames with fill, exact depth, then the nine views of the next chunk are read.
"""

import random
import resource
import sys
import time

import torch
from common import CHANNELS, TOKEN, Asked, Boxes, cameras_at, wait

from mirage_core import Geometry, LatentMemory, LatentSpec, lift, splat

ROOMS, ROOM_EDGE, DOOR, WALL = 4, 6.0, 1.6, 0.2  # per side; scene units
CHUNKS, VIEWS = 1_000, 8
STEP = 0.25  # scene units between latent frames
SIZE = {"cpu": (22, 40), "cuda": (44, 80)}
STORE = "float16"
SHOWN = 100  # rows kept
PER_MIB = 2**20 if sys.platform == "darwin" else 2**10  # of what the system calls maximum resident size


def building() -> Boxes:
    """Rooms of ``ROOM_EDGE``, walls with a door in the middle between all neighbours."""
    solids, half = [], (ROOM_EDGE - DOOR) / 2
    for line in range(1, ROOMS):
        at = line * ROOM_EDGE
        for room in range(ROOMS):
            for start in (room * ROOM_EDGE, room * ROOM_EDGE + half + DOOR):
                solids.append([[at - WALL / 2, -1.5, start], [at + WALL / 2, 1.5, start + half]])
                solids.append([[start, -1.5, at - WALL / 2], [start + half, 1.5, at + WALL / 2]])
    extent = ROOMS * ROOM_EDGE
    return Boxes(torch.tensor([0.0, -1.5, 0.0]), torch.tensor([extent, 1.5, extent]), torch.tensor(solids))


def wander(views: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions ``(T, 3)`` and headings ``(T,)`` of a walk from room to room, through their middles."""
    drawn = random.Random(0)
    room, places = (0, 0), []
    while len(places) < views:
        across, along = drawn.choice(((0, 1), (1, 0), (0, -1), (-1, 0)))
        there = (room[0] + across, room[1] + along)
        if not all(0 <= n < ROOMS for n in there):
            continue
        steps = round(ROOM_EDGE / STEP)
        places += [
            tuple((a + (b - a) * k / steps + 0.5) * ROOM_EDGE for a, b in zip(room, there, strict=True))
            for k in range(steps)
        ]
        room = there
    x, z = torch.tensor(places[:views]).T
    ahead = torch.diff(torch.stack([x, z]), dim=1, append=torch.stack([x[-1:], z[-1:] + 1]))
    # turned in steps, as a person turns: the direction is averaged over the next metres
    smooth = torch.nn.functional.avg_pool1d(ahead[None], 9, stride=1, padding=4, count_include_pad=False)[0]
    heading = torch.atan2(smooth[0], smooth[1]) + 0.3 * torch.sin(torch.arange(views) / 9.0)
    return torch.stack([x, torch.zeros(views), z], dim=1), heading


def run(asked: Asked) -> dict:
    chunks = 4 if asked.quick else CHUNKS
    size, world = SIZE[asked.device], building()
    centers, headings = wander(VIEWS * (chunks + 1) + 1)
    cameras = cameras_at(centers, headings, size)
    memory = LatentMemory(LatentSpec(CHANNELS, TOKEN, 4), store=STORE)
    tokens = torch.randn(VIEWS, CHANNELS, *size, generator=torch.Generator().manual_seed(0))
    rows, appended, first_rss = [], 0, 0
    for chunk in range(chunks):
        made = cameras[chunk * VIEWS : (chunk + 1) * VIEWS]
        ahead = cameras[(chunk + 1) * VIEWS : (chunk + 2) * VIEWS + 1]
        block = lift(tokens, Geometry(world.depth(made, size), made)).to(asked.device)
        appended += len(block)
        start = time.perf_counter()
        memory = memory.insert(block, "fill", made)
        wait(asked.device)
        middle = time.perf_counter()
        seen = splat(memory, ahead, size)
        wait(asked.device)
        took = (middle - start, time.perf_counter() - middle)
        known = float(seen.known.float().mean())
        first_rss = first_rss or _peak_rss()
        rows.append((chunk + 1, memory.num_points, memory.nbytes, len(memory.blocks), *took, known))
    every = max(1, chunks // SHOWN)
    return {
        "tokens": size,
        "store": STORE,
        "frames": chunks * 32,
        "points_with_append": appended,
        "first_rss_mib": first_rss,
        "peak_rss_mib": _peak_rss(),
        "rows": [_summary(rows[first : first + every]) for first in range(0, chunks, every)],
    }


def _peak_rss() -> int:
    """MiB of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / PER_MIB)


def _summary(rows: list[tuple]) -> dict:
    """The last chunk of a run of chunks, with the median times of all of them."""

    def middle(column: int) -> float:
        return sorted(row[column] for row in rows)[len(rows) // 2]

    chunk, points, nbytes, blocks = rows[-1][:4]
    return {
        "chunk": chunk,
        "points": points,
        "mib": round(nbytes / 2**20, 3),
        "blocks": blocks,
        "insert_ms": round(1e3 * middle(4), 2),
        "readout_ms": round(1e3 * middle(5), 2),
        "known": round(middle(6), 3),
    }
