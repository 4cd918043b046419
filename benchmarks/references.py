"""Choosing reference frames for one chunk: sorted voxel sets against Python sets, the published way.

The memory is what a walk through a room of pillars saw; the candidates are past views of the same walk. The published
code keeps no sets: for each chunk it projects the memory into every candidate and intersects Python sets of voxel
triples. Ours keeps a sorted tensor per view and projects only the target.
"""

import torch
from common import CHANNELS, Asked, room_points, room_walk, seconds
from readout import SIZE, VIEWS
from torch import Tensor

from mirage_core import Cameras, LatentMemory, LatentSpec, splat
from mirage_core.conventions import MIN_DEPTH
from mirage_core.retrieval import (
    MAX_REFERENCES,
    MIN_OVERLAP,
    VOXEL,
    joined,
    pick_references,
    seen_voxels,
    voxels_in_view,
)

CASES = ((100_000, 20), (1_000_000, 500))  # points, past views; the second for ours alone: Python sets take minutes
WITH_SETS = CASES[0]


def with_python_sets(memory: LatentMemory, past: Cameras, target: Cameras) -> list[int]:
    """Best candidates by IoU of sets of voxel triples, all of them made anew."""
    voxels = torch.floor(memory.column("xyz") / VOXEL).long()

    def seen(camera: Cameras) -> set:
        world2cam = torch.linalg.inv(camera.cam2world[0])
        points = memory.column("xyz") @ world2cam[:3, :3].T + world2cam[:3, 3]
        xy = (points @ camera.K[0].T)[:, :2] / points[:, 2:].clamp(min=MIN_DEPTH)
        inside = (points[:, 2] >= MIN_DEPTH) & ((xy >= 0) & (xy < 1)).all(dim=1)
        return set(map(tuple, voxels[inside].tolist()))

    wanted = set().union(*(seen(target[[t]]) for t in range(len(target))))
    overlaps = []
    for position in range(len(past)):
        one = seen(past[[position]])
        overlaps.append((len(one & wanted) / max(1, len(one | wanted)), -position))
    best = sorted(overlaps, reverse=True)[:MAX_REFERENCES]
    return [-position for overlap, position in best if overlap >= MIN_OVERLAP]


def shown(memory: LatentMemory, cameras: Cameras) -> tuple[Tensor, ...]:
    return seen_voxels(memory, splat(memory, cameras, SIZE))


WAYS = {"in view": voxels_in_view, "shown": shown}


def run(asked: Asked) -> dict:
    rows = []
    for points, views in CASES[:1] if asked.quick else CASES:
        memory = LatentMemory(LatentSpec(CHANNELS, 16, 4)).insert(room_points(points, SIZE), "append")
        past, target = room_walk(views, 4.0, SIZE), room_walk(VIEWS, 3.0, SIZE)
        kept = {name: way(memory, past) for name, way in WAYS.items()}

        def pick(name, memory=memory, target=target, kept=kept):
            return pick_references(joined(WAYS[name](memory, target)), kept[name])

        calls = {name: lambda pick=pick, name=name: pick(name) for name in WAYS}
        row = {"points": points, "views": views}
        if (points, views) == WITH_SETS:
            calls["python_sets"] = lambda m=memory, p=past, t=target: with_python_sets(m, p, t)
            row["same_picks"] = [one.position for one in calls["in view"]()] == calls["python_sets"]()
        took = seconds(calls, "cpu", 1 if "python_sets" in calls else 3)
        row |= {f"{name.replace(' ', '_')}_ms": round(1e3 * value, 1) for name, value in took.items()}
        if "python_sets" in took:
            row["times_faster"] = round(took["python_sets"] / took["in view"], 1)
        rows.append(row)
    return {"rows": rows}
