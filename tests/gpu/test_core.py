"""The cases of core_cases.py, on a GPU that is not there, and on the one of this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent


def run_cases(kind: str, interpreted: bool) -> None:
    env = {**os.environ, "MIRAGE_GPU": kind, "TRITON_INTERPRET": str(int(interpreted)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE / "core_cases.py"]
    done = subprocess.run(command, cwd=HERE.parents[1], env=env, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_the_core_on_a_pretend_gpu():
    pytest.importorskip("triton")
    run_cases("pretend", interpreted=True)


def test_the_core_on_the_gpu_of_this_machine():
    if not torch.cuda.is_available():
        pytest.skip("this machine has no CUDA or ROCm GPU")
    pytest.importorskip("triton")
    run_cases("real", interpreted=False)
