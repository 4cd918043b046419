"""Does a trained network remember? Held-out rooms, one chunk and whole walks out and back.

Four ways to make each walk: with its memory; with it, and tokens that are seen just as they were written kept as they
are; without a memory; with that of another room. Beside them stands what the memory of the first one shows, the raw
splat. Depth of generated frames is the room's own, ray-cast: what is measured is the network, not a depth model.
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from einops import rearrange
from kornia.metrics import psnr
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..mirage_core import Cameras, LatentMemory, LatentPath, Readout, splat
from ..mirage_core.files import whole_file, write_text
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
    walk_in_a_room,
    walk_samples,
)
from .train import BRANCH, MODEL, SIZES

STEPS = 8  # of the sampler, as in the workflow first_walk
CHUNKS = 4
REVISIT = (0.15, 5.0)  # metres and degrees that count as the same pose
KEPT = "memory, exact tokens kept"
WAYS = ("memory", KEPT, "without", "another room's")
SPLAT = "what the memory shows"
Picture = Callable[[Tensor], Tensor]  # raw latents (T, C, h, w) to pictures (T, H, W, 3), 0..1
GREY = 0.5


@dataclass(frozen=True)
class OneChunk:
    """Decibels of one chunk against the truth, in tokens that the memory knows, and in the others.

    ``splat`` is what the memory shows, as it is, without a network.
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
        known, splat: dB of the frames that were made, and of what the walk's own memory shows in their places, against
            the room, in the tokens that this memory knows.
        last_known, last_splat: the same of the last frame alone, which sees again exactly what was written first.
    """

    last_against_first: float
    revisits: float
    known: float
    splat: float
    last_known: float
    last_splat: float


def evaluate(folder: Path, size: str, rooms: int, seeds: int, out: Path, device: torch.device) -> dict:
    """Measure what ``folder`` holds; write ``remember.json``, ``along_the_way.png`` and contact sheets to ``out``."""
    settings = SIZES[size].samples
    codec = load_codec(folder / CODEC)
    statistics, decode = statistics_of(codec), partial(pictures_of, codec)
    network = Network.load(folder / MODEL, folder / BRANCH)
    out.mkdir(parents=True, exist_ok=True)
    chunks = [one_chunk(network, decode, settings, statistics, HELD_OUT + n, device) for n in range(rooms)]
    loops: dict[str, list[ClosedLoop]] = {way: [] for way in WAYS}
    along: dict[str, list[list[float]]] = {way: [] for way in (*WAYS, SPLAT)}
    for n in range(rooms):
        for seed in range(seeds):
            held = _Walk.of(HELD_OUT + n, settings, decode, device)
            made = {way: held.made(network, statistics, way, seed) for way in WAYS}
            for way in WAYS:
                loops[way].append(held.closed_loop(made[way]))
                along[way].append(held.along_the_way(made[way].frames))
            along[SPLAT].append(held.along_the_way(made[WAYS[0]].splat))
            if seed == 0:
                with whole_file(out / f"walk_{n:02}.png") as file:
                    held.sheet(made).save(file, format="PNG")
    report = {
        "folder": folder.name,
        "rooms": rooms,
        "seeds": seeds,
        "one chunk": _means([asdict(one) for one in chunks]),
        "closed loop": {way: _means([asdict(one) for one in found]) for way, found in loops.items()},
        # the first frame is given: its decibels are the codec's
        "along the way": {way: _column_means(rows) for way, rows in along.items()},
    }
    with whole_file(out / "along_the_way.png") as file:
        _curve(report["along the way"]).savefig(file, format="png", dpi=110)
    write_text(out / "remember.json", json.dumps(report, indent=1) + "\n")
    return report


def one_chunk(
    network: Network, decode: Picture, settings: Settings, statistics: Statistics, seed: int, device: torch.device
) -> OneChunk:
    """Make the frames of held-out samples, whose memory is whole and clean."""
    clean = replace(settings, noise=0.0, dropout=(0.0, 0.0), forgotten=0.0)
    sample = Sample.batch(walk_samples(seed, clean, statistics)).to(device)
    made = network.made(sample, STEPS, seed)
    truth, shown, splatted = (
        decode(statistics.raw(rearrange(x[:, 1:], "b t c h w -> (b t) c h w")).cpu())
        for x in (sample.latents, made, sample.splat)
    )
    known = _pixels(rearrange(sample.known[:, 1:], "b t 1 h w -> (b t) h w").cpu() > 0)
    return OneChunk(_psnr(shown, truth, known), _psnr(shown, truth, ~known), _psnr(splatted, truth, known))


@dataclass(eq=False)
class _Made:
    """A walk that a network has made.

    Attributes:
        frames: ``(N, H, W, 3)``; the first one is given.
        splat: ``(N, H, W, 3)`` what the walk's own memory shows in their places, grey where nothing is known.
        known: bool ``(N, H, W)`` where something is; nothing of the first frame.
    """

    frames: Tensor
    splat: Tensor
    known: Tensor


@dataclass(eq=False)
class _Walk:
    """A held-out room and a way through it, one camera per video frame."""

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
        room, cameras = walk_in_a_room(seed, frames, settings.image_size)
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
            turn = self.views.cam2world[0] @ other.views.cam2world[0].inverse()  # both walks begin at the same pose
            other = other._memory(len(other.views)).transform(rotation=turn[:3, :3], translation=turn[:3, 3])

        def denoise(request: ChunkRequest) -> Tensor:
            readouts.append(request.readout)
            readout = request.readout if other is None else splat(other, request.path)
            known = readout.known[:, None] & (way != "without")
            latents = request.first.expand(len(request.path), -1, -1, -1)
            sample = Sample(
                latents=statistics.normalised(latents),
                splat=torch.where(known, statistics.normalised(readout.latents), 0.0),
                known=known.float(),
                placement=torch.where(known, readout.placement, 0.0),
            )
            noise = seed * 1000 + request.chunk.number
            shown = network.made(Sample.batch([sample]).to(self.device), STEPS, noise, keep_exact=way == KEPT)
            raw = statistics.raw(shown[0].cpu())
            return torch.cat([request.first, raw[1:]])

        def exact(latents: Tensor, cameras: Cameras, readout: Readout) -> Estimate:
            return Estimate(self.room.seen(cameras, self.settings.image_size)[1])

        H, W = self.settings.image_size
        path = LatentPath.of(self.cameras, SPEC, W, H)
        settings = WalkSettings(chunk_frames=(self.settings.frames - 1) * STRIDE + 1, preceding=0, references=0)
        *_, last = walk(self.started(), path, settings, denoise, exact)
        frames = self.decode(last.latents)
        known = torch.cat([torch.zeros(1, *tokens, dtype=torch.bool), *(one.known[1:] for one in readouts)])
        shown = torch.cat([frames[:1], self.decode(torch.cat([one.latents[1:] for one in readouts]))])
        known = _pixels(known)
        shown[1:][~known[1:]] = GREY
        return _Made(frames, shown, known)

    def closed_loop(self, made: _Made) -> ClosedLoop:
        first, last = made.frames[:1], made.frames[-1:]
        found = loop_closure(made.frames, self.views, *REVISIT)
        end = slice(-1, None)
        return ClosedLoop(
            last_against_first=float(psnr(last, first, 1.0)),
            revisits=sum(one.psnr for one in found) / len(found) if found else math.nan,
            known=_psnr(made.frames, self.pictures, made.known),
            splat=_psnr(made.splat, self.pictures, made.known),
            last_known=_psnr(made.frames[end], self.pictures[end], made.known[end]),
            last_splat=_psnr(made.splat[end], self.pictures[end], made.known[end]),
        )

    def along_the_way(self, frames: Tensor) -> list[float]:
        """Decibels of each frame against the room as it is."""
        return [float(psnr(one, truth, 1.0)) for one, truth in zip(frames, self.pictures, strict=True)]

    def sheet(self, made: dict[str, _Made]) -> Image.Image:
        """Rows: the room, what the memory shows, and each way; columns: frames from the first to the last."""
        picked = torch.linspace(0, len(self.pictures) - 1, 9).round().long()
        rows = [self.pictures, made[WAYS[0]].splat, *(made[way].frames for way in WAYS)]
        sheet = torch.cat([torch.cat(list(row[picked]), dim=1) for row in rows])
        return Image.fromarray((sheet * 255).round().byte().numpy())


def _pixels(tokens: Tensor) -> Tensor:
    """bool ``(T, h, w)`` to ``(T, H, W)``."""
    return tokens.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)


def _psnr(one: Tensor, other: Tensor, where: Tensor) -> float:
    """Decibels of pictures ``(T, H, W, 3)`` in the pixels ``(T, H, W)`` that count; NaN where none does."""
    return float(psnr(one[where], other[where], 1.0)) if bool(where.any()) else math.nan


def _mean(values: Iterable[float]) -> float:
    """Decibels of the mean squared error, so that a plain wall does not outweigh the rest; NaN does not count."""
    errors = [10 ** (-value / 10) for value in values if not math.isnan(value)]
    return round(-10 * math.log10(max(sum(errors) / len(errors), 1e-10)), 2) if errors else math.nan


def _means(rows: list[dict]) -> dict:
    return {name: _mean(row[name] for row in rows) for name in rows[0]}


def _column_means(rows: list[list[float]]) -> list[float]:
    return [_mean(column) for column in zip(*rows, strict=True)]


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
