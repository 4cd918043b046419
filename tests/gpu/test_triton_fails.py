"""A GPU on which Triton does not run: processes of their own, where it really fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]

READ = """
import logging, sys
from unittest import mock
if sys.argv[1] == "missing":
    sys.modules["triton"] = None
import torch
from cuda_answers import cuda_functions
from pretend_gpu import PretendGPU
from mirage_core import Cameras, LatentMemory, LatentSpec, MirageError, PointBlock, splat
logging.basicConfig(format="%(message)s")
memory = LatentMemory(LatentSpec(1, 16), (PointBlock(torch.tensor([[0.5, 0.5, 1.0]]), torch.ones(1, 1)),))
views = Cameras(torch.eye(4)[None], torch.eye(3))
with mock.patch.multiple("torch.cuda", **cuda_functions()), PretendGPU():
    for _ in range(2):
        readout = splat(memory, views, (1, 1), device="cuda")
        assert readout.latents.tolist() == [[[[1.0]]]] and readout.latents.device.type == "cuda"
    assert splat(memory.to("cuda"), views, (1, 1)).latents.device.type == "cuda"
    try:
        splat(memory, views, (1, 1), device="cuda", backend="triton")
    except MirageError as error:
        print(error)
"""


def read(triton, extra=()):
    """What is warned of, and how the backend is refused by name."""
    folders = [*map(str, extra), str(ROOT), str(Path(__file__).parent)]
    env = {**os.environ, "TRITON_INTERPRET": "0", "PYTHONPATH": os.pathsep.join(folders)}
    done = subprocess.run([sys.executable, "-c", READ, triton], env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines(), done.stdout.strip()


def test_without_a_driver():
    pytest.importorskip("triton")
    if torch.cuda.is_available():
        pytest.skip("this machine has a driver")
    (warning,), refused = read("as it is")
    assert "kernels on cuda:0; AssertionError: libcuda.so cannot found. Triton needs" in warning
    assert "Memories are read with plain torch instead: the same result, only slower." in warning
    assert refused and refused in warning


def test_with_a_damaged_installation(tmp_path):
    (tmp_path / "triton").mkdir()
    (tmp_path / "triton" / "__init__.py").write_text("raise ImportError('DLL load failed while importing libtriton')\n")
    (warning,), refused = read("damaged", [tmp_path])
    assert "kernels on cuda:0; ImportError: DLL load failed while importing libtriton." in warning
    assert refused and refused in warning


def test_without_triton():
    warnings, refused = read("missing")
    assert warnings == []
    assert refused == "backend triton: must find the triton package; it is not installed. Use auto."
