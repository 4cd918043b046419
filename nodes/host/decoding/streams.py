"""Decoding as the latents come: what every way of it does."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import comfy.model_management
from torch import Tensor

from ....mirage_core.timing import Timing


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a number of latent frames have become.

    Attributes:
        frames: ``(F, H, W, 3)``, 0..1: the final video frames that follow those given before.
        tail: ``(G, H, W, 3)``: the video frames behind them as far as they are known. A later call gives them again,
            final; none after the last latent frames.
    """

    frames: Tensor
    tail: Tensor


class StreamedDecoder(ABC):
    """Decodes the latent frames of a video as they come.

    All the final video frames that were given and the newest tail are together those of ``timing.frames_of`` as many
    latent frames as came. Between calls nothing of it lies on the card.

    Args:
        vae: of ComfyUI.
        timing: of the latents.
    """

    def __init__(self, vae, timing: Timing):
        self.vae, self.timing = vae, timing

    @property
    def held_back(self) -> int:
        """How many of the last latent frames have their video frames in the tail."""
        return 0

    @abstractmethod
    def take_up(self, before: Sequence, newest: int | None = None) -> None:
        """Get ready to go on behind latent frames that were decoded in another run.

        Args:
            before: of all N of them, in order: ``len(before)`` is N, and ``before[i:j]`` a Tensor ``(j - i, C, h, w)``.
                Only the last ones are read, as many as the decoder needs.
            newest: how many of them were decoded last, in one call. Where two decodings are blended, the video frames
                are those of an uninterrupted run bit for bit if it is told; everywhere else, in any case.
        """

    @abstractmethod
    def decode(self, latents: Tensor, last: bool = False) -> Decoded:
        """Video frames of the next latent frames.

        Args:
            latents: ``(n, C, h, w)``.
            last: no more come.
        """


@contextmanager
def loaded(vae, shape: tuple[int, ...]) -> Iterator[None]:
    """Within it ComfyUI has the VAE where it works, and memory free for latents ``(B, C, T, h, w)`` of this shape."""
    with comfy.model_management.cuda_device_context(vae.device):
        needed = vae.memory_used_decode(shape, vae.vae_dtype)
        comfy.model_management.load_models_gpu(
            [vae.patcher], memory_required=needed, force_full_load=vae.disable_offload
        )
        yield


def finished(vae, made: Tensor) -> Tensor:
    """What the VAE's model has made, ``(1, 3, F, H, W)``, as video frames ``(F, H, W, 3)``, off the card."""
    copied = made.to(device=vae.output_device, dtype=vae.vae_output_dtype(), copy=True)  # process_output is in place
    return vae.process_output(copied)[0].movedim(0, -1)
