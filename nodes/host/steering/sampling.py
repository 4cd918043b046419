"""ComfyUI's sampling pieces."""

from collections.abc import Callable
from dataclasses import dataclass

import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
from torch import Tensor

from ....mirage_core import MirageError
from .remembered import Conditioned

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS = comfy.samplers.KSampler.SCHEDULERS
MAX_SEED = 0xFFFFFFFFFFFFFFFF

OnStep = Callable[[int, Tensor, Tensor, int], None]  # step, prediction, noisy latents, steps


@dataclass(frozen=True)
class SamplerSettings:
    """What ComfyUI's KSampler is set to."""

    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    denoise: float = 1.0


def sample(conditioned: Conditioned, settings: SamplerSettings, on_step: OnStep | None = None) -> Tensor:
    """Latents of the video that ComfyUI's KSampler makes: ``(B, C, T, h, w)``, or pictures ``(T, C, h, w)``.

    Args:
        on_step: none = ComfyUI's own progress bar and previews.

    Raises:
        MirageError: the model starts from noise of another scale than ComfyUI's plain samplers give it.
    """
    model = conditioned.model
    if model.model.model_type.name == "V_PREDICTION_DDPM":
        raise MirageError(
            f"model: must be one that ComfyUI's plain samplers are for; {type(model.model).__name__} needs one of its "
            "own. Use Apply Memory to Model, and SamplerCustom with VOIDSampler."
        )
    samples = comfy.sample.fix_empty_latent_channels(model, conditioned.samples)
    made = comfy.sample.sample(
        model,
        comfy.sample.prepare_noise(samples, settings.seed),
        settings.steps,
        settings.cfg,
        settings.sampler_name,
        settings.scheduler,
        conditioned.positive,
        conditioned.negative,
        samples,
        denoise=settings.denoise,
        noise_mask=conditioned.noise_mask,
        callback=on_step or latent_preview.prepare_callback(model, settings.steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=settings.seed,
    )
    return conditioned.video(made)
