"""Which point wins each cell: the backends, and the choice of one."""

from ..errors import check_choice
from . import portable, reference
from .projection import Views, project

BACKENDS = {"reference": reference.winning_points, "portable": portable.winning_points}


def backend_named(name: str):
    """Return the backend's ``winning_points(xyz, footprint, views)``; "auto" is the fastest that is here.

    Raises:
        MirageError: the name is unknown.
    """
    check_choice("splat", "backend", name, ("auto", *BACKENDS))
    return BACKENDS["portable" if name == "auto" else name]


__all__ = ["Views", "backend_named", "project"]
