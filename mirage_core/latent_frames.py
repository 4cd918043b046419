"""The latent frames of a walk in order, each in memory or in the file of its chunk.

A walk without end has no room for all of them, and needs no more than the last few and some of those before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from .errors import MirageError, damage_refused


@dataclass(frozen=True, eq=False)
class SavedLatents:
    """Latents ``(N, C, h, w)`` that stay in a .safetensors file until they are asked for."""

    path: Path
    name: str
    shape: tuple[int, int, int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Tensor:
        if not self.path.is_file():
            raise MirageError(f"{self.path.name}: must stay in {self.path.parent} while it is in use; it is gone.")
        with damage_refused(f"{self.path.name}:", "a whole .safetensors file"):
            with safe_open(self.path, framework="pt") as file:
                return file.get_slice(self.name)[rows]


@dataclass(frozen=True, eq=False)
class LatentFrames:
    """N latent frames ``(C, h, w)`` in pieces, one after the other. Never changed in place.

    ``frames[i:j]`` and ``frames[[2, 0]]`` are tensors ``(n, C, h, w)``; only they are read.
    """

    pieces: tuple[Tensor | SavedLatents, ...]

    @classmethod
    def of(cls, latents: "Tensor | LatentFrames") -> "LatentFrames":
        return latents if isinstance(latents, LatentFrames) else cls((latents,))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """``(N, C, h, w)``."""
        return (len(self), *self.pieces[0].shape[1:])

    @property
    def device(self) -> torch.device:
        """Where the tensors lie that are read."""
        held = [piece.device for piece in self.pieces if isinstance(piece, Tensor)]
        return held[0] if held else torch.device("cpu")

    def __getitem__(self, index: slice | Sequence[int]) -> Tensor:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return self._between(start, max(start, stop))
            index = range(start, stop, step)
        every = range(len(self))
        each = [self._between(every[i], every[i] + 1) for i in index]
        return torch.cat(each) if each else self._between(0, 0)

    def first(self, frames: int) -> "LatentFrames":
        """So many from the beginning, where they are."""
        return LatentFrames(tuple(self._pieces(0, frames)))

    def with_part(self, start: int, latents: Tensor | SavedLatents) -> "LatentFrames":
        """The frames from ``start`` on replaced by others; what lies behind those stays."""
        stop = start + len(latents)
        return LatentFrames((*self._pieces(0, start), latents, *self._pieces(stop, len(self))))

    def _between(self, start: int, stop: int) -> Tensor:
        found = [piece[:].to(self.device) for piece in self._pieces(start, stop)]
        if found:
            return found[0] if len(found) == 1 else torch.cat(found)
        return torch.zeros(0, *self.shape[1:], device=self.device)

    def _pieces(self, start: int, stop: int) -> Iterator[Tensor | SavedLatents]:
        """What makes up the frames ``start`` to ``stop`` - 1; of a saved piece that is not whole, a tensor."""
        begin = 0
        for piece, end in zip(self.pieces, self._ends, strict=True):
            low, high = max(start, begin), min(stop, end)
            if low < high:
                yield piece if high - low == len(piece) else piece[low - begin : high - begin]
            begin = end

    @cached_property
    def _ends(self) -> tuple[int, ...]:
        return tuple(accumulate(len(piece) for piece in self.pieces))
