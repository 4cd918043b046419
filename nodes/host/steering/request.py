"""What is connected to a node that conditions a model on a memory."""

from dataclasses import dataclass
from functools import cached_property

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ....mirage_core import LatentMemory, LatentPath, MirageError, Readout
from .branch_file import Branch
from .flat_latents import FlatLatents
from .sigmas import SigmaWindow

AUTO = "auto"
SCORES = ("white clip", "known mask", "mask, offset and scale")


@dataclass(frozen=True, eq=False, kw_only=True)
class Steering:
    """How a memory steers: how strongly, when, in which mode, and with what else.

    Attributes:
        mode: "auto", or one of ``MODES``.
        strength: 0 = the plain model.
        start_percent, end_percent: when the memory steers, as shares of the noise schedule.
        score: second half of a branch's context, one of ``SCORES``.
        keep_exact: tokens that are seen just where and as large as they were written stay as they are.
        vae: the model's VAE.
        branch: trained weights.
        uni3c: MODEL_PATCH.
    """

    mode: str = AUTO
    strength: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0
    score: str = SCORES[0]
    keep_exact: bool = False
    vae: object | None = None
    branch: Branch | None = None
    uni3c: ModelPatcher | None = None

    def window(self, model: ModelPatcher) -> SigmaWindow:
        return SigmaWindow.of(model, self.start_percent, self.end_percent)

    def require_whole_schedule(self, mode: str) -> None:
        """Raise MirageError if the memory is to steer in a part of the schedule, where a mode cannot."""
        if (self.start_percent, self.end_percent) != (0.0, 1.0):
            raise MirageError(
                f"start_percent, end_percent: must be 0 and 1 in mode {mode} with this model, which is told what is "
                f"known once for all steps; got {self.start_percent:g} and {self.end_percent:g}."
            )

    def one_colour(self, mode: str, colour: str, size: tuple[int, int, int]) -> Tensor:
        """Latents ``(1, C, T, h, w)`` of a clip of one colour, encoded once for all chunks of a walk."""
        if self.vae is None:
            raise MirageError(f"vae: mode {mode} must be able to encode a {colour} clip; connect the model's VAE.")
        return self._flat_latents.of(colour, size)

    @cached_property
    def _flat_latents(self) -> FlatLatents:
        return FlatLatents(self.vae)


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """What is connected to a node that conditions a model on a memory.

    Attributes:
        path: on the grid of the memory's latents.
        steering: how the memory steers.
        start: latents to begin with: first frames that stay, or as many frames as the path has, to be refined:
            ``(B, C, T, h, w)``, or pictures ``(T, C, h, w)``; raw VAE scale.
        start_mask: noise mask of the start, 0 = stays; none = all stays of a start that is shorter than the path.
        sound: latents of sound to be made with the video.
        sound_mask: their noise mask, 0 = stays; none = all is made.
        reference: latents of remembered frames, for a branch, like ``start``.
        readout: what the memory shows the path, if it has been read already.
        preceding: for a branch: ``(P, C, h, w)`` frames before the start, raw VAE scale, and what the memory showed of
            them, 0 where nothing.
    """

    model: ModelPatcher
    positive: list
    negative: list
    memory: LatentMemory
    path: LatentPath
    steering: Steering
    start: Tensor | None = None
    start_mask: Tensor | None = None
    sound: Tensor | None = None
    sound_mask: Tensor | None = None
    reference: Tensor | None = None
    readout: Readout | None = None
    preceding: tuple[Tensor, Tensor] | None = None
