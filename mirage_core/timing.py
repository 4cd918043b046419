"""Which video frames the latent frames of a format stand for.

A video VAE makes one latent frame of the first video frame, and one of every ``stride`` after it. That of MiniMax H3
begins anew after each clip of 17 video frames, whose latent frames span 1, 4, 4, 4 and 4 of them (its ``clip`` is 5),
and ends with the first two of a clip.
"""

from dataclasses import dataclass

from .errors import MirageError


@dataclass(frozen=True)
class Timing:
    """The frame rule of a latent format.

    Attributes:
        stride: video frames that a latent frame spans, but for the first one of a clip, which spans one.
        clip: latent frames of a clip; 0 = the whole video is one.
    """

    stride: int
    clip: int = 0

    def frame_of(self, latent: int) -> int:
        """The video frame that a latent frame stands at: the last of those it spans."""
        clips, within = divmod(latent, self.clip) if self.clip else (0, latent)
        return clips * self.clip_frames + within * self.stride

    def latent_of(self, frame: int) -> int:
        """The latent frame that shows a video frame."""
        clips, within = divmod(frame, self.clip_frames) if self.clip else (0, frame)
        return clips * self.clip + -(-within // self.stride)

    @property
    def clip_frames(self) -> int:
        """Video frames of a clip; 0 = the whole video is one."""
        return 1 + (self.clip - 1) * self.stride if self.clip else 0

    @property
    def overlap(self) -> int:
        """Latent frames that the end of a video and the beginning of another have in common, so that both are whole."""
        return 2 if self.clip else 1

    @property
    def least(self) -> int:
        """Video frames of the shortest video."""
        return 1 + self.frame_of(self.overlap - 1)

    @property
    def step(self) -> int:
        """Video frames between the lengths that a video can have."""
        return self.clip_frames or self.stride

    def stands_at(self, frames: int) -> tuple[int, ...]:
        """The video frames, of so many, that latent frames stand at; more may come after the last of them."""
        every = map(self.frame_of, range(self.latent_of(frames - 1) + 1))
        return tuple(frame for frame in every if frame < frames)

    def frames_of(self, latents: int) -> int:
        """Video frames that so many latent frames span."""
        return self.frame_of(latents - 1) + 1

    def spans_one(self, latent: int) -> bool:
        """Whether a latent frame holds one video frame alone."""
        return self.stride == 1 or (latent % self.clip if self.clip else latent) == 0

    def check(self, name: str, frames: int, longer: bool = False) -> None:
        """Raise MirageError unless so many video frames are a whole number of latent frames.

        Args:
            name: of the input.
            longer: than the shortest video.
        """
        least = self.least + (self.step if longer else 0)
        whole = isinstance(frames, int)
        if not whole or frames < least or (frames - self.least) % self.step:
            below, above = self.lengths_near(frames if whole else least, least)
            raise MirageError(
                f"{name}: must be {self} video frames, as the video VAE {self._why}, and at least {least} "
                f"({below}, {above}, ...); got {frames!r}."
            )

    def lengths_near(self, frames: int, least: int = 0) -> tuple[int, int]:
        """The longest video of whole latent frames that is not longer than so many video frames, and the next one."""
        below = max((frames - self.least) // self.step * self.step + self.least, self.least, least)
        return below, below + self.step

    def __str__(self) -> str:
        return f"{self.least} + {self.step} n"

    @property
    def _why(self) -> str:
        if self.clip:
            return f"makes clips of {self.clip_frames}, and ends with the first {self.overlap} latent frames of one"
        return f"makes {self.stride} of every latent frame but the first"
