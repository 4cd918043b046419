"""Time the choice of reference frames for one chunk: published rule against what the views really show.

    python benchmarks/references.py [--points 1000000] [--views 500] [--repeats 5]

The memory is what a walk through a room of pillars saw (readout.py); 500 past views of the same walk are the candidates
and nine views the target. "in view" counts every point in the field of view, hidden or not, as the published code does;
"shown" counts only points that win a token of the 44 x 80 grid. Both in one run, taking turns. Writes
``benchmarks/results/<machine>-references.json`` and prints a table.
"""

import argparse
import json
import statistics
import time

import torch
from readout import ROOT, SIZE, VIEWS, machine, remembered, walk

from mirage_core import LatentMemory, LatentSpec
from mirage_core.retrieval import joined, pick_references, seen_voxels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--views", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    block = remembered(asked.points)[: asked.points]
    memory = LatentMemory(LatentSpec(block.features.shape[1], 16, 4)).insert(block, "append")
    past, target = walk(asked.views, 4.0), walk(VIEWS, 3.0)
    grids = {"in view": None, "shown": SIZE}
    sets = {name: seen_voxels(memory, past, grid=grid) for name, grid in grids.items()}
    rows: dict[str, dict[str, list[float]]] = {name: {"target": [], "pick": []} for name in grids}
    picks = {}
    for _ in range(asked.repeats):
        for name, grid in grids.items():
            started = time.perf_counter()
            of_target = joined(seen_voxels(memory, target, grid=grid))
            middle = time.perf_counter()
            picks[name] = pick_references(of_target, sets[name])
            rows[name]["target"].append(middle - started)
            rows[name]["pick"].append(time.perf_counter() - middle)
    about = machine("cpu")
    result = {"machine": about, "points": len(block), "views": asked.views, "rows": []}
    print(f"{about['name']}, {about['threads']} threads; {len(block):,} points, {asked.views} past views")
    for name, times in rows.items():
        target_ms, pick_ms = (1000 * statistics.median(times[part]) for part in ("target", "pick"))
        voxels = sum(len(one) for one in sets[name]) / len(sets[name])
        result["rows"].append(
            {
                "rule": name,
                "target_ms": round(target_ms, 1),
                "pick_ms": round(pick_ms, 1),
                "voxels_per_view": round(voxels),
                "picked": [(one.position, round(one.overlap, 3)) for one in picks[name]],
            }
        )
        print(f"{name:8s} {voxels:8,.0f} voxels a view; target {target_ms:6.0f} ms, pick {pick_ms:6.0f} ms")
    label = "".join(c if c.isalnum() else "-" for c in about["name"].lower())
    path = ROOT / "benchmarks" / "results" / f"{'-'.join(filter(None, label.split('-')))}-references.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
