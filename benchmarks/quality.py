"""Reading real RGB-D frames from each other's places: published settings against ours, and what rounding costs.

Each frame is lifted alone and read in the view of every other. Only tokens whose place both sensors truly saw count.
Published: depth sampled bilinearly with holes as zeros, one cell per point. Error: mean absolute difference of codec
latents to the target frame's own, exposures matched; "where both" is over tokens that both settings fill.
"""

from itertools import permutations

import torch
from common import Asked
from real_rgbd import Walk, read, score, truly_seen

from mirage_core import splat
from mirage_core.points import STORES

SETS = {
    "hololens_dining": "indoor",
    "hololens_hall_revisit": "indoor",
    "icl_livingroom": "indoor",
    "apc_shelf": "shelf",
}


def run(asked: Asked) -> dict:
    rows = []
    for name in list(SETS)[:1] if asked.quick else SETS:
        walk = read(name, 16)
        published, nearest, ours = (
            score(walk, False, pooling="bilinear"),
            score(walk, False),
            score(walk, True),
        )
        row = {"set": name, "kind": SETS[name], "tokens": ours.shared}
        for label, one in (("published", published), ("nearest", nearest), ("ours", ours)):
            filled, _, error, wrong = one
            row |= {
                f"{label}_filled": round(filled, 3),
                f"{label}_error": round(error, 3),
                f"{label}_wrong_depth": round(wrong, 3),
            }
        row["published_error_where_both"], row["ours_error_where_both"] = (round(e, 3) for e in _where_both(walk))
        row["rounding_error"] = {store: _rounding(walk, store) for store in STORES[1:]}
        rows.append(row)
    return {"rows": rows}


def _where_both(walk: Walk) -> tuple[float, float]:
    """Mean absolute errors of published and our settings over the truly seen tokens that both fill."""
    errors: tuple[list, list] = ([], [])
    for source, target in permutations(range(len(walk.latents)), 2):
        camera, seen = walk.geometry.cameras[[target]], truly_seen(walk, source, target)
        reads = [
            splat(walk.memory_of(source, pooling=pooling), camera, walk.size, footprint)
            for pooling, footprint in (("bilinear", False), ("median", True))
        ]
        both = seen & reads[0].known[0] & reads[1].known[0]
        for found, one in zip(errors, reads, strict=True):
            difference = (one.latents[0] - walk.latents[target])[:, both]
            found.append((difference - difference.mean(dim=1, keepdim=True)).abs())
    return tuple(float(torch.cat(found, dim=1).mean()) for found in errors)


def _rounding(walk: Walk, store: str) -> float:
    """Mean absolute change of what is read when features are kept as ``store``."""
    memory, cameras = walk.memory_of(*range(len(walk.latents))), walk.geometry.cameras
    exact, kept = (splat(one, cameras, walk.size).latents for one in (memory, memory.stored_as(store)))
    return float(f"{float((kept.float() - exact).abs().mean()):.2g}")
