"""What became of several views that were written to a memory, in words."""

from collections.abc import Sequence

from .amounts import amount
from .update import UNALIGNED, UpdateSettings, ViewReport
from .views import AS_IT_IS, AlignedView, WrittenViews


def views_text(written: WrittenViews, names: Sequence[str], settings: UpdateSettings) -> str:
    """A summary, and a line per view.

    Args:
        names: of the views.
        settings: with which they were written.
    """
    refused = sum(bool(report.refused) for report in written.reports)
    memory = written.memory
    lines = [
        f"{len(names) - refused} of {len(names)} written; the memory holds {memory.num_points:,} points, "
        f"{amount(memory.nbytes)}"
    ]
    for name, aligned, report in zip(names, written.aligned, written.reports, strict=True):
        lines.append(f"{name}{_refused(report)}{_scale(aligned, settings)}{_left_out(report)}")
    return "\n".join(lines)


def _refused(report: ViewReport) -> str:
    return f" not written: {report.refused}" if report.refused else ""


def _scale(aligned: AlignedView, settings: UpdateSettings) -> str:
    fit = aligned.fit
    if fit is not None:
        shift = f", shift {fit.shift:.4f} of inverse depth" if fit.shift else ""
        return f": scale {fit.scale:.3f}{shift} by {aligned.by}, {fit.compared} compared, residual {fit.residual:.1%}"
    if aligned.by != AS_IT_IS or aligned.refused:
        return ""
    return ": depth as it is" + ("" if settings.fit == UNALIGNED else "; it gives the scale")


def _left_out(report: ViewReport) -> str:
    if not report.excluded:
        return ""
    return "; tokens left out: " + ", ".join(f"{reason} {tokens}" for reason, tokens in report.excluded.items())
