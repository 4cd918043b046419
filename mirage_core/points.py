"""A block of points: latent tokens in the world."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .devices import check_one_device, resolved
from .errors import MirageError, check_choice, check_finite, check_shape, describe
from .values import derived

STORES = ("float32", "float16", "bfloat16", "int8")  # how features can be kept
INT8_LARGEST = 127.0


@dataclass(frozen=True)
class LiftSource:
    """Where the points of a freshly lifted block came from: what "fill" and "refresh" need to compare them by cell."""

    size: tuple[int, int]  # (h, w) of the latent grid
    token_anchor: str
    view: Tensor  # int64 (N,) row of the lifted latents, and of their cameras


@dataclass(frozen=True, eq=False)
class PointBlock:
    """N latent tokens in the world. Never changed in place.

    All of its tensors lie on one device.

    Attributes:
        xyz: ``(N, 3)`` world frame, scene units.
        features: ``(N, C)`` latent values as ComfyUI hands them over, any float dtype; or int8, to be multiplied by
            ``feature_scale``.
        footprint: ``(N,)`` world width of the token when it was seen, scene units; None = 0, a bare point.
        confidence: ``(N,)`` 0..1, the share of the token's pixels that had a depth; None = 1.
        frame: int32 ``(N,)`` latent frame of origin; None = 0.
        source: only on a block fresh from ``lift``.
        feature_scale: ``(N,)`` one scale per token of int8 features; else None.
        locked: bool ``(N,)``, True = never replaced, pruned or written over; None = no point is.
    """

    xyz: Tensor
    features: Tensor
    footprint: Tensor | None = None
    confidence: Tensor | None = None
    frame: Tensor | None = None
    source: LiftSource | None = None
    feature_scale: Tensor | None = None
    locked: Tensor | None = None

    def __post_init__(self):
        xyz = check_shape("xyz", self.xyz, "(N, 3)", (None, 3)).float()
        n = len(xyz)
        features = check_shape("features", self.features, f"({n}, C) like xyz", (n, None))
        scaled = features.dtype == torch.int8 and self.feature_scale is not None
        if scaled:
            check_shape("feature_scale", self.feature_scale, f"({n},) like xyz", (n,))
            check_finite("feature_scale", self.feature_scale)
        elif not features.is_floating_point() or self.feature_scale is not None:
            raise MirageError(
                "features: must be floating point, or int8 with a feature_scale; "
                f"got {describe(features)} and feature_scale {describe(self.feature_scale)}."
            )
        footprint = xyz.new_zeros(n) if self.footprint is None else self.footprint
        confidence = xyz.new_ones(n) if self.confidence is None else self.confidence
        frame = xyz.new_zeros(n, dtype=torch.int32) if self.frame is None else self.frame
        for name, value in (("footprint", footprint), ("confidence", confidence), ("frame", frame)):
            check_shape(name, value, f"({n},) like xyz", (n,))
        for name, value in (("xyz", xyz), ("features", features), ("footprint", footprint)):
            check_finite(name, value)
        view = None if self.source is None else self.source.view
        columns = {"xyz": xyz, "features": features, "footprint": footprint, "confidence": confidence, "frame": frame}
        check_one_device(**columns, feature_scale=self.feature_scale, view=view, locked=self.locked)
        object.__setattr__(self, "xyz", xyz)
        object.__setattr__(self, "footprint", footprint.float())
        object.__setattr__(self, "confidence", confidence.float())
        object.__setattr__(self, "frame", frame.to(torch.int32))
        object.__setattr__(self, "locked", _any_locked(self.locked, n))

    def __len__(self) -> int:
        return len(self.xyz)

    def __getitem__(self, index: Tensor | slice) -> "PointBlock":
        """The points of a bool or int64 index, or of a slice, no longer tied to the cells they came from."""
        index = index.to(self.device) if isinstance(index, Tensor) else index
        columns = {name: column[index] for name, column in self.columns.items()}
        n = len(check_shape("xyz", columns["xyz"], "(N, 3)", (None, 3)))
        columns["locked"] = _any_locked(columns.get("locked"), n)
        return derived(self, **columns, source=None)

    @property
    def device(self) -> torch.device:
        return self.xyz.device

    def to(self, device: torch.device | str) -> "PointBlock":
        """The block on another device; the same one if it is there already."""
        if self.device == resolved(device):
            return self
        source = self.source and replace(self.source, view=self.source.view.to(device))
        return derived(self, **{name: column.to(device) for name, column in self.columns.items()}, source=source)

    @property
    def columns(self) -> dict[str, Tensor]:
        """All tensors of length N by name; ``feature_scale`` and ``locked`` only where there is one."""
        names = ("xyz", "features", "footprint", "confidence", "frame")
        some = [name for name in ("feature_scale", "locked") if getattr(self, name) is not None]
        return {name: getattr(self, name) for name in (*names, *some)}

    @property
    def is_locked(self) -> Tensor:
        """bool ``(N,)`` whether each point is locked, also where none is."""
        return self.frame.new_zeros(len(self), dtype=torch.bool) if self.locked is None else self.locked

    @property
    def store(self) -> str:
        """How the features are kept: one of ``STORES``, or another float dtype as it came."""
        return str(self.features.dtype).removeprefix("torch.")

    def tokens(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Latent values ``(M, C)`` of the points of an index, floating point: int8 is scaled back to float32."""
        features = self.features[index]
        return features if self.feature_scale is None else features * self.feature_scale[index, None]

    def stored_as(self, store: str) -> "PointBlock":
        """The block with its features kept as one of ``STORES``.

        int8 takes one scale per token, the largest absolute value over 127: no value moves by more than half of that.
        """
        check_choice("store", store, STORES)
        if store == self.store:
            return self
        if store != "int8":
            return replace(self, features=self.tokens().to(getattr(torch, store)), feature_scale=None)
        tokens = self.tokens().float()
        scale = tokens.abs().amax(dim=1) / INT8_LARGEST  # (N,)
        levels = tokens / torch.where(scale > 0, scale, 1.0)[:, None]
        return replace(self, features=levels.round().to(torch.int8), feature_scale=scale)

    @property
    def bounds(self) -> Tensor:
        """``(2, 3)`` lowest and highest world coordinates; of an empty block an error."""
        if len(self) == 0:
            raise MirageError("block: must hold a point; it is empty.")
        return torch.stack([self.xyz.amin(dim=0), self.xyz.amax(dim=0)])

    @cached_property
    def box(self) -> np.ndarray:
        """``bounds`` as float64 numbers on the CPU, ``(2, 3)``, taken once: a readout asks for them without waiting."""
        return self.bounds.cpu().double().numpy()

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self.columns.values())

    @staticmethod
    def concatenated(blocks: Sequence["PointBlock"]) -> "PointBlock":
        """All points of some blocks. If they keep their features differently: floating point, wide enough for all."""
        if len({block.store for block in blocks}) > 1:
            blocks = [derived(block, features=block.tokens(), feature_scale=None) for block in blocks]
        if any(block.locked is not None for block in blocks):
            blocks = [derived(block, locked=block.is_locked) for block in blocks]
        columns = [block.columns for block in blocks]
        joined = {name: torch.cat([each[name] for each in columns]) for name in columns[0]}
        return derived(blocks[0], **joined, source=None)


def _any_locked(locked: Tensor | None, n: int) -> Tensor | None:
    """``locked``, or None if no point is: what holds no lock costs nothing and is saved as before there were any."""
    if locked is None:
        return None
    if check_shape("locked", locked, f"({n},) like xyz", (n,)).dtype != torch.bool:
        raise MirageError(f"locked: must be bool; got {describe(locked)}.")
    return locked if bool(locked.any()) else None
