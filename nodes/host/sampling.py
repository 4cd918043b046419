"""The host's sampling pieces."""

import comfy.samplers

import nodes as host_nodes  # the host's own module of that name

SAMPLERS = comfy.samplers.KSampler.SAMPLERS
SCHEDULERS = comfy.samplers.KSampler.SCHEDULERS
MAX_SEED = 0xFFFFFFFFFFFFFFFF


def sample(
    model,
    positive: list,
    negative: list,
    latent: dict,
    *,
    seed: int,
    steps: int,
    cfg: float,
    sampler_name: str,
    scheduler: str,
    denoise: float,
) -> dict:
    """What the host's KSampler makes of a LATENT, without the noise mask, which has been used up."""
    (made,) = host_nodes.common_ksampler(
        model, seed, steps, cfg, sampler_name, scheduler, positive, negative, latent, denoise=denoise
    )
    return {"samples": made["samples"]}
