"""The report of a walk as one picture: what was known, what the memory grew to, where the time went."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ...mirage_core.walk import ChunkReport

WIDTH, MARGIN, GAP = 960, 32, 26
CHART = 110  # height
TITLE = 26
BACKGROUND, TEXT, DIM, TRACK = "#14161a", "#e6e8eb", "#8b929c", "#2b3037"
KNOWN, GROWN, REFUSED = "#3fb8a5", "#6c8cff", "#e0705a"
STAGES = {"read": "#6c8cff", "denoise": "#3fb8a5", "estimate": "#d9a441", "update": "#b07ce8"}


def walk_picture(reports: Sequence[ChunkReport]) -> Tensor:
    """Charts with one column per chunk: IMAGE ``(1, H, W, 3)``."""
    height = 2 * MARGIN + 3 * (TITLE + CHART) + 2 * GAP + 22
    picture = Image.new("RGB", (WIDTH, height), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    top = MARGIN
    bars = [[(report.known, KNOWN)] for report in reports]
    _chart(draw, top, "known before it was made", bars, 1.0, lambda report: f"{report.known:.0%}", reports)
    top += TITLE + CHART + GAP
    largest = max(report.nbytes for report in reports)
    bars = [[(report.nbytes / largest, GROWN)] for report in reports]
    refused = [sum(1 for view in report.views if view.refused) for report in reports]
    title = "memory afterwards, MiB" + (f" (views not written: {sum(refused)})" if any(refused) else "")
    _chart(draw, top, title, bars, 1.0, lambda report: f"{report.nbytes / 2**20:.1f}", reports)
    top += TITLE + CHART + GAP
    longest = max(sum(report.seconds.values()) for report in reports)
    bars = [[(report.seconds[name], colour) for name, colour in STAGES.items()] for report in reports]
    legend = [(name, colour) for name, colour in STAGES.items()]
    _chart(draw, top, "seconds", bars, longest, lambda report: f"{sum(report.seconds.values()):.1f}", reports, legend)
    return torch.from_numpy(np.array(picture, dtype=np.float32) / 255.0).unsqueeze(0)


def _chart(
    draw: ImageDraw.ImageDraw,
    top: int,
    title: str,
    bars: Sequence[Sequence[tuple[float, str]]],
    most: float,
    label: Callable[[ChunkReport], str],
    reports: Sequence[ChunkReport],
    legend: Sequence[tuple[str, str]] = (),
) -> None:
    """Stacked bars, each a list of (value, colour) from the bottom up."""
    small, font = ImageFont.load_default(12), ImageFont.load_default(15)
    draw.text((MARGIN, top), title, fill=TEXT, font=font)
    left = MARGIN + round(draw.textlength(title, font=font)) + 24
    for name, colour in legend:
        draw.rectangle((left, top + 5, left + 9, top + 14), fill=colour)
        draw.text((left + 15, top + 2), name, fill=DIM, font=small)
        left += 15 + round(draw.textlength(name, font=small)) + 16
    base = top + TITLE + CHART
    step = min((WIDTH - 2 * MARGIN) / len(reports), 120.0)
    width = max(step * 0.72, 1.0)
    every = max(1, round(44 / step))  # so that the numbers do not touch
    for number, (report, bar) in enumerate(zip(reports, bars, strict=True)):
        x = MARGIN + number * step
        draw.rectangle((x, base - CHART + 18, x + width, base), fill=TRACK)
        y = float(base)
        for value, colour in bar:
            up = value / most * (CHART - 18) if most > 0 else 0.0
            if up >= 0.5:
                draw.rectangle((x, y - up, x + width, y), fill=colour)
            y -= up
        if number % every == 0:
            draw.text((x + width / 2, base - CHART + 14), label(report), fill=TEXT, font=small, anchor="ms")
            draw.text((x + width / 2, base + 4), f"{report.number + 1}", fill=DIM, font=small, anchor="mt")
