"""A camera path on the latent grid of a video: the one place where frames, tokens and lens are brought together."""

from dataclasses import dataclass, replace
from functools import cached_property

from .cameras import Cameras
from .errors import MirageError
from .memory import LatentSpec
from .timing import Timing

ASPECT_TOLERANCE = 1 / 16  # width and height are rounded to whole tokens


@dataclass(frozen=True, eq=False)
class LatentPath:
    """The cameras of a video, and the latent frames and tokens that a memory is read for.

    Attributes:
        video: one camera per video frame, F of them, with square pixels in the shape of the video.
        grid: ``(h, w)`` tokens of a latent frame.
        timing: which video frames its latent frames stand for.
        mismatch: that the video has not the shape of what the cameras saw, in a sentence; empty if it has.
    """

    video: Cameras
    grid: tuple[int, int]
    timing: Timing
    mismatch: str = ""

    @classmethod
    def of(cls, cameras: Cameras, spec: LatentSpec, width: int, height: int) -> "LatentPath":
        """Bring a path to the grid of a video.

        A path that ends within a latent frame, or whose lens has another shape, can be looked through all the same;
        ``whole`` refuses it.

        Args:
            cameras: one per video frame; they are fitted to the shape of the video by their vertical field of view.
            spec: of the latents.
            width, height: of the video, pixels.

        Raises:
            MirageError: the video does not hold whole tokens.
        """
        spatial = spec.spatial
        if min(width, height) < 1 or width % spatial or height % spatial:
            raise MirageError(
                f"width, height: must be multiples of {spatial}, the pixels of a token of this memory; got "
                f"{width} x {height}. Near them are {_near(width, spatial)} and {_near(height, spatial)}."
            )
        return cls(
            video=cameras.fitted((height, width)),
            grid=(height // spatial, width // spatial),
            timing=spec.timing,
            mismatch=_mismatch(cameras, width, height),
        )

    def whole(self) -> "LatentPath":
        """The same path.

        Raises:
            MirageError: it ends within a latent frame, or the cameras saw another shape than the video's.
        """
        self.timing.check("cameras", len(self.video))
        if self.mismatch:
            raise MirageError(
                f"{self.mismatch} Cut the picture to the video's shape before its depth is estimated, or change width "
                "and height."
            )
        return self

    def __len__(self) -> int:
        """Latent frames."""
        return len(self.frames)

    @property
    def frames(self) -> tuple[int, ...]:
        """The video frame that each of the T latent frames stands at."""
        return self.timing.stands_at(len(self.video))

    @property
    def unused(self) -> int:
        """Video frames at the end that no latent frame holds."""
        return len(self.video) - 1 - self.frames[-1]

    @property
    def size(self) -> tuple[int, int, int]:
        """``(T, h, w)``: latent frames and tokens."""
        return (len(self), *self.grid)

    @cached_property
    def views(self) -> Cameras:
        """The cameras of the T latent frames."""
        return self.video[list(self.frames)]

    def part(self, start: int, stop: int) -> "LatentPath":
        """The video frames ``start`` to ``stop`` - 1 as a path of their own, which begins with a latent frame."""
        return replace(self, video=self.video[start:stop])


def _near(value: int, of: int) -> str:
    """The multiples next to a number, in words: "192 or 224"."""
    below = value // of * of
    near = (below, below + of) if value % of else (below,)
    return " or ".join(str(size) for size in near if size > 0) or str(of)


def _mismatch(cameras: Cameras, width: int, height: int) -> str:
    aspect = float(cameras.K[0, 1, 1] / cameras.K[0, 0, 0])
    if abs(aspect * height / width - 1.0) <= ASPECT_TOLERANCE:
        return ""
    return (
        f"width, height: must have the shape of what the cameras see, {aspect:.3f} : 1; "
        f"got {width} x {height}, {width / height:.3f} : 1."
    )
