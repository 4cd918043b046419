"""The report of a walk as one picture: what was known, what the memory grew to, where the time went."""

from collections.abc import Sequence

from torch import Tensor

from ...mirage_core.walk import ChunkReport
from .charts import chart, legend, short, three_charts
from .palette import AMBER, BLUE, TEAL, VIOLET
from .pixels import as_image

STAGES = {"read": BLUE, "denoise": TEAL, "estimate": AMBER, "update": VIOLET}


def walk_picture(reports: Sequence[ChunkReport]) -> Tensor:
    """Three charts with one bar per chunk: IMAGE ``(1, H, W, 3)``."""
    picture, draw = three_charts()
    numbers = [report.number + 1 for report in reports]
    known = [[(report.known, TEAL)] for report in reports]
    chart(draw, 0, "known before it was made", known, [f"{report.known:.0%}" for report in reports], numbers, 1.0)
    sizes = [report.nbytes / 2**20 for report in reports]
    refused = sum(1 for report in reports for view in report.views if view.refused)
    title = "memory afterwards, MiB" + (f" (views not written: {refused})" if refused else "")
    chart(draw, 1, title, [[(size, BLUE)] for size in sizes], [short(size) for size in sizes], numbers)
    seconds = [sum(report.seconds.values()) for report in reports]
    stages = [[(report.seconds[name], colour) for name, colour in STAGES.items()] for report in reports]
    chart(draw, 2, "seconds", stages, [short(second) for second in seconds], numbers)
    legend(draw, 2, STAGES)
    return as_image(picture)
