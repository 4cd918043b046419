"""What all benchmarks share: where they are, the machine, clocks, and the scenes."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "core"), str(ROOT / "tests" / "long"), str(ROOT / ".ci")]

from mirage_core import Cameras, PointBlock  # noqa: E402 the path comes first
from mirage_core.files import whole_file  # noqa: E402

CHANNELS = 48
TOKEN = 16  # pixels
FOCAL = 0.8  # of the picture's width
NOT_RUN = "not run"


@dataclass(frozen=True)
class Asked:
    """What a benchmark is asked for.

    Attributes:
        device: "cpu" or "cuda".
        quick: a small run that proves that the benchmark works; its figures mean nothing.
    """

    device: str = "cpu"
    quick: bool = False

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"


def save_figure(figure, path: Path) -> None:
    with whole_file(path) as partial:
        figure.savefig(partial, format="png", bbox_inches="tight")


def seconds(calls: dict[str, Callable], device: str, repeats: int) -> dict[str, float]:
    """Median seconds of each call, taking turns, after one round to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            wait(device)
            start = time.perf_counter()
            call()
            wait(device)
            if turn:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in taken.items()}


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def machine(device: str) -> dict:
    """Name, versions and commit that every result carries."""
    return {
        "name": torch.cuda.get_device_name() if device == "cuda" else cpu_name(),
        "device": device,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": commit(),
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {models[0] if models else platform.processor() or platform.machine()}"


def commit() -> str:
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def intrinsics(size: tuple[int, int]) -> Tensor:
    """``(3, 3)`` normalised, square pixels, for a picture of the shape of ``size`` ``(h, w)``."""
    h, w = size
    return torch.tensor([[FOCAL, 0, 0.5], [0, FOCAL * w / h, 0.5], [0, 0, 1.0]])


def cameras_at(centers: Tensor, headings: Tensor, size: tuple[int, int]) -> Cameras:
    """Upright cameras: ``(T, 3)`` positions, ``(T,)`` headings in radians, 0 = along z, positive to the right."""
    cam2world = torch.eye(4).repeat(len(centers), 1, 1)
    cam2world[:, 0, 0] = cam2world[:, 2, 2] = torch.cos(headings)
    cam2world[:, 0, 2], cam2world[:, 2, 0] = torch.sin(headings), -torch.sin(headings)
    cam2world[:, :3, 3] = centers
    return Cameras(cam2world, intrinsics(size))


@dataclass(frozen=True, eq=False)
class Boxes:
    """A world of axis-aligned boxes seen from inside an outer one: exact depth by intersection of rays.

    Attributes:
        low, high: ``(3,)`` of the outer box.
        solids: ``(S, 2, 3)`` boxes inside it.
    """

    low: Tensor
    high: Tensor
    solids: Tensor

    def depth(self, cameras: Cameras, size: tuple[int, int]) -> Tensor:
        """z-depth ``(T, h, w)`` at the centres of a grid."""
        return torch.stack([self._depth(cameras[[t]], size) for t in range(len(cameras))])

    def _depth(self, camera: Cameras, size: tuple[int, int]) -> Tensor:
        center, direction = camera.centers[0], rays(camera, size)  # (3,), (h w, 3)
        depth = (torch.where(direction > 0, self.high, self.low) - center).div(direction).amin(dim=1)
        first = (self.solids[:, 0] - center)[:, None] / direction  # (S, h w, 3)
        second = (self.solids[:, 1] - center)[:, None] / direction
        enter, leave = torch.minimum(first, second).amax(dim=2), torch.maximum(first, second).amin(dim=2)  # (S, h w)
        hit = (enter < leave) & (enter > 0)
        if len(enter):
            depth = torch.minimum(depth, torch.where(hit, enter, torch.inf).amin(dim=0))
        return depth.view(size)


def rays(camera: Cameras, size: tuple[int, int]) -> Tensor:
    """World directions ``(h w, 3)`` of unit depth through the centres of a grid, of one camera."""
    (h, w), K = size, camera.K[0]
    columns, rows = (torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h
    x, y = torch.meshgrid((columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], indexing="xy")
    return torch.stack([x, y, torch.ones_like(x)], dim=-1).flatten(0, 1) @ camera.cam2world[0, :3, :3].T


def pillar(x: float, z: float) -> Tensor:
    return torch.tensor([[x - 0.4, -2.5, z - 0.4], [x + 0.4, 2.5, z + 0.4]])


ROOM = Boxes(  # 12 x 5 x 16 units with four pillars
    torch.tensor([-6.0, -2.5, -2.0]),
    torch.tensor([6.0, 2.5, 14.0]),
    torch.stack([pillar(-3.1, 6.3), pillar(2.2, 8.1), pillar(-1.3, 10.7), pillar(4.4, 5.2)]),
)


def room_walk(views: int, length: float, size: tuple[int, int]) -> Cameras:
    """Cameras that walk ``length`` units into the room, swaying 20 degrees to both sides."""
    along = torch.linspace(0.0, 1.0, views)
    centers = torch.zeros(views, 3)
    centers[:, 2] = length * along
    return cameras_at(centers, torch.deg2rad(20.0 * torch.sin(2 * torch.pi * along)), size)


def room_points(count: int, size: tuple[int, int], dtype: torch.dtype = torch.float16) -> PointBlock:
    """The first ``count`` points of what a walk through the room sees: all tokens of every frame, as published."""
    h, w = size
    cameras = room_walk(-(-count // (h * w)), 4.0, size)
    xyz, width = [], []
    for t in range(len(cameras)):
        depth = ROOM.depth(cameras[[t]], size)[0].flatten()  # (h w,)
        xyz.append(cameras.centers[t] + rays(cameras[[t]], size) * depth[:, None])
        width.append(depth / (FOCAL * w))
    tokens = torch.randn(4096, CHANNELS, generator=torch.Generator().manual_seed(0)).to(dtype)
    return PointBlock(torch.cat(xyz)[:count], tokens[torch.arange(count) % len(tokens)], torch.cat(width)[:count])
