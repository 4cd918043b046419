"""What a memory knows along a path, before anything is sampled: shares known, and places where the path goes wrong."""

from dataclasses import dataclass

import numpy as np
import torch

from .cameras import Cameras
from .errors import MirageError, check_number
from .latent_path import LatentPath
from .memory import LatentMemory
from .readout import Read, Readout, splat

VIEWS_AT_ONCE = 16  # latent frames


@dataclass(frozen=True, eq=False)
class Coverage:
    """What the latent frames of a path see of a memory.

    Attributes:
        path: with T latent frames.
        readout: what they see; None if it was not to be kept.
        known: share of each frame's tokens that the memory knows.
        nearest: distance from each camera to the nearest remembered token, scene units; infinite beyond ``near``.
        near: scene units below which a camera is inside of things.
        least_known: share below which a frame is left to the model's fancy.
    """

    path: LatentPath
    readout: Readout | None
    known: tuple[float, ...]
    nearest: tuple[float, ...]
    near: float
    least_known: float

    @property
    def mean(self) -> float:
        """Mean share of known tokens, 0..1."""
        return sum(self.known) / len(self.known)

    @property
    def entering(self) -> tuple[int, ...]:
        """Latent frames whose camera is nearer to a point than ``near``."""
        return tuple(t for t, distance in enumerate(self.nearest) if distance < self.near)

    @property
    def leaving(self) -> tuple[int, ...]:
        """Latent frames of which less than ``least_known`` is known."""
        return tuple(t for t, share in enumerate(self.known) if share < self.least_known)

    @property
    def report(self) -> str:
        """In words, with the numbers of the video frames."""
        worst = min(range(len(self.known)), key=self.known.__getitem__)
        summary = (
            f"{self.mean:.0%} of the tokens are known along {len(self.known)} latent frames; least in frame "
            f"{self.path.frames[worst]}: {self.known[worst]:.0%}"
        )
        return "\n".join([summary, *self.warnings])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the path goes wrong, a sentence each."""
        found = []
        if self.entering:
            closest = min(self.nearest)
            found.append(
                f"Careful: in frames {self._spans(self.entering)} the camera is nearer than {self.near:.3g} to "
                f"remembered points (down to {closest:.3g}): the path enters things."
            )
        if self.leaving:
            found.append(
                f"Careful: in frames {self._spans(self.leaving)} less than {self.least_known:.0%} is known: the path "
                "leaves the memory, and the model invents what it shows."
            )
        return tuple(found)

    def _spans(self, views: tuple[int, ...]) -> str:
        """Latent frames as spans of video frames: "8 to 24, 40"."""
        spans: list[list[int]] = []
        for view in views:
            if spans and view == spans[-1][1] + 1:
                spans[-1][1] = view
            else:
                spans.append([view, view])
        numbers = ((self.path.frames[first], self.path.frames[last]) for first, last in spans)
        return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in numbers)


def coverage(
    memory: LatentMemory,
    path: LatentPath,
    near_share: float = 0.1,
    least_known: float = 0.2,
    *,
    read: Read = splat,
    keep: bool = True,
) -> Coverage:
    """Read a memory along a path.

    Args:
        near_share: a camera is inside of things if a point is nearer than this share of the median depth of all that
            the path sees.
        least_known: 0..1.
        read: how the memory is read.
        keep: the readout; without it a long path is read in parts, and takes the memory of one.

    Raises:
        MirageError: the memory is empty, or a limit is out of range.
    """
    memory.require_points()
    check_number("near_share", near_share, above=0.0)
    if not 0 <= least_known <= 1:
        raise MirageError(f"least_known: must lie in 0..1; got {least_known!r}.")
    size = len(path) if keep else min(len(path), VIEWS_AT_ONCE)
    known, depths, readout = [], [], None
    for first in range(0, len(path), size):
        readout = read(memory, path.views[first : first + size], path.grid)
        known += readout.known_share.tolist()
        depths.append(readout.depth[readout.known].cpu())
    seen = torch.cat(depths)
    near = near_share * float(seen.median()) if len(seen) else 0.0
    return Coverage(
        path=path,
        readout=readout if keep else None,
        known=tuple(known),
        nearest=_nearest(memory, path.views, near),
        near=near,
        least_known=least_known,
    )


def _nearest(memory: LatentMemory, views: Cameras, near: float) -> tuple[float, ...]:
    """Distance to the nearest token of every view; infinite where it is not below ``near``."""
    centers = views.centers.cpu()  # (T, 3)
    best = torch.full((len(views),), torch.inf)
    for block in memory.blocks:
        if len(block):
            low, high = block.box
            outside = np.maximum(np.maximum(low - centers.numpy(), centers.numpy() - high), 0.0)
            reach = block.footprint.cpu() / 2  # (N,) a token is a patch, not a point
            close = torch.from_numpy(np.linalg.norm(outside, axis=1) < near + float(reach.max()))
            if bool(close.any()):
                distances = (torch.cdist(centers[close], block.xyz.cpu()) - reach).amin(dim=1).clamp(min=0.0)
                best[close] = torch.minimum(best[close], distances)
    return tuple(float(distance) if distance < near else float("inf") for distance in best)
