"""Does a trained network remember? Held-out rooms, one chunk and whole walks out and back, in every way of ``ways.py``.

Beside them stands what the memory of the first one shows, the raw splat.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..mirage_core.files import whole_file, write_text
from ..mirage_core.learned_codec import load_codec
from .held_out import HeldOutWalk, Made
from .network import Network
from .samples import HELD_OUT, Settings
from .ways import MODES, Sampled, Way, ways_of

SPLAT = "what the memory shows"
TABLE = (
    "way",
    "known tokens of one chunk",
    "unknown tokens of one chunk",
    "last frame against first",
    "all revisits",
    "known tokens of the walk: frames, raw splat",
    "the same of its last frame",
)


def evaluate(
    files: Sequence[Path], settings: Settings, rooms: int, seeds: int, out: Path, modes: Sequence[str] = MODES
) -> dict:
    """Measure a network; write ``remember.json``, ``remember.md``, ``along_the_way.png`` and contact sheets to ``out``.

    They are written after every room, for the rooms so far.

    Args:
        files: of model, branch and codec.
        rooms: that are walked through.
        seeds: of noise, for the walk of each room.
        modes: of ``MODES``; the ways to compare them with are always measured.
    """
    model, branch, codec = files
    network, codec, found = Sampled(Network.load(model, branch)), load_codec(codec), _Found(ways_of(modes))
    out.mkdir(parents=True, exist_ok=True)
    for n in range(rooms):
        held = HeldOutWalk.of(HELD_OUT + n, settings, codec)
        found.add_chunks(held, network)
        for seed in range(seeds):
            made = {name: held.made(network, way, seed) for name, way in found.ways.items()}
            found.add_walk(held, made)
            if seed == 0:
                with whole_file(out / f"walk_{n:02}.png") as file:
                    contact_sheet(held.pictures, made).save(file, format="PNG")
        report = {"model": model.name, "rooms": n + 1, "seeds": seeds, **found.means()}
        _write(report, out)
    return report


def _write(report: dict, out: Path) -> None:
    with whole_file(out / "along_the_way.png") as file:
        _curve(report["along the way"]).savefig(file, format="png", dpi=110)
    write_text(out / "remember.json", json.dumps(report, indent=1) + "\n")
    write_text(out / "remember.md", table(report))


class _Found:
    """What has been measured so far, way by way."""

    def __init__(self, ways: dict[str, Way]):
        self.ways = ways
        self.chunks: dict[str, list[dict]] = {name: [] for name in ways}
        self.loops: dict[str, list[dict]] = {name: [] for name in ways}
        self.along: dict[str, list[list[float]]] = {name: [] for name in (*ways, SPLAT)}

    def add_chunks(self, held: HeldOutWalk, network: Sampled) -> None:
        for name, way in self.ways.items():
            self.chunks[name].append(asdict(held.one_chunk(network, way)))

    def add_walk(self, held: HeldOutWalk, made: dict[str, Made]) -> None:
        for name, one in made.items():
            self.loops[name].append(asdict(held.closed_loop(one)))
            self.along[name].append(held.along_the_way(one.frames))
        self.along[SPLAT].append(held.along_the_way(_first(made).splat))

    def means(self) -> dict:
        return {
            "one chunk": {name: _means(rows) for name, rows in self.chunks.items()},
            "closed loop": {name: _means(rows) for name, rows in self.loops.items()},
            # the first frame is given: its decibels are the codec's
            "along the way": {name: _column_means(rows) for name, rows in self.along.items()},
        }


def table(report: dict) -> str:
    """All ways in one table of Markdown, in decibels."""
    rows = [TABLE, ("---",) * len(TABLE)]
    for way, walked in report["closed loop"].items():
        one = report["one chunk"][way]
        values = [f"{value:.1f}" for value in (one["known"], one["unknown"])]
        values += [f"{walked[name]:.1f}" for name in ("last_against_first", "revisits")]
        values += [f"{walked[of + 'known']:.1f}, {walked[of + 'splat']:.1f}" for of in ("", "last_")]
        rows.append((way, *values))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def contact_sheet(truth: Tensor, made: dict[str, Made]) -> Image.Image:
    """Rows: the room, what the memory shows, and each way; columns: frames from the first to the last.

    Args:
        truth: ``(N, H, W, 3)`` pictures of the room.
    """
    picked = torch.linspace(0, len(truth) - 1, 9).round().long()
    rows = [truth, _first(made).splat, *(one.frames for one in made.values())]
    sheet = torch.cat([torch.cat(list(row[picked]), dim=1) for row in rows])
    return Image.fromarray((sheet * 255).round().byte().numpy())


def _first(made: dict[str, Made]) -> Made:
    return next(iter(made.values()))


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
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    for way, values in ways.items():
        axes.plot(values, marker="o", markersize=3, label=way)
    axes.set_xlabel("latent frame: out, and back to the start")
    axes.set_ylabel("PSNR against the room, dB")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
