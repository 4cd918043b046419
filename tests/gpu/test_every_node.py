"""Every node in ComfyUI as users with a GPU start it. ComfyUI decides once what it runs on: a process for each.

``MIRAGE_STARTS`` names the starts: "all", or some of ``pretend_host.STARTS`` with commas between them.
"""

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from pretend_host import STARTS

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / ".ci"))

from setup_host import host_dir  # noqa: E402 - found through the line above

USUAL = "default,dynamic,gpu-only,novram"


def starts() -> list[str]:
    asked = os.environ.get("MIRAGE_STARTS", USUAL)
    return list(STARTS) if asked == "all" else asked.split(",")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    subprocess.run([sys.executable, ROOT / ".ci" / "tiny_models.py", host_dir(), folder], check=True)
    return folder


def precise_starts() -> list[str]:
    """Those in which models run in float32, as the sampler's tests compare to the last digits."""
    return [start for start in STARTS if start.endswith("fp32") and (start == "fp32" or start in starts())]


def run(command: list, **variables: str) -> None:
    env = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.fixture(scope="session")
def begun(models) -> dict[str, Future]:
    """The processes of all starts, as many at a time as there are cores: each takes minutes of one."""
    script = Path(__file__).parent / "every_node.py"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {start: pool.submit(run, [script, start, host_dir(), models]) for start in starts()}


@pytest.mark.parametrize("start", starts())
def test_every_node_runs(begun, start):
    begun[start].result()


@pytest.mark.parametrize("start", precise_starts())
def test_models_read_what_they_read_on_the_cpu(start):
    tests = ROOT / "tests" / "host" / "sampler" / "test_conditioning.py"
    run(["-m", "pytest", "-q", "-p", "no:cacheprovider", tests], MIRAGE_PRETEND_START=start)
