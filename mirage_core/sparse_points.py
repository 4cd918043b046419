"""Sparse points: single places of pictures whose depth a reconstruction from many pictures has found."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .conventions import MIN_DEPTH
from .errors import MirageError, check_finite, check_number, check_shape


@dataclass(frozen=True, eq=False)
class SparsePoints:
    """What T views see of the points of a reconstruction.

    They stand in each camera's own frame, so that they stay what they are when the world is moved, or a picture cut.

    Attributes:
        views: of each view ``(M, 3)``, OpenCV axes, scene units; M = 0 where nothing is known.
    """

    views: tuple[Tensor, ...]

    def __post_init__(self):
        for number, points in enumerate(self.views):
            check_shape(f"sparse points of view {number}", points, "(M, 3)", (None, 3))
            check_finite(f"sparse points of view {number}", points)

    @classmethod
    def none(cls, views: int) -> "SparsePoints":
        """Of so many views, of which nothing is known."""
        return cls(tuple(torch.zeros(0, 3) for _ in range(views)))

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, views: Sequence[int]) -> "SparsePoints":
        return SparsePoints(tuple(self.views[view] for view in views))

    @property
    def count(self) -> int:
        """How many there are in all views; a point that two views see counts twice."""
        return sum(map(len, self.views))

    def scaled(self, scale: float) -> "SparsePoints":
        """In a world whose distances are multiplied."""
        check_number("scale", scale, above=0.0)
        return SparsePoints(tuple(scale * points for points in self.views))

    def beside(self, depth: Tensor, K: Tensor, view: int) -> tuple[Tensor, Tensor]:
        """Depth of one view's picture at its points, and the points' own: both ``(M',)``, scene units.

        Args:
            depth: ``(H, W)`` of the picture, 0 = none; it is read at the pixel that a point falls into.
            K: ``(3, 3)`` normalised.

        Points outside the picture and behind the camera are left out.
        """
        if not 0 <= view < len(self):
            raise MirageError(f"view: must be one of the {len(self)} that have sparse points; got {view!r}.")
        H, W = depth.shape
        points = self.views[view].to(depth)
        points = points[points[:, 2] >= MIN_DEPTH]
        places = (points @ K.to(depth).T)[:, :2] / points[:, 2:]  # (M, 2) of the picture, 0..1 inside
        column, row = (places * places.new_tensor([W, H])).floor().unbind(dim=1)
        inside = (column >= 0) & (column < W) & (row >= 0) & (row < H)
        return depth[row[inside].long(), column[inside].long()], points[inside, 2]
