"""The ways in which a trained network makes a chunk: how the memory enters it, and what it is without one.

Each goes through what the nodes go through, the pack's own conditioning and ComfyUI's own sampler, set as the template
*first_walk* sets them. So a mode is measured as it runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from comfy.model_patcher import ModelPatcher
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from einops import rearrange
from torch import Tensor

from ..mirage_core import LatentMemory, LatentPath, Readout
from ..mirage_core.learned_codec import LEARNED_CODEC
from ..nodes.host.steering.branch import attach_branch
from ..nodes.host.steering.conditioning import condition
from ..nodes.host.steering.request import Request, Steering
from ..nodes.host.steering.sampling import SamplerSettings, sample
from .network import SAMPLING_SHIFT, TEXT_DIM, TEXT_TOKENS, Network
from .samples import SPEC

STEPS = 8
LATENTS = replace(SPEC, name=LEARNED_CODEC)  # that the network takes: those of its own codec
MODES = ("branch", "per-token", "blend")  # that take a network of this shape
SCORE = "mask, offset and scale"  # that the branch is trained with


@dataclass(frozen=True)
class Way:
    """One way.

    Attributes:
        mode: of *Apply Memory to Model*.
        at_rest: the branch stands beside the network and is shown nothing, as in the samples without a memory that it
            was trained with. In mode branch it reads the memory; otherwise the network is alone, which it never was.
        anothers: the memory is that of another room.
        strength: 0 = no memory.
    """

    mode: str
    keep_exact: bool = False
    at_rest: bool = False
    anothers: bool = False
    strength: float = 1.0

    @property
    def compares(self) -> bool:
        """Whether it is there to be compared with, and tries no mode."""
        return self.anothers or self.strength == 0


WAYS = {
    "branch": Way("branch"),
    "branch, exact tokens kept": Way("branch", keep_exact=True),
    "per-token": Way("per-token"),
    "per-token, branch at rest": Way("per-token", at_rest=True),
    "blend": Way("blend"),
    "blend, branch at rest": Way("blend", at_rest=True),
    "without memory, branch at rest": Way("blend", at_rest=True, strength=0.0),
    "without memory": Way("blend", strength=0.0),
    "branch, another room's memory": Way("branch", anothers=True),
}


def ways_of(modes: Sequence[str]) -> dict[str, Way]:
    """Those of ``WAYS`` that try one of the modes, and those to compare them with."""
    return {name: way for name, way in WAYS.items() if way.compares or way.mode in modes}


@dataclass(frozen=True, eq=False)
class Sampled:
    """A trained network that makes chunks."""

    network: Network

    @torch.no_grad()
    def chunk(self, way: Way, path: LatentPath, readout: Readout, first: Tensor, seed: int) -> Tensor:
        """Latents ``(T, C, h, w)`` of the network's codec.

        Args:
            path: T latent frames.
            readout: what the memory shows them, latents of the same codec.
            first: ``(1, C, h, w)``, which the chunk begins with.
            seed: of the noise, which is the same in every way.
        """
        nothing_said = [[torch.zeros(1, TEXT_TOKENS, TEXT_DIM), {}]]
        steering = Steering(
            mode=way.mode,
            keep_exact=way.keep_exact,
            strength=way.strength,
            score=SCORE,
            branch=self.network.branch if way.mode == "branch" else None,
        )
        request = Request(
            model=self._model(way, path),
            positive=nothing_said,
            negative=nothing_said,
            memory=LatentMemory(LATENTS),
            path=path,
            steering=steering,
            start=rearrange(first, "t c h w -> 1 c t h w"),
            readout=readout,
        )
        settings = SamplerSettings(seed, STEPS, cfg=1.0, sampler_name="euler", scheduler="simple")
        made = rearrange(sample(condition(request), settings), "1 c t h w -> t c h w")
        return torch.cat([first, made[1:].to(first)])

    @cached_property
    def _shifted(self) -> ModelPatcher:
        """The network as it was trained; it lives as long as this, as ComfyUI expects of what its clones come from."""
        return ModelSamplingSD3().patch(self.network.model, SAMPLING_SHIFT)[0]

    def _model(self, way: Way, path: LatentPath) -> ModelPatcher:
        if not way.at_rest:
            return self._shifted
        nothing = torch.zeros(LATENTS.channels, *path.size)
        return attach_branch(self._shifted, self.network.branch, nothing, nothing)
