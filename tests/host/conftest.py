import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path.append(str(ROOT / ".ci"))

from comfy_server import PACK_NAME, ComfyServer  # noqa: E402 - found through the line above
from setup_host import host_dir  # noqa: E402


@pytest.fixture(scope="session")
def host() -> Path:
    """The ComfyUI checkout that the tests run in."""
    found = host_dir()
    if not (found / "main.py").is_file():
        pytest.fail(f"there is no ComfyUI in {found}: run `make setup`, or set COMFYUI_DIR", pytrace=False)
    return found


@pytest.fixture(scope="session")
def server(host):
    """A running ComfyUI with this pack and the test-only nodes of `helper_pack`."""
    with ComfyServer(host, {PACK_NAME: ROOT, "mirage-test-nodes": Path(__file__).parent / "helper_pack"}) as running:
        yield running
