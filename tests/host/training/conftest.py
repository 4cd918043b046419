import pytest
import torch
from remembered import Pack


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
