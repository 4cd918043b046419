from pathlib import Path

import pytest
import torch
from remembered import Pack

SHAPE = dict(dim=256, heads=4, ffn_dim=128, blocks=2, branch_blocks=1)


@pytest.fixture(autouse=True)
def gradients(comfy):
    """The session runs as ComfyUI runs nodes; training does not."""
    with torch.inference_mode(False):
        yield


@pytest.fixture(scope="session")
def pack(comfy):
    return Pack(comfy)


@pytest.fixture(scope="session")
def training(pack):
    """Modules of training/, by name."""
    return lambda name: pack.module(f"training.{name}")


@pytest.fixture(scope="session")
def run(training):
    train, samples = training("train"), training("samples")
    settings = samples.Settings(image_size=(64, 96), frames=3, walk=5, windows=2)
    return train.Run(steps=6, batch=2, shape=training("network").Shape(**SHAPE), samples=settings, ema=0.5)


@pytest.fixture(scope="session")
def trained(training, run, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    with torch.inference_mode(False):
        assert training("train").train(run, folder, torch.device("cpu"))
    return folder
