"""Time the memory's readout against sort and overwrite, the way the published code reads its memory.

    python benchmarks/readout.py [--device cpu|cuda] [--repeats 5]

Both get the same points, features, cameras and grid, in one run, taking turns. The points are what the frames of a walk
through a room with pillars saw, all tokens of every frame; nine views of the same walk read them, as for one chunk of
33 frames at 704 x 1280. Writes ``benchmarks/results/<machine>-readout.json`` and prints a table.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, splat  # noqa: E402 the path comes first

COUNTS = (3_500, 100_000, 1_000_000)
VIEWS = 9
SIZE = (44, 80)  # tokens of a 704 x 1280 picture at 16 pixels
CHANNELS = 48
FOCAL = 0.8  # of the picture's width
ROOM_LOW, ROOM_HIGH = torch.tensor([-6.0, -2.5, -2.0]), torch.tensor([6.0, 2.5, 14.0])
PILLARS = [
    (torch.tensor([x - 0.4, -2.5, z - 0.4]), torch.tensor([x + 0.4, 2.5, z + 0.4]))
    for x, z in ((-3.1, 6.3), (2.2, 8.1), (-1.3, 10.7), (4.4, 5.2))
]


def walk(views: int, length: float) -> Cameras:
    """Cameras that walk ``length`` units into the room, swaying 20 degrees to both sides."""
    along = torch.linspace(0.0, 1.0, views)
    turn = torch.deg2rad(20.0 * torch.sin(2 * torch.pi * along))
    cam2world = torch.eye(4).repeat(views, 1, 1)
    cam2world[:, 0, 0] = cam2world[:, 2, 2] = torch.cos(turn)
    cam2world[:, 0, 2], cam2world[:, 2, 0] = torch.sin(turn), -torch.sin(turn)
    cam2world[:, 2, 3] = length * along
    K = torch.tensor([[FOCAL, 0, 0.5], [0, FOCAL * SIZE[1] / SIZE[0], 0.5], [0, 0, 1.0]])
    return Cameras(cam2world, K)


def remembered(count: int) -> PointBlock:
    """At least ``count`` points: what the frames of a walk through a room of 12 x 5 x 16 units with pillars see.

    Every frame adds all of its 3,520 tokens, as the published code does.
    """
    cameras = walk(-(-count // (SIZE[0] * SIZE[1])), 4.0)
    columns = (torch.arange(SIZE[1]) + 0.5) / SIZE[1]
    rows = (torch.arange(SIZE[0]) + 0.5) / SIZE[0]
    K = cameras.K[0]
    x, y = torch.meshgrid((columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], indexing="xy")
    rays = torch.stack([x, y, torch.ones_like(x)], dim=-1).flatten(0, 1)  # (h w, 3) camera frame
    xyz = []
    for cam2world in cameras.cam2world:
        direction, center = rays @ cam2world[:3, :3].T, cam2world[:3, 3]
        far = torch.where(direction > 0, ROOM_HIGH, ROOM_LOW) - center
        depth = (far / direction).amin(dim=1)  # the wall that the ray leaves through; z-depth, as rays have z = 1
        for low, high in PILLARS:
            enter = torch.minimum((low - center) / direction, (high - center) / direction).amax(dim=1)
            leave = torch.maximum((low - center) / direction, (high - center) / direction).amin(dim=1)
            depth = torch.where((enter < leave) & (enter > 0) & (enter < depth), enter, depth)
        xyz.append(center + direction * depth.unsqueeze(1))
    xyz = torch.cat(xyz)[:count]
    distance = torch.cat(
        [(p - c).norm(dim=1) for p, c in zip(xyz.split(SIZE[0] * SIZE[1]), cameras.centers, strict=True)]
    )
    features = torch.randn(len(xyz), CHANNELS, generator=torch.Generator().manual_seed(0))
    return PointBlock(xyz, features, distance / (FOCAL * SIZE[1]))


def sort_and_overwrite(block: PointBlock, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Read a memory view by view: project, sort the visible points far to near, write all, trust the last write.

    Which of several writes to one cell lasts is undefined where a device runs them in parallel.
    """
    h, w = SIZE
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


def seconds(calls: dict, device: str, repeats: int) -> dict[str, float]:
    """Median seconds of each call, taking turns, after one round to warm up."""
    taken = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            if device == "cuda":
                torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in taken.items()}


def machine(device: str) -> dict:
    name = torch.cuda.get_device_name() if device == "cuda" else cpu_name()
    return {
        "name": name,
        "device": device,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {models[0] if models else platform.processor() or platform.machine()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    device = arguments.device
    cameras, rows = walk(VIEWS, 4.0).to(device), []
    for count in COUNTS:
        block = remembered(count).to(device)
        memory = LatentMemory(LatentSpec(CHANNELS, 16, 4)).insert(block, policy="append")
        calls = {
            "sort_and_overwrite": lambda block=block: sort_and_overwrite(block, cameras),
            "nearest": lambda memory=memory: splat(memory, cameras, SIZE, footprint=False),
            "footprints": lambda memory=memory: splat(memory, cameras, SIZE, footprint=True),
        }
        took = seconds(calls, device, arguments.repeats)
        exact = splat(memory, cameras, SIZE, footprint=False)
        latents, known = sort_and_overwrite(block, cameras)
        wrong = (latents != exact.latents).any(dim=1) | (known != exact.known)  # (T, h, w)
        rows.append(
            {
                "points": count,
                **{f"{name}_ms": round(1e3 * value, 2) for name, value in took.items()},
                "nearest_times_faster": round(took["sort_and_overwrite"] / took["nearest"], 1),
                "footprints_times_faster": round(took["sort_and_overwrite"] / took["footprints"], 1),
                "sort_and_overwrite_wrong_share": round(float(wrong[exact.known | known].float().mean()), 4),
                "known_nearest": round(float(exact.known.float().mean()), 3),
                "known_footprints": round(float(splat(memory, cameras, SIZE).known.float().mean()), 3),
            }
        )
        print(json.dumps(rows[-1]))
    about = machine(device)
    label = "".join(c if c.isalnum() else "-" for c in about["name"].lower())
    path = ROOT / "benchmarks" / "results" / f"{'-'.join(filter(None, label.split('-')))}-readout.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": about, "views": VIEWS, "tokens": SIZE, "rows": rows}, indent=2) + "\n")
    print(f"{about['name']}, {about['threads']} threads, torch {about['torch']}; written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
