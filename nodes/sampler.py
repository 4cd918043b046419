"""A memory that steers a diffusion model."""

import logging

from comfy_api.latest import io

from .host.latents import as_latent, latent_of
from .host.notes import show
from .host.steering.choice import notes_on
from .host.steering.conditioning import condition
from .host.steering.remembered import Conditioned
from .host.steering.sampling import SamplerSettings, sample
from .steering import keep_exact_input, memory_inputs, request_of, sampler_inputs, steering_inputs, steering_sockets
from .types import SAMPLE

log = logging.getLogger(__name__)

OUTPUTS = [
    io.Latent.Output(display_name="memory_latent", tooltip="What the memory gave: the splat, 1 = unknown in its mask."),
    io.Mask.Output(display_name="known", tooltip="White where the memory knows; one per latent frame, in tokens."),
]


def _conditioned(inputs: dict) -> tuple[Conditioned, dict]:
    """What a sampler takes, and the node's ui output."""
    request = request_of(**inputs)
    made = condition(request)
    shares = [round(share, 4) for share in made.remembered.readout.known_share.tolist()]
    status = f"mode {made.mode}; the memory knows {sum(shares) / len(shares):.0%} of the tokens"
    log.info("Mirage: %s.", status)
    report = {"mirage_conditioning": [{"mode": made.mode, "known": shares}]}
    return made, {**report, **show(status, notes_on(request, made.mode))}


def _readout(made: Conditioned) -> tuple:
    readout = made.remembered.readout
    return latent_of(readout, made.remembered.kind.video), readout.known.float()


class MemorySampler(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_MemorySampler",
            display_name="Memory-Conditioned Sampler",
            category=SAMPLE,
            description="Samples a video along a camera path: the memory is read for every camera, in latents, and "
            "steers the model. Where the memory knows nothing, the model invents.",
            search_aliases=["ksampler", "world model", "camera control", "scene walk", "mirage"],
            inputs=[
                *memory_inputs(),
                *sampler_inputs(),
                *steering_inputs(),
                *steering_sockets(),
                keep_exact_input(),
            ],
            outputs=[io.Latent.Output(display_name="latent", tooltip="The video, for VAE Decode."), *OUTPUTS],
        )

    @classmethod
    def execute(
        cls,
        seed: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        denoise: float,
        **inputs,  # the inputs that Apply Memory to Model has too
    ) -> io.NodeOutput:
        conditioned, ui = _conditioned(inputs)
        made = sample(conditioned, SamplerSettings(seed, steps, cfg, sampler_name, scheduler, denoise))
        return io.NodeOutput(as_latent(made), *_readout(conditioned), ui=ui)


class ApplyMemory(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_ApplyMemory",
            display_name="Apply Memory to Model",
            category=SAMPLE,
            description="The conditioning of Memory-Conditioned Sampler without the sampler, for any sampler node, "
            "guider or two-stage graph. Sample the latent that comes out.",
            search_aliases=["conditioning", "world model", "camera control", "mirage"],
            inputs=[*memory_inputs(), *steering_inputs(), *steering_sockets(), keep_exact_input()],
            outputs=[
                io.Model.Output(display_name="model", tooltip="A patched copy."),
                io.Conditioning.Output(display_name="positive"),
                io.Conditioning.Output(display_name="negative"),
                io.Latent.Output(display_name="latent", tooltip="To be sampled, with its noise mask."),
                *OUTPUTS,
            ],
        )

    @classmethod
    def execute(cls, **inputs) -> io.NodeOutput:
        made, ui = _conditioned(inputs)
        latent = as_latent(made.samples, made.noise_mask)
        return io.NodeOutput(made.model, made.positive, made.negative, latent, *_readout(made), ui=ui)
