import os
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch

sys.path.append(str(Path(__file__).parent))

from cuda_answers import cuda_functions
from pretend_gpu import PretendGPU

ROOT = Path(__file__).parents[2]


class RealGPU:
    """What ``PretendGPU`` notes, as far as CUDA tells."""

    real = True
    unwaited = ()

    @contextmanager
    def waits_for_nothing(self):
        torch.cuda.set_sync_debug_mode("error")
        yield
        torch.cuda.set_sync_debug_mode("default")


class NotedGPU(PretendGPU):
    real = False

    @contextmanager
    def waits_for_nothing(self):
        self.waits.clear()
        yield
        assert self.waits == []


@pytest.fixture
def gpu():
    """The GPU of this machine if ``MIRAGE_GPU`` is "real", else one that is not there; in inference mode."""
    if os.environ.get("MIRAGE_GPU") == "real":
        with torch.inference_mode():
            yield RealGPU()
        return
    with mock.patch.multiple("torch.cuda", **cuda_functions()), NotedGPU(root=str(ROOT)) as gpu, torch.inference_mode():
        yield gpu
