"""Does a trained network remember? Held-out rooms, one chunk and whole walks out and back.

Four ways to make each walk: with its memory; without one; with the memory of another room; and, of the first one, the
raw splat beside the frames. Depth of generated frames is the room's own, ray-cast: what is measured is the network,
not a depth model.
"""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from einops import rearrange
from kornia.metrics import psnr
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..mirage_core import Cameras, LatentMemory, Readout, splat
from ..mirage_core.learned_codec import load_codec
from ..mirage_core.metrics import loop_closure
from ..mirage_core.update import Estimate
from ..mirage_core.walk import ChunkRequest, WalkSettings, WalkState, walk
from .decoder import CODEC, pictures_of, statistics_of
from .network import Network
from .rooms import Room
from .samples import (
    HELD_OUT,
    PATCH,
    SPEC,
    STRIDE,
    Sample,
    Settings,
    Statistics,
    encoded,
    remember,
    remembered_walk,
    walk_samples,
)
from .train import BRANCH, MODEL, SIZES

STEPS = 20  # of the sampler
CHUNKS = 4
REVISIT = (0.15, 5.0)  # metres and degrees that count as the same pose
WAYS = ("memory", "without", "another room's")
Picture = Callable[[Tensor], Tensor]  # raw latents (T, C, h, w) to pictures (T, H, W, 3), 0..1
GREY = 0.5


@dataclass(frozen=True)
class OneChunk:
    """Decibels of one chunk against the truth, in tokens that the memory knows, and in the others.

    ``splat`` is what the memory shows, undone by no network.
    """

    known: float
    unknown: float
    splat: float


@dataclass(frozen=True)
class ClosedLoop:
    """A whole walk.

    Attributes:
        last_against_first: dB of the last frame against the first, which is given; their poses are the same.
        revisits: mean dB of all frames against earlier ones of about the same pose, NaN where there are none.
        known, splat: dB of the last frame, and of the splat that it was made from, in the tokens that the splat knows.
    """

    last_against_first: float
    revisits: float
    known: float
    splat: float


def evaluate(folder: Path, size: str, rooms: int, seeds: int, out: Path, device: torch.device) -> dict:
    """Measure what ``folder`` holds; write ``remember.json``, ``along_the_way.png`` and contact sheets to ``out``."""
    settings = SIZES[size].samples
    codec = load_codec(folder / CODEC)
    statistics, decode = statistics_of(codec), partial(pictures_of, codec)
    network = Network.load(folder / MODEL, folder / BRANCH)
    out.mkdir(parents=True, exist_ok=True)
    chunks = [one_chunk(network, decode, settings, statistics, HELD_OUT + n, device) for n in range(rooms)]
    loops: dict[str, list[ClosedLoop]] = {way: [] for way in WAYS}
    along: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for n in range(rooms):
        for seed in range(seeds):
            held = _Walk.of(HELD_OUT + n, settings, decode, device)
            made = {way: held.made(network, statistics, way, seed) for way in WAYS}
            for way in WAYS:
                loops[way].append(held.closed_loop(made[way]))
                along[way].append(held.along_the_way(made[way]))
            if seed == 0:
                held.sheet(made).save(out / f"walk_{n:02}.png")
    report = {
        "folder": folder.name,
        "rooms": rooms,
        "seeds": seeds,
        "one chunk": _mean([asdict(one) for one in chunks]),
        "closed loop": {way: _mean([asdict(one) for one in found]) for way, found in loops.items()},
        # the first frame is given: its decibels are the codec's
        "along the way": {way: _column_means(rows) for way, rows in along.items()},
    }
    _curve(report["along the way"]).savefig(out / "along_the_way.png", dpi=110)
    (out / "remember.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def one_chunk(
    network: Network, decode: Picture, settings: Settings, statistics: Statistics, seed: int, device: torch.device
) -> OneChunk:
    """Make the frames of held-out samples, whose memory is whole and clean."""
    clean = replace(settings, noise=0.0, dropout=(0.0, 0.0))
    sample = Sample.batch(walk_samples(seed, clean, statistics)).to(device)
    made = network.made(sample, STEPS, seed)
    truth, shown, splatted = (
        decode(statistics.raw(rearrange(x[:, 1:], "b t c h w -> (b t) c h w")).cpu())
        for x in (sample.latents, made, sample.scene)
    )
    known = _pixels(rearrange(sample.known[:, 1:], "b t 1 h w -> (b t) h w").cpu() > 0)
    return OneChunk(_psnr(shown, truth, known), _psnr(shown, truth, ~known), _psnr(splatted, truth, known))


@dataclass(eq=False)
class _Made:
    """A walk that a network has made: latents ``(N, C, h, w)``, their frames ``(N, H, W, 3)``, and the last readout."""

    latents: Tensor
    frames: Tensor
    readout: Readout


@dataclass(eq=False)
class _Walk:
    """A held-out room and a way through it, one camera per pixel frame."""

    seed: int
    settings: Settings
    room: Room
    cameras: Cameras
    pictures: Tensor  # (N, H, W, 3) of the latent frames
    decode: Picture
    device: torch.device

    @staticmethod
    def of(seed: int, settings: Settings, decode: Picture, device: torch.device) -> "_Walk":
        frames = CHUNKS * (settings.frames - 1) * STRIDE + 1
        room, cameras, _, _ = remembered_walk(seed, frames, settings.image_size, every=STRIDE)
        pictures, _ = room.seen(cameras[::STRIDE], settings.image_size)
        return _Walk(seed, settings, room, cameras, pictures, decode, device)

    @property
    def views(self) -> Cameras:
        return self.cameras[::STRIDE]

    def started(self) -> WalkState:
        """The first frame, remembered."""
        return WalkState(encoded(self.pictures[:1]), self._memory(1))

    def _memory(self, frames: int) -> LatentMemory:
        some = slice(0, frames)
        depth = self.room.seen(self.views[some], self.settings.image_size)[1]
        return remember(LatentMemory(SPEC), encoded(self.pictures[some]), depth, self.views[some])

    def made(self, network: Network, statistics: Statistics, way: str, seed: int) -> _Made:
        """Walk: chunk after chunk, each read from what the chunks before have written."""
        tokens, readouts = self.settings.tokens, []
        other = None
        if way == "another room's":
            other = _Walk.of(self.seed + 1, self.settings, self.decode, self.device)
            other = other._memory(len(other.views))

        def denoise(request: ChunkRequest) -> Tensor:
            readouts.append(request.readout)
            readout = request.readout if other is None else splat(other, request.cameras, tokens)
            known = readout.known[:, None] & (way != "without")
            latents = request.first.expand(len(request.cameras), -1, -1, -1)
            sample = Sample(
                latents=statistics.normalised(latents),
                scene=torch.where(known, statistics.normalised(readout.latents), 0.0),
                known=known.float(),
                placement=torch.where(known, readout.placement, 0.0),
            )
            shown = network.made(Sample.batch([sample]).to(self.device), STEPS, seed * 1000 + request.chunk.number)
            raw = statistics.raw(shown[0].cpu())
            return torch.cat([request.first, raw[1:]])

        def exact(latents: Tensor, cameras: Cameras, readout: Readout) -> Estimate:
            return Estimate(self.room.seen(cameras, self.settings.image_size)[1])

        settings = WalkSettings(chunk_frames=(self.settings.frames - 1) * STRIDE + 1, preceding=0, references=0)
        *_, last = walk(self.started(), self.cameras, settings, denoise, exact)
        return _Made(last.latents, self.decode(last.latents), readouts[-1])

    def closed_loop(self, made: _Made) -> ClosedLoop:
        first, last = made.frames[:1], made.frames[-1:]
        found = loop_closure(made.frames, self.views, *REVISIT)
        known = _pixels(made.readout.known[-1:])
        splatted = self.decode(made.readout.latents[-1:])
        return ClosedLoop(
            last_against_first=float(psnr(last, first, 1.0)),
            revisits=sum(one.psnr for one in found) / len(found) if found else math.nan,
            known=_psnr(last, first, known),
            splat=_psnr(splatted, first, known),
        )

    def along_the_way(self, made: _Made) -> list[float]:
        """Decibels of each frame against the room as it is."""
        return [float(psnr(one, truth, 1.0)) for one, truth in zip(made.frames, self.pictures, strict=True)]

    def sheet(self, made: dict[str, _Made]) -> Image.Image:
        """Rows: the room, and each way; columns: frames from the first to the last."""
        picked = torch.linspace(0, len(self.pictures) - 1, 9).round().long()
        rows = [self.pictures[picked], *(made[way].frames[picked] for way in WAYS)]
        sheet = torch.cat([torch.cat(list(row), dim=1) for row in rows])
        return Image.fromarray((sheet * 255).round().byte().numpy())


def _pixels(tokens: Tensor) -> Tensor:
    """bool ``(T, h, w)`` to ``(T, H, W)``."""
    return tokens.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)


def _psnr(one: Tensor, other: Tensor, where: Tensor) -> float:
    """Decibels of pictures ``(T, H, W, 3)`` in the pixels ``(T, H, W)`` that count; NaN where none does."""
    return float(psnr(one[where], other[where], 1.0)) if bool(where.any()) else math.nan


def _mean(rows: list[dict]) -> dict:
    """Means of each column, without NaN."""
    means = {}
    for name in rows[0]:
        values = [row[name] for row in rows if not math.isnan(row[name])]
        means[name] = round(sum(values) / len(values), 2) if values else math.nan
    return means


def _column_means(rows: list[list[float]]) -> list[float]:
    return [round(sum(column) / len(column), 2) for column in zip(*rows, strict=True)]


def _curve(ways: dict[str, list[float]]) -> Figure:
    """Decibels against the room, frame by frame, one line for each way."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    for way, values in ways.items():
        axes.plot(values, marker="o", markersize=3, label=way)
    axes.set_xlabel("latent frame: out, and back to the start")
    axes.set_ylabel("PSNR against the room, dB")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
