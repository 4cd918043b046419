"""A block of points: latent tokens in the world."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import MirageError, check_finite, check_shape, describe


@dataclass(frozen=True)
class LiftSource:
    """Where the points of a freshly lifted block came from: what "fill" and "refresh" need to compare them by cell."""

    size: tuple[int, int]  # (h, w) of the latent grid
    token_anchor: str
    view: Tensor  # int64 (N,) row of the lifted latents, and of their cameras


@dataclass(frozen=True, eq=False)
class PointBlock:
    """N latent tokens in the world. Never changed in place.

    Attributes:
        xyz: ``(N, 3)`` world frame, scene units.
        features: ``(N, C)`` latent values as the host hands them over, any float dtype.
        footprint: ``(N,)`` world width of the token when it was seen, scene units; None = 0, a bare point.
        confidence: ``(N,)`` 0..1, the share of the token's pixels that had a depth; None = 1.
        frame: int32 ``(N,)`` latent frame of origin; None = 0.
        source: only on a block fresh from ``lift``.
    """

    xyz: Tensor
    features: Tensor
    footprint: Tensor | None = None
    confidence: Tensor | None = None
    frame: Tensor | None = None
    source: LiftSource | None = None

    def __post_init__(self):
        xyz = check_shape("PointBlock", "xyz", self.xyz, "(N, 3)", (None, 3)).float()
        n = len(xyz)
        features = check_shape("PointBlock", "features", self.features, f"({n}, C) like xyz", (n, None))
        if not features.is_floating_point():
            raise MirageError(f"PointBlock: features must be floating point; got {describe(features)}.")
        footprint = xyz.new_zeros(n) if self.footprint is None else self.footprint
        confidence = xyz.new_ones(n) if self.confidence is None else self.confidence
        frame = xyz.new_zeros(n, dtype=torch.int32) if self.frame is None else self.frame
        for name, value in (("footprint", footprint), ("confidence", confidence), ("frame", frame)):
            check_shape("PointBlock", name, value, f"({n},) like xyz", (n,))
        for name, value in (("xyz", xyz), ("features", features), ("footprint", footprint)):
            check_finite("PointBlock", name, value)
        object.__setattr__(self, "xyz", xyz)
        object.__setattr__(self, "footprint", footprint.float())
        object.__setattr__(self, "confidence", confidence.float())
        object.__setattr__(self, "frame", frame.to(torch.int32))

    def __len__(self) -> int:
        return len(self.xyz)

    def __getitem__(self, index: Tensor | slice) -> "PointBlock":
        """The points of a bool or int64 index, or of a slice, no longer tied to the cells they came from."""
        columns = (self.xyz, self.features, self.footprint, self.confidence, self.frame)
        return PointBlock(*(column[index] for column in columns))

    def to(self, device: torch.device | str) -> "PointBlock":
        if self.xyz.device == torch.device(device):
            return self
        columns = (self.xyz, self.features, self.footprint, self.confidence, self.frame)
        return PointBlock(*(column.to(device) for column in columns))

    @property
    def bounds(self) -> Tensor:
        """``(2, 3)`` lowest and highest world coordinates; of an empty block an error."""
        if len(self) == 0:
            raise MirageError("PointBlock.bounds: the block must hold a point; it is empty.")
        return torch.stack([self.xyz.amin(dim=0), self.xyz.amax(dim=0)])

    @property
    def nbytes(self) -> int:
        columns = (self.xyz, self.features, self.footprint, self.confidence, self.frame)
        return sum(column.nbytes for column in columns)

    @staticmethod
    def concatenated(blocks: Sequence["PointBlock"]) -> "PointBlock":
        columns = [(b.xyz, b.features, b.footprint, b.confidence, b.frame) for b in blocks]
        return PointBlock(*(torch.cat(parts) for parts in zip(*columns, strict=True)))
