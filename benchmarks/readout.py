"""Reading the memory: our backends against sort and overwrite, over the number of points, and what lies out of view.

The points are what the frames of a walk through a room with pillars saw, all tokens of every frame; nine views of the
same walk read them, as for one chunk of 33 frames at 704 x 1280. Same inputs, one run, taking turns.
"""

from importlib.util import find_spec

import torch
from common import CHANNELS, NOT_RUN, Asked, room_points, room_walk, seconds
from torch import Tensor

from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, splat

COUNTS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SLOW = 5_000_000  # points from which one turn is enough
SIZE, VIEWS = (44, 80), 9  # tokens of a 704 x 1280 picture
IN_VIEW, TIMES = 20_000, 100
SPEC = LatentSpec(CHANNELS, 16, 4)


def sort_and_overwrite(block: PointBlock, cameras: Cameras, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Read view by view: project, sort the visible points far to near, write all, trust the last write.

    The published way. Which of several writes to one cell lasts is undefined where a device runs them in parallel.
    """
    h, w = size
    latents = block.features.new_zeros(len(cameras), CHANNELS, h, w)
    known = torch.zeros(len(cameras), h, w, dtype=torch.bool, device=block.xyz.device)
    scale = cameras.K.new_tensor([w, h, 1.0]).view(3, 1)
    for t in range(len(cameras)):
        world2cam = torch.linalg.inv(cameras.cam2world[t])
        points = block.xyz @ world2cam[:3, :3].T + world2cam[:3, 3]
        projected = points @ (cameras.K[t] * scale).T
        depth = projected[:, 2]
        cell = (projected[:, :2] / depth.clamp(min=1e-6).unsqueeze(1)).floor().long()
        seen = (depth > 1e-3) & (cell[:, 0] >= 0) & (cell[:, 0] < w) & (cell[:, 1] >= 0) & (cell[:, 1] < h)
        cell, depth, features = cell[seen], depth[seen], block.features[seen]
        order = torch.argsort(depth, descending=True)
        column, row = cell[order].unbind(1)
        latents[t][:, row, column] = features[order].T
        known[t][row, column] = True
    return latents, known


def run(asked: Asked) -> dict:
    counts = COUNTS[:2] if asked.quick else COUNTS
    rows = [_row(count, asked) for count in counts]
    return {"views": VIEWS, "tokens": SIZE, "rows": rows, "out_of_view": _out_of_view(asked)}


def _row(count: int, asked: Asked) -> dict:
    cameras = room_walk(VIEWS, 4.0, SIZE).to(asked.device)
    block = room_points(count, SIZE).to(asked.device)
    memory = LatentMemory(SPEC).insert(block, policy="append")
    calls = {
        "sort_and_overwrite": lambda: sort_and_overwrite(block, cameras, SIZE),
        "portable_nearest": lambda: splat(memory, cameras, SIZE, footprint=False, backend="portable"),
        "portable_footprints": lambda: splat(memory, cameras, SIZE, backend="portable"),
    }
    triton = asked.on_gpu and find_spec("triton") is not None
    if triton:
        calls["triton_nearest"] = lambda: splat(memory, cameras, SIZE, footprint=False, backend="triton")
        calls["triton_footprints"] = lambda: splat(memory, cameras, SIZE, backend="triton")
    took = seconds(calls, asked.device, 1 if count > SLOW and not asked.on_gpu else 5)
    exact, wide = splat(memory, cameras, SIZE, footprint=False), splat(memory, cameras, SIZE)
    latents, known = sort_and_overwrite(block, cameras, SIZE)
    wrong = (latents != exact.latents).any(dim=1) | (known != exact.known)  # (T, h, w)
    row = {"points": count, **{f"{name}_ms": round(1e3 * value, 2) for name, value in took.items()}}
    for name in list(took)[1:]:
        row[f"{name}_times_faster"] = round(took["sort_and_overwrite"] / took[name], 1)
    row["wrong_share"] = round(float(wrong[exact.known | known].float().mean()), 4)
    row["known_nearest"], row["known_footprints"] = (round(float(r.known.float().mean()), 3) for r in (exact, wide))
    if triton:
        row["bandwidth_share"] = round(_bytes(count) / took["triton_nearest"] / _copy_bandwidth(), 3)
    else:
        row["triton"] = NOT_RUN
    return row


def _bytes(count: int) -> int:
    """What must be moved at least: every point once, every winning token once, every output once."""
    cells = VIEWS * SIZE[0] * SIZE[1]
    return count * 12 + cells * (8 + 2 * 2 * CHANNELS + 4 + 8 + 4 + 8)


def _copy_bandwidth() -> float:
    """Bytes read and written per second by a copy of 1 GiB on the GPU."""
    source = torch.empty(2**28, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds({"copy": lambda: target.copy_(source)}, "cuda", 5)["copy"]


def _out_of_view(asked: Asked) -> dict:
    """The same views of the same room, and of the room among 99 others that no camera sees."""
    block = room_points(IN_VIEW, SIZE)
    cameras = room_walk(VIEWS, 4.0, SIZE)
    times = 5 if asked.quick else TIMES
    far = (
        PointBlock(block.xyz - torch.tensor([0.0, 0.0, 40.0 * number]), block.features, block.footprint)
        for number in range(1, times)
    )
    alone = LatentMemory(SPEC).insert(block, "append")
    among = alone
    for room in far:
        among = among.insert(room, "append")
    alone, among = alone.to(asked.device), among.to(asked.device)
    calls = {"alone": lambda: splat(alone, cameras, SIZE), "among": lambda: splat(among, cameras, SIZE)}
    assert torch.equal(calls["alone"]().latents, calls["among"]().latents)
    took = seconds(calls, asked.device, 9)
    return {
        "points": alone.num_points,
        "points_among": among.num_points,
        "alone_ms": round(1e3 * took["alone"], 2),
        "among_ms": round(1e3 * took["among"], 2),
        "times_slower": round(took["among"] / took["alone"], 2),
    }
