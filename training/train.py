"""Training a small network on walks through rooms: flow matching on the frames that come next.

Resuming goes on exactly: noise, noise levels and walks are drawn from the number of the step.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from ..mirage_core import MirageError
from ..mirage_core.learned_codec import load_codec
from .decoder import CODEC, new_codec, save_codec, statistics_of
from .fit import Fit, fit
from .network import SAMPLING_SHIFT, Network, Shape, save_network, write_new_network
from .samples import Sample, Settings, Statistics, sample_stream

MODEL, BRANCH = "model.safetensors", "branch.safetensors"
FILES = (MODEL, BRANCH, CODEC)  # of a run


@dataclass(frozen=True)
class Run:
    """What is trained, and how long.

    Attributes:
        batch: samples per step.
        muon: learning rate of the blocks' matrices; None = AdamW for them, too: a CPU without bfloat16 takes longer for
            an orthogonal step than for the gradient.
        adam: learning rate of all else.
        ema: of the weights that are kept.
        bfloat16: multiply matrices in it; on a CPU that has instructions for it this takes half the time.
        decoder_steps: of the decoder that is trained after it.
    """

    steps: int
    batch: int
    shape: Shape = field(default_factory=Shape)
    samples: Settings = field(default_factory=Settings)
    muon: float | None = None
    adam: float = 0.0008
    ema: float = 0.999
    bfloat16: bool = False
    decoder_steps: int = 600
    seed: int = 0

    def __post_init__(self):
        if self.batch % self.samples.windows:  # a run that goes on would begin in the middle of a walk
            raise ValueError(f"Run: batch must be a multiple of {self.samples.windows} windows; got {self.batch}.")


SIZES = {
    # proves the code in a minute or two on two cores
    "small": Run(steps=150, batch=4, samples=Settings(image_size=(96, 160), walk=9), ema=0.97, decoder_steps=40),
    # an hour and a half on two cores with bfloat16, and 6 GB of memory
    "cpu": Run(
        steps=2_650,
        batch=16,
        shape=Shape(dim=320, heads=5, ffn_dim=960),
        samples=Settings(windows=2, walks=2_400),
        muon=0.01,
        ema=0.99,
        bfloat16=True,
        decoder_steps=1_500,
    ),
    # meant for half an hour on one data-centre GPU, where walks are ray-cast, too; not run yet
    "gpu": Run(
        steps=40_000,
        batch=32,
        shape=Shape(dim=384, heads=6, ffn_dim=1152, blocks=8, branch_blocks=4),
        muon=0.01,
        adam=0.0005,
        bfloat16=True,
        decoder_steps=6_000,
    ),
}


def train(run: Run, folder: Path, device: torch.device, seconds: float = math.inf, compiled: bool = False) -> bool:
    """Train until the run's steps are done, or for about ``seconds``; go on where ``folder`` left off.

    The folder gets what nodes load: the averaged weights (``MODEL``, ``BRANCH``) and a codec whose decoder is not yet
    trained (``CODEC``); the state to resume from; and TensorBoard's event files.

    Returns:
        Whether all steps are done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / CODEC).is_file():
        save_codec(new_codec(Statistics.of_rooms(run.samples.image_size)), 0, folder)
    if not (folder / MODEL).is_file():
        write_new_network(run.shape, run.seed, folder / MODEL, folder / BRANCH)
    statistics = statistics_of(load_codec(folder / CODEC))
    network = Network.load(folder / MODEL, folder / BRANCH)
    if network.shape != run.shape:
        raise MirageError(f"{folder}: must hold a network of {run.shape}; it holds one of {network.shape}.")
    trained = nn.ModuleList(network.modules).requires_grad_(True).train()
    weight = channel_weights(statistics).to(device)
    if compiled:
        for block in (*network.modules[0].blocks, *network.modules[1].vace_blocks):
            block.compile()

    def losses(first: int):
        batches = _batches(run, statistics, device, first)

        def loss(step: int) -> Tensor:
            sample = next(batches).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=run.bfloat16):
                return flow_loss(network, sample, weight, step_generator(run.seed, step))

        return loss

    def save(averaged: nn.Module, step: int) -> None:
        save_network(tuple(averaged), folder / MODEL, folder / BRANCH, {"steps": f"{step}", **run.shape.metadata})

    return fit(trained, _optimisers(trained, run), losses, save, folder, Fit(run.steps, run.ema, seconds))


def step_generator(seed: int, step: int) -> torch.Generator:
    """Noise and noise levels of one step."""
    return torch.Generator().manual_seed(seed + 7919 * step)


def channel_weights(statistics: Statistics) -> Tensor:
    """``(C, 1, 1)``, mean 1: what a channel's error counts, between that of its pixels and that of its own scale."""
    return (statistics.deviation / statistics.deviation.mean())[:, None, None]


def noise_levels(count: int, generator: torch.Generator) -> Tensor:
    """Sigmas ``(B,)``, spread evenly over 0..1 and then shifted."""
    even = (torch.rand(1, generator=generator) + torch.arange(count) / count) % 1.0
    return SAMPLING_SHIFT * even / (1.0 + (SAMPLING_SHIFT - 1.0) * even)


def flow_loss(
    network: Network, sample: Sample, weight: Tensor, generator: torch.Generator, text: Tensor | None = None
) -> Tensor:
    """Flow matching: x = (1 - sigma) latents + sigma noise, and the network gives noise - latents; frame 0 is clean."""
    latents = sample.latents
    noise = torch.randn(latents.shape, generator=generator).to(latents)
    sigma = noise_levels(len(latents), generator).to(latents)
    noisy = torch.lerp(latents, noise, sigma.view(-1, 1, 1, 1, 1))
    noisy = torch.cat([latents[:, :1], noisy[:, 1:]], dim=1)
    error = network.flow(noisy, sigma, sample, text)[:, 1:] - (noise - latents)[:, 1:]
    return (error.square() * weight).mean()


def _optimisers(trained: nn.Module, run: Run) -> list[Optimizer]:
    """Muon for the matrices of the blocks where the run wants it, AdamW for all else."""
    matrices, rest = [], []
    for name, parameter in trained.named_parameters():
        (matrices if "blocks." in name and parameter.ndim == 2 else rest).append(parameter)
    if run.muon is None:
        return [AdamW([*matrices, *rest], lr=run.adam, betas=(0.9, 0.98), weight_decay=0.0)]
    muon = Muon(matrices, lr=run.muon, weight_decay=0.01)
    return [muon, AdamW(rest, lr=run.adam, betas=(0.9, 0.98), weight_decay=0.0)]


def _batches(run: Run, statistics: Statistics, device: torch.device, step: int) -> Iterator[Sample]:
    stream = sample_stream(run.samples, statistics, device, step * run.batch // run.samples.windows)
    while True:
        yield Sample.batch(list(islice(stream, run.batch)))
