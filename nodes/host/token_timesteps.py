"""A timestep for every token of a Wan 2.2 model.

The host gives each latent frame one timestep, t times the mean of the frame's noise mask: a frame that is half kept is
labelled t / 2 everywhere, its clean tokens as well as its noisy ones. The network takes one timestep per token too.
"""

import comfy.ldm.common_dit
import comfy.utils
import torch
import torch.nn.functional as F
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ...mirage_core import MirageError
from .sigmas import ALWAYS, SigmaWindow

KEY = "mirage_token_timesteps"


def patchwise_known(known: Tensor, patch_size: tuple[int, int, int]) -> Tensor:
    """``known`` (bool ``(B, 1, T, h, w)``) where the whole patch is known, as float.

    A patch of the network is one token: half known, it would be clean and noisy at once. Odd grids are padded as the
    network pads them, with the opposite side.
    """
    h, w = known.shape[3:]
    unknown = comfy.ldm.common_dit.pad_to_patch_size((~known).float(), patch_size)
    unknown = F.max_pool3d(unknown, patch_size)
    for axis, repeats in enumerate(patch_size, start=2):
        unknown = unknown.repeat_interleave(repeats, dim=axis)
    return 1.0 - unknown[..., :h, :w]


def give_tokens_their_timesteps(model: ModelPatcher, window: SigmaWindow, base: Tensor) -> None:
    """Patch ``model``, a clone: timesteps follow the noise mask token by token.

    Args:
        window: outside it, only what ``base`` keeps is kept.
        base: noise mask ``(B|1, 1, T, h, w)``, 1 = to be generated.
    """
    schedule = _Schedule(window, base, model.model_options.get("denoise_mask_function"))
    if window != ALWAYS:
        model.set_model_denoise_mask_function(schedule.at_step)
    model.add_wrapper_with_key(
        WrappersMP.DIFFUSION_MODEL, KEY, _TokenTimesteps(schedule, model.get_model_object("model_sampling"))
    )


class _Schedule:
    """The noise mask at a noise level."""

    def __init__(self, window: SigmaWindow, base: Tensor, previous):
        self.window = window
        self.base = base
        self.previous = previous

    def at_step(self, sigma: Tensor, denoise_mask: Tensor, extra_options: dict) -> Tensor:
        """The host's denoise mask function."""
        if self.previous is not None:
            denoise_mask = self.previous(sigma, denoise_mask, extra_options=extra_options)
        return self.at(float(sigma.max()), denoise_mask)

    def at(self, sigma: float, denoise_mask: Tensor) -> Tensor:
        if self.window.contains(sigma):
            return denoise_mask
        base = comfy.utils.repeat_to_batch_size(self.base, len(denoise_mask))
        return torch.maximum(denoise_mask, base.to(denoise_mask))


class _TokenTimesteps:
    """A DIFFUSION_MODEL wrapper."""

    def __init__(self, schedule: _Schedule, sampling):
        self.schedule = schedule
        self.sampling = sampling

    def __call__(
        self,
        executor,
        x: Tensor,  # (B, C, T, h, w)
        timestep: Tensor,  # (B, T): the host's, one per latent frame
        context: Tensor,
        clip_fea: Tensor | None = None,
        time_dim_concat: Tensor | None = None,
        transformer_options: dict = {},  # noqa: B006 - the host's own signature; it is not changed
        **kwargs,
    ) -> Tensor:
        denoise_mask = kwargs.get("denoise_mask")  # (B, C, T, h, w)
        if time_dim_concat is not None or kwargs.get("context_latents") is not None:
            raise MirageError("per-token: other in-context latents cannot be combined with it. Remove them.")
        if denoise_mask is not None:
            patch_size = executor.class_obj.patch_size
            sigmas = transformer_options["sigmas"].to(x.device)  # (b,), the samples of one conditioning
            mask = self.schedule.at(float(sigmas.max()), denoise_mask)
            mask = comfy.ldm.common_dit.pad_to_patch_size(mask[:, :1].float(), patch_size)
            share = F.max_pool3d(mask, patch_size).flatten(1)  # (B, tokens): the noisiest part of each patch counts
            t = self.sampling.timestep(sigmas).float()
            timestep = share * t.repeat(len(x) // len(t)).unsqueeze(1)
        return executor(x, timestep, context, clip_fea, time_dim_concat, transformer_options, **kwargs)
