"""Cutting a memory: by place, by time, by confidence."""

from dataclasses import dataclass, replace

from torch import Tensor

from .errors import MirageError, check_finite, check_shape
from .memory import LatentMemory
from .points import PointBlock


@dataclass(frozen=True, eq=False)
class Selection:
    """Points of a memory. Everything that is given must hold.

    Attributes:
        box: ``(2, 3)`` lowest and highest world coordinates, scene units; None = anywhere.
        frames: first and last latent frame of origin; None = any.
        confidence: at least this.

    Raises:
        MirageError: the box or the frames end before they begin.
    """

    box: Tensor | None = None
    frames: tuple[int, int] | None = None
    confidence: float = 0.0

    def __post_init__(self):
        if self.box is not None:
            check_finite("box", check_shape("box", self.box, "(2, 3)", (2, 3)))
            if bool((self.box[0] > self.box[1]).any()):
                low, high = self.box.tolist()
                raise MirageError(f"box: must rise from its lowest to its highest corner; got {low} and {high}.")
        if self.frames is not None and self.frames[0] > self.frames[1]:
            raise MirageError(f"frames: must rise; got {self.frames[0]} to {self.frames[1]}.")

    def of(self, block: PointBlock) -> Tensor:
        """Which points of a block: bool ``(N,)``."""
        chosen = block.confidence >= self.confidence
        if self.box is not None:
            low, high = self.box.to(block.xyz)
            chosen &= ((block.xyz >= low) & (block.xyz <= high)).all(dim=1)
        if self.frames is not None:
            chosen &= self.has_frame(block.frame)
        return chosen

    def has_frame(self, frame):
        first, last = self.frames
        return (frame >= first) & (frame <= last)


def cropped(memory: LatentMemory, selection: Selection, keep: bool = True) -> LatentMemory:
    """Only the selected points, or with ``keep=False`` all but them. Blocks that lose nothing are shared.

    Locked points are cut like others: a lock holds against walks and shapes, not against a cut by numbers.
    Views whose latent frame was cut off are no longer among the keyframes.
    """
    blocks = []
    for block in memory.blocks:
        left = selection.of(block)
        left = left if keep else ~left
        if bool(left.all()):
            blocks.append(block)
        elif bool(left.any()):
            blocks.append(block[left])
    keyframes = memory.keyframes
    if selection.frames is not None:
        places = [n for n, frame in enumerate(keyframes.frames) if bool(selection.has_frame(frame)) == keep]
        keyframes = keyframes.chosen(places)
    return replace(memory, blocks=tuple(blocks), keyframes=keyframes)
