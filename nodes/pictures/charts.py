"""Bar charts side by side, as pictures for a node."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from .palette import DIM, MARGIN, SMALL_SIZE, TEXT, TITLE, TRACK, WIDTH, blank, font

GAP = 40
CHART, NUMBERS = 150, 22  # heights: the bars with their values, what stands below them
PANEL = (WIDTH - 2 * MARGIN - 2 * GAP) // 3


def three_charts() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture with room for three charts and a legend below them."""
    return blank(WIDTH, 2 * MARGIN + TITLE + CHART + NUMBERS + TITLE)


def chart(
    draw: ImageDraw.ImageDraw,
    column: int,
    title: str,
    bars: Sequence[Sequence[tuple[float, str]]],
    labels: Sequence[str],
    numbers: Sequence[object],
    most: float | None = None,
) -> None:
    """Stacked bars, each a list of (value, colour) from the bottom up; the highest, or ``most``, fills the chart."""
    small, left, top = font(SMALL_SIZE), MARGIN + column * (PANEL + GAP), MARGIN
    draw.text((left, top), title, fill=TEXT, font=font())
    base, high = top + TITLE + CHART, top + TITLE + 20
    most = most or max(sum(value for value, _ in bar) for bar in bars) or 1.0
    step = min(PANEL / len(bars), 64.0)
    width = max(step * 0.75, 1.0)
    every = max(1, round(44 / step))  # so that the numbers do not touch
    for index, (bar, label, number) in enumerate(zip(bars, labels, numbers, strict=True)):
        x, y = left + index * step, float(base)
        draw.rectangle((x, high, x + width, base), fill=TRACK)
        for value, colour in bar:
            up = value / most * (base - high)
            if up >= 0.5:
                draw.rectangle((x, y - up, x + width, y), fill=colour)
            y -= up
        if index % every == 0:
            draw.text((x + width / 2, high - 4), label, fill=TEXT, font=small, anchor="ms")
            draw.text((x + width / 2, base + 5), f"{number}", fill=DIM, font=small, anchor="mt")


def legend(draw: ImageDraw.ImageDraw, column: int, colours: dict[str, str]) -> None:
    small = font(SMALL_SIZE)
    left, top = MARGIN + column * (PANEL + GAP), MARGIN + TITLE + CHART + NUMBERS + 6
    for name, colour in colours.items():
        draw.rectangle((left, top + 3, left + 9, top + 12), fill=colour)
        draw.text((left + 15, top), name, fill=DIM, font=small)
        left += 15 + round(draw.textlength(name, font=small)) + 14


def short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
