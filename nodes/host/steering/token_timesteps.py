"""A timestep for every token.

ComfyUI gives each latent frame of Wan 2.2 one timestep, t times the mean of the frame's noise mask: a frame that is
half kept is labelled t / 2 everywhere, its clean tokens as well as its noisy ones. The network takes one timestep per
token too. LTX gets one per token from ComfyUI itself.

A token that the mask keeps in part, m between 0 and 1, enters at noise level m sigma, and is labelled with it; its
clean value is then m sigma times the flow away. ComfyUI goes sigma times the flow, for all: m (1 - m) sigma times the
flow would stay in it at every step, as grain. So the prediction is moved back to where the token's own level ends.

All of it happens around the network, not in it: what torch.compile makes of the network stays valid.
"""

from collections.abc import Callable

import comfy.ldm.common_dit
import comfy.utils
import torch
import torch.nn.functional as F
from comfy.ldm.wan.model import WanModel
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ....mirage_core import MirageError
from .packed import Shape, packed_shape, shape_of, video_of, with_video
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
    """Patch ``model``, a clone: timesteps and predictions follow the noise mask token by token.

    Args:
        window: outside it, only what ``base`` keeps is kept.
        base: noise mask ``(B|1, 1, T, h, w)`` of the video, 1 = to be generated.
    """
    schedule = _Schedule(window, base, model.model_options.get("denoise_mask_function"))
    if window != ALWAYS:
        model.set_model_denoise_mask_function(schedule.at_step)
    model.add_wrapper_with_key(WrappersMP.APPLY_MODEL, KEY, _TokenLevels(schedule))
    network = model.get_model_object("diffusion_model")
    if isinstance(network, WanModel):
        label = _labels(network, model.get_model_object("process_timestep"))
        model.add_object_patch("process_timestep", label)


class _Schedule:
    """The noise mask at a noise level."""

    def __init__(self, window: SigmaWindow, base: Tensor, previous):
        self.window = window
        self.base = base
        self.frames = base.shape[2]  # of the video
        self.previous = previous

    def at_step(self, sigma: Tensor, denoise_mask: Tensor, extra_options: dict) -> Tensor:
        """ComfyUI's denoise mask function."""
        if self.previous is not None:
            denoise_mask = self.previous(sigma, denoise_mask, extra_options=extra_options)
        (conds, *_) = extra_options["model"].conds.values()
        return self.at(float(sigma.max()), denoise_mask, packed_shape(conds))

    def at(self, sigma: float, denoise_mask: Tensor, shape: Shape | None = None) -> Tensor:
        """The noise mask at a noise level; frames of guides behind the video keep theirs."""
        if self.window.contains(sigma):
            return denoise_mask
        base = comfy.utils.repeat_to_batch_size(self.base, len(denoise_mask)).to(denoise_mask)
        video = torch.maximum(video_of(denoise_mask, self.frames, shape), base)
        return with_video(denoise_mask, video, shape)


class _TokenLevels:
    """An APPLY_MODEL wrapper: the noise mask of this step, and predictions that end where each token's level does."""

    def __init__(self, schedule: _Schedule):
        self.schedule = schedule

    def __call__(self, executor, x: Tensor, t: Tensor, *args, denoise_mask: Tensor | None = None, **kwargs) -> Tensor:
        """Returns the clean prediction.

        Args:
            x: ``(B, C, T, h, w)``, or a row of numbers with the video before sound.
            t: its noise levels ``(B,)``.
            denoise_mask: of the video.
        """
        if kwargs.get("time_dim_concat") is not None or kwargs.get("context_latents") is not None:
            raise MirageError("per-token: other in-context latents cannot be combined with it. Remove them.")
        if denoise_mask is None:
            return executor(x, t, *args, **kwargs)
        mask = self.schedule.at(float(t.max()), denoise_mask)  # (B, C, T, h, w), frames of guides behind
        made = executor(x, t, *args, denoise_mask=mask, **kwargs)
        shape, frames = shape_of(kwargs.get("latent_shapes")), self.schedule.frames
        levels = mask[:, :, :frames].to(x)
        video = torch.lerp(video_of(x, frames, shape), video_of(made, frames, shape), levels)
        return with_video(made, video, shape)


def _labels(network: WanModel, previous: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A ``process_timestep`` for the model: one timestep per patch, as its noisiest token asks for.

    A reference picture (Fun-Control), whose tokens stand before those of the video, keeps the timestep of the whole.
    """
    patch_size = network.patch_size

    def label(timestep: Tensor, x: Tensor, denoise_mask: Tensor | None = None, **kwargs) -> Tensor:
        if denoise_mask is None:
            return previous(timestep, x=x, **kwargs)
        mask = comfy.ldm.common_dit.pad_to_patch_size(denoise_mask[:, :1].float(), patch_size)
        share = F.max_pool3d(mask, patch_size).flatten(1)  # (B, tokens)
        reference = kwargs.get("reference_latent") if network.ref_conv is not None else None  # (B, C, h, w)
        if reference is not None:
            before = (reference.shape[-2] // patch_size[1]) * (reference.shape[-1] // patch_size[2])
            share = F.pad(share, (before, 0), value=1.0)
        return share * timestep.unsqueeze(1)

    return label
