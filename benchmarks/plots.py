"""The results as plots: a line or a point for every number, labelled where it stands."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window
import matplotlib.pyplot as plt
from common import save_figure

OURS, THEIRS, THIRD = "#0072b2", "#d55e00", "#009e73"  # told apart by colour-blind readers, too
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.dpi": 150,
}


def draw(result: dict, folder: Path, label: str) -> list[Path]:
    """Draw what the result holds; returns the files."""
    painters = {
        "readout": _readout,
        "conditioning": _conditioning,
        "quality": _quality,
        "building": _building,
        "growth": _growth,
    }
    made = []
    with plt.rc_context(STYLE):
        for name, paint in painters.items():
            if name in result:
                figure = paint(result[name])
                about = result[name]["machine"]
                figure.text(0.01, -0.04, f"{about['name']}, torch {about['torch']}", fontsize=7, color="0.4")
                made.append(folder / f"{label}-{name}.png")
                save_figure(figure, made[-1])
                plt.close(figure)
    return made


def _readout(part: dict):
    rows = part["rows"]
    points = [row["points"] for row in rows]
    figure, axes = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    lines = [("sort_and_overwrite", "sort and overwrite", THEIRS, "o-")]
    lines += [
        ("portable_nearest", "ours, nearest", OURS, "o-"),
        ("portable_footprints", "ours, with footprints", OURS, "o--"),
    ]
    if "triton_nearest_ms" in rows[0]:
        lines += [
            ("triton_nearest", "Triton, nearest", THIRD, "o-"),
            ("triton_footprints", "Triton, with footprints", THIRD, "o--"),
        ]
    for key, title, colour, style in lines:
        axes.loglog(points, [row[f"{key}_ms"] for row in rows], style, color=colour, label=title, markersize=4)
    axes.set(
        xlabel="points in the memory",
        ylabel="ms",
        title="Reading a memory into nine views",
        xlim=(points[0] / 1.5, points[-1] * 1.5),
    )
    axes.legend()
    return figure


def _conditioning(part: dict):
    rows = part["rows"]
    chunks = [row["chunks"] for row in rows]
    figure, (time, size) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    for axes, key, title, unit in (
        (time, "s_per_frame", "Conditioning the next chunk", "seconds per frame"),
        (size, "mib", "Cache", "MiB"),
    ):
        axes.semilogy(
            chunks, [row[f"rgb_{key}"] for row in rows], "o-", color=THEIRS, label="RGB point cloud", markersize=4
        )
        axes.semilogy(
            chunks, [row[f"latent_{key}"] for row in rows], "o-", color=OURS, label="latent memory", markersize=4
        )
        axes.set(xlabel="chunks seen", ylabel=unit, title=title, xticks=chunks)
    time.legend(loc="center right")
    return figure


def _quality(part: dict):
    rows = part["rows"]
    places = range(len(rows))
    figure, (filled, error) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained", sharey=True)
    for key, title, colour in (
        ("published", "published settings", THEIRS),
        ("nearest", "median depth, nearest", THIRD),
        ("ours", "median depth, footprints", OURS),
    ):
        filled.plot([row[f"{key}_filled"] for row in rows], places, "o", color=colour, label=title)
        error.plot([row[f"{key}_error"] for row in rows], places, "o", color=colour, label=title)
    filled.set(
        xlabel="share of truly visible tokens filled",
        yticks=places,
        yticklabels=[row["set"] for row in rows],
        xlim=(0, 1.05),
    )
    error.set(xlabel="mean absolute latent error", xlim=(0, None))
    figure.suptitle("Real depth: one frame's memory in another's view", fontsize=10)
    filled.legend(loc="center left", fontsize=7)
    return figure


def _building(part: dict):
    rows = part["rows"]
    chunks = [row["chunk"] for row in rows]
    figure, (size, time) = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    size.plot(chunks, [row["mib"] for row in rows], color=OURS)
    size.set(xlabel="chunk", ylabel="MiB", title="Memory", ylim=(0, None))
    time.plot(chunks, [row["insert_ms"] for row in rows], color=THEIRS, label="write eight views")
    time.plot(chunks, [row["readout_ms"] for row in rows], color=OURS, label="read nine views")
    time.set(xlabel="chunk", ylabel="ms", title="Time per chunk", ylim=(0, None))
    time.legend()
    figure.suptitle(f"A walk of {part['frames']:,} frames through a building of 16 rooms", fontsize=10)
    return figure


def _growth(part: dict):
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.0), layout="constrained")
    panes = (("rss_mib", "MiB", "Resident memory"), ("s", "seconds", "Time per chunk"), ("", "KiB", "Disk per chunk"))
    for walk, colour in zip(part["walks"], (THIRD, THEIRS, OURS), strict=False):
        chunks = [row["chunk"] for row in walk["rows"]]
        for axes, (key, unit, title) in zip(panels, panes, strict=True):
            axes.set(xlabel="chunk", ylabel=unit, title=title, xscale="log")
            lines = [(key, "-")] if key else [("chunk_kib", "-"), ("video_kib", ":")]
            for name, style in lines:
                label = f"{walk['frames']:,} video frames" if key else None
                axes.plot(chunks, [row[name] for row in walk["rows"]], style, color=colour, label=label, linewidth=1)
    for axes in panels:
        axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    panels[0].legend(fontsize=7, loc="lower left")
    panels[2].plot([], [], "-", color="0.4", label="chunk's file")
    panels[2].plot([], [], ":", color="0.4", label="video")
    panels[2].legend(fontsize=7, loc="upper right")
    figure.suptitle("Scene Walk: what a chunk costs, in walks of three lengths", fontsize=10)
    return figure
