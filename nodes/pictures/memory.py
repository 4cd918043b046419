"""What a memory holds as one picture: points by frame of origin, how sure they are, how fine."""

import torch
from torch import Tensor

from ...mirage_core import LatentMemory
from .charts import chart, short, three_charts
from .palette import BLUE, TEAL, VIOLET
from .pixels import as_image

MOST_BARS = 12
TENTHS = 10


def memory_picture(memory: LatentMemory) -> Tensor:
    """Three charts: IMAGE ``(1, H, W, 3)``. An empty memory has empty ones."""
    picture, draw = three_charts()
    frames, confidence, widths = (
        memory.column(name).cpu().double() if memory.num_points else torch.zeros(0)
        for name in ("frame", "confidence", "footprint")
    )
    mib = memory.nbytes / 2**20 / max(memory.num_points, 1)
    counts, edges = _counted(frames, whole=True)
    names = [f"{edge:.0f}" for edge in edges]
    chart(draw, 0, "MiB by latent frame of origin", [[(n * mib, BLUE)] for n in counts], _sizes(counts, mib), names)
    counts, edges = _counted(confidence, share=True)
    names = [f"{edge:.1f}" for edge in edges]
    chart(draw, 1, "points by confidence", [[(n, TEAL)] for n in counts], [_many(n) for n in counts], names)
    counts, edges = _counted(widths)
    names = [short(edge) for edge in edges]
    title = "points by width, scene units"
    chart(draw, 2, title, [[(n, VIOLET)] for n in counts], [_many(n) for n in counts], names)
    return as_image(picture)


def _counted(values: Tensor, whole: bool = False, share: bool = False) -> tuple[list[int], list[float]]:
    """How many values lie in each of some equal steps, and where the steps begin.

    Args:
        whole: they are whole numbers: a step holds at least one of them.
        share: they are shares: a step is a tenth.
    """
    if len(values) == 0:
        return [0], [0.0]
    low, high = (0.0, 1.0) if share else (float(values.min()), float(values.max()))
    bars = TENTHS if share else min(MOST_BARS, int(high - low) + 1) if whole else MOST_BARS
    high += 1.0 if whole else 1e-9
    step = max((high - low) / bars, 1e-9)
    places = ((values - low) / step).long().clamp(0, bars - 1)
    return torch.bincount(places, minlength=bars).tolist(), [low + n * step for n in range(bars)]


def _many(count: int) -> str:
    return f"{count / 1e6:.1f}M" if count >= 1e6 else f"{count / 1e3:.0f}k" if count >= 1e4 else f"{count}"


def _sizes(counts: list[int], mib: float) -> list[str]:
    return [short(count * mib) for count in counts]
