"""What is still looks otherwise in a latent frame of one video frame and in one of several.

A causal video VAE encodes the first video frame alone, and the others in groups. Both latents of a wall that does not
move decode to the same wall, but are not the same numbers: channel by channel their contrast and mean differ. A memory
holds both kinds, and whoever compares their numbers must know the difference.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .errors import check_shape
from .memory import LatentMemory
from .readout import Readout
from .timing import Timing

FLAT = 1e-6  # latent values: a channel that varies less has no contrast to compare


@dataclass(frozen=True, eq=False)
class Still:
    """Latents of several video frames are ``gain * those of one + offset``, for what does not move: ``(C,)`` each."""

    gain: Tensor
    offset: Tensor

    @classmethod
    def of(cls, one: Tensor, several: Tensor) -> "Still":
        """Compare two latent frames ``(C, h, w)`` of one still, of one video frame and of several."""
        check_shape("several", several, f"{tuple(one.shape)} like one", one.shape)
        a, b = (frame.flatten(1).double() for frame in (one, several))
        (a_mean, a_spread), (b_mean, b_spread) = ((x.mean(dim=1), x.std(dim=1, correction=0)) for x in (a, b))
        varied = torch.minimum(a_spread, b_spread) > FLAT
        gain = torch.where(varied, b_spread / torch.where(varied, a_spread, 1.0), 1.0)
        return cls(gain.float(), (b_mean - gain * a_mean).float())

    def alike(self, readout: Readout, memory: LatentMemory, first: int, timing: Timing) -> Readout:
        """A readout whose tokens are as latent frames of the readers' own kind would show them.

        Args:
            readout: of ``memory``, for T latent frames of a walk from number ``first`` on.
        """
        known, point = readout.known, readout.point.clamp(min=0)
        origin = memory.column("frame").to(point.device)[point]  # (T, h, w) latent frame that wrote the token
        last = max(int(origin.max()), first + len(known))
        single = torch.tensor([timing.spans_one(frame) for frame in range(last + 1)], device=point.device)
        of_one, mine = single[origin.long()] & known, single[first : first + len(known), None, None]
        gain, offset = (one.to(readout.latents.device).view(1, -1, 1, 1) for one in (self.gain, self.offset))
        latents = readout.latents.float()
        latents = torch.where((of_one & ~mine)[:, None], gain * latents + offset, latents)
        latents = torch.where((~of_one & known & mine)[:, None], (latents - offset) / gain, latents)
        return replace(readout, latents=latents)
