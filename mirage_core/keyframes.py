"""The views that wrote a memory, kept as three tensors: a long walk has thousands of them.

As thousands of small tensors they would stand between the large ones of a walk, and keep the process from giving memory
back to the system (benchmarks/growth.py measures it).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from .cameras import Cameras
from .errors import MirageError


@dataclass(frozen=True, eq=False)
class Keyframe:
    """One view that was written to the memory: its camera (one) and latent frame number."""

    camera: Cameras
    frame: int


@dataclass(frozen=True, eq=False)
class Keyframes(Sequence):
    """Views in the order in which they were written; an element is a ``Keyframe``.

    Attributes:
        cameras: one per view, None if there is none.
        frames: latent frame numbers.
    """

    cameras: Cameras | None = None
    frames: tuple[int, ...] = ()

    def __post_init__(self):
        views = 0 if self.cameras is None else len(self.cameras)
        if views != len(self.frames):
            raise MirageError(f"frames: must be one number per camera, {views}; got {len(self.frames)}.")

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Keyframe:
        frame = self.frames[index]  # an IndexError ends a loop
        return Keyframe(self.cameras[[range(len(self))[index]]], frame)

    def __iter__(self) -> Iterator[Keyframe]:
        return (self[index] for index in range(len(self)))

    def __add__(self, other: "Keyframes") -> "Keyframes":
        parts = [part for part in (self, other) if len(part)]
        if len(parts) < 2:
            return parts[0] if parts else self
        return Keyframes(Cameras.concatenated([self.cameras, other.cameras]), self.frames + other.frames)

    def chosen(self, places: Sequence[int]) -> "Keyframes":
        """Some of the views."""
        return Keyframes(self.cameras[list(places)], tuple(self.frames[n] for n in places)) if places else Keyframes()

    @staticmethod
    def of(views: "Keyframes | Iterable[Keyframe]") -> "Keyframes":
        if isinstance(views, Keyframes):
            return views
        views = tuple(views)
        if not views:
            return Keyframes()
        cameras = Cameras.concatenated([view.camera for view in views])
        return Keyframes(cameras, tuple(int(view.frame) for view in views))
