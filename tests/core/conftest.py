import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COMFYUI = {"comfy", "comfy_api", "comfy_extras", "comfy_execution", "folder_paths", "server", "nodes"}


@pytest.fixture(autouse=True, scope="module")
def no_comfyui(request):
    """The core is tested without ComfyUI: neither these tests nor what they run import it."""
    alone = all(HERE in item.path.parents for item in request.session.items)
    before = set() if alone else COMFYUI & set(sys.modules)  # other tests of the same run may
    yield
    assert COMFYUI & set(sys.modules) == before
