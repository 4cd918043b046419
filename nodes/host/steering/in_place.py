"""Clean tokens in a network's input, where those that it makes have noise: how Kandinsky 5 is shown what is given.

The prediction that comes out is for the noise that the sampler holds, not for what was shown.
"""

from dataclasses import dataclass

import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from .sigmas import SigmaWindow

KEY = "mirage_in_place"


def show_in_place(model: ModelPatcher, clean: Tensor, share: Tensor, kept: Tensor, window: SigmaWindow) -> None:
    """Patch ``model``, a clone: its network reads ``clean`` tokens in place of noise.

    Args:
        clean: ``(B|1, C, T, h, w)`` in the model's own space.
        share: ``(B|1, 1, T, h, w)`` of each that is clean, 1 = all of it.
        kept: likewise, outside the window.
    """
    model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, KEY, _InPlace(clean, share, kept, window))


@dataclass(eq=False)
class _InPlace:
    """A DIFFUSION_MODEL wrapper."""

    clean: Tensor
    share: Tensor
    kept: Tensor
    window: SigmaWindow

    def __call__(self, executor, x: Tensor, timestep: Tensor, *args, transformer_options: dict, **kwargs) -> Tensor:
        share = self.share if self.window.holds(transformer_options) else self.kept
        channels = self.clean.shape[1]
        clean, share = (_repeated(value, len(x)).to(x) for value in (self.clean, share))
        x = torch.cat([torch.lerp(x[:, :channels], clean, share), x[:, channels:]], dim=1)
        return executor(x, timestep, *args, transformer_options=transformer_options, **kwargs)

    def to(self, device_or_dtype: torch.device | torch.dtype) -> "_InPlace":
        if isinstance(device_or_dtype, torch.device):
            self.clean, self.share, self.kept = (
                value.to(device_or_dtype) for value in (self.clean, self.share, self.kept)
            )
        return self


def _repeated(value: Tensor, batch: int) -> Tensor:
    """``value`` for ``batch`` samples: ComfyUI puts those with and without text one after another."""
    return value.repeat(batch // len(value), *[1] * (value.ndim - 1))
