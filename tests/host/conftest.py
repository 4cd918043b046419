import asyncio
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent.parent
sys.path += [str(ROOT / ".ci"), str(Path(__file__).parent)]

from comfy_server import PACK_NAME, ComfyServer  # noqa: E402 - found through the line above
from setup_host import host_dir  # noqa: E402
from tiny_models import write_tiny_models  # noqa: E402


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


@contextmanager
def on_a_pretend_gpu(host: Path, base: Path, start: str):
    """The same on a GPU that is not there, see tests/gpu; ``start`` is one of its ``STARTS``."""
    sys.path.append(str(ROOT / "tests" / "gpu"))
    from pretend_host import pretend_host

    with pretend_host(host, base, [ROOT], start, str(ROOT)) as (nodes, _):
        import folder_paths

        write_tiny_models(Path(folder_paths.models_dir))
        yield nodes


@pytest.fixture(scope="session")
def comfy(host, tmp_path_factory):
    """ComfyUI inside this process: its `nodes` module, with this pack and the checkpoints of `tiny_models` loaded."""
    start = os.environ.get("MIRAGE_PRETEND_START")
    if start:
        with on_a_pretend_gpu(host, tmp_path_factory.mktemp("comfy"), start) as nodes, torch.inference_mode():
            yield nodes
        return
    sys.path.insert(0, str(host))  # before the checkout, which has a folder `nodes` too
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    comfy.cli_args.args.base_directory = str(tmp_path_factory.mktemp("comfy"))
    import folder_paths

    import nodes

    async def load() -> None:
        await nodes.init_public_apis()
        for extra in (
            "nodes_wan.py",
            "nodes_model_patch.py",
            "nodes_lt.py",
            "nodes_minimax_h3.py",
            "nodes_ar_video.py",
            "nodes_custom_sampler.py",
        ):
            assert await nodes.load_custom_node(str(host / "comfy_extras" / extra), module_parent="comfy_extras")
        assert await nodes.load_custom_node(str(ROOT))

    asyncio.run(load())
    assert Path(nodes.__file__).parent == host
    write_tiny_models(Path(folder_paths.models_dir))
    with torch.inference_mode():  # as ComfyUI runs nodes
        yield nodes


@pytest.fixture(scope="session")
def server_models(server, comfy):
    """The running server, with the same checkpoints."""
    import folder_paths

    shutil.copytree(folder_paths.models_dir, server.base / "models", dirs_exist_ok=True)
    return server
