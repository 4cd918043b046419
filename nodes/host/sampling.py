"""The host's sampling pieces."""

from collections.abc import Callable
from dataclasses import dataclass

import comfy.sample
import comfy.samplers
import comfy.utils
import latent_preview
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ...mirage_core import MirageError

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS = comfy.samplers.KSampler.SCHEDULERS
MAX_SEED = 0xFFFFFFFFFFFFFFFF

OnStep = Callable[[int, Tensor, Tensor, int], None]  # step, prediction, noisy latents, steps


@dataclass(frozen=True)
class SamplerSettings:
    """What the host's KSampler is set to."""

    seed: int
    steps: int
    cfg: float
    sampler_name: str
    scheduler: str
    denoise: float = 1.0


def sample(
    model: ModelPatcher,
    positive: list,
    negative: list,
    latent: dict,
    settings: SamplerSettings,
    on_step: OnStep | None = None,
) -> dict:
    """What the host's KSampler makes of a LATENT, without the noise mask, which has been used up.

    Args:
        on_step: none = the host's own progress bar and previews.

    Raises:
        MirageError: the model starts from noise of another scale than the host's plain samplers give it.
    """
    if model.model.model_type.name == "V_PREDICTION_DDPM":
        raise MirageError(
            f"model: must be one that ComfyUI's plain samplers are for; {type(model.model).__name__} needs one of its "
            "own. Use Apply Memory to Model, and SamplerCustom with VOIDSampler."
        )
    samples = comfy.sample.fix_empty_latent_channels(model, latent["samples"])
    made = comfy.sample.sample(
        model,
        comfy.sample.prepare_noise(samples, settings.seed),
        settings.steps,
        settings.cfg,
        settings.sampler_name,
        settings.scheduler,
        positive,
        negative,
        samples,
        denoise=settings.denoise,
        noise_mask=latent.get("noise_mask"),
        callback=on_step or latent_preview.prepare_callback(model, settings.steps),
        disable_pbar=not comfy.utils.PROGRESS_BAR_ENABLED,
        seed=settings.seed,
    )
    return {"samples": made}
