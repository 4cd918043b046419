"""A ComfyUI that is too old is told so in one sentence, at the moment the pack is loaded."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LOAD = """
import asyncio, importlib.util, logging, sys
logging.basicConfig(format="%(message)s")
sys.path.insert(0, {host!r})
import comfyui_version, folder_paths
spec = importlib.util.spec_from_file_location("pack", {init!r}, submodule_search_locations=[{root!r}])
pack = sys.modules["pack"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pack)
if hasattr(pack, "NODE_CLASS_MAPPINGS"):
    print("old interface", pack.NODE_CLASS_MAPPINGS)
else:
    try:
        asyncio.run(pack.comfy_entrypoint())
    except Exception as error:
        print(type(error).__name__, error)
"""
SENTENCE = "Latent Spatial Memory (Mirage) needs ComfyUI 0.30.0 or newer; this one is {}. Update ComfyUI."


def loaded(folder: Path, files: dict[str, str]) -> subprocess.CompletedProcess:
    """Load the pack in a pretended ComfyUI made of these files."""
    for name, text in {"folder_paths.py": "", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    code = LOAD.format(host=str(folder), init=str(ROOT / "__init__.py"), root=str(ROOT))
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)


def api(text: str, version: str) -> dict[str, str]:
    return {
        "comfyui_version.py": f"__version__ = {version!r}",
        "comfy_api/__init__.py": "",
        "comfy_api/latest/__init__.py": text,
    }


def test_a_comfyui_without_the_interface_hears_one_sentence(tmp_path):
    done = loaded(tmp_path, {"comfyui_version.py": "__version__ = '0.3.10'"})
    assert done.stderr.strip() == SENTENCE.format("0.3.10") and done.stdout.strip() == "old interface {}"


def test_one_that_does_not_say_its_version_hears_it_too(tmp_path):
    done = loaded(tmp_path, {"comfyui_version.py": "", "comfy_api/__init__.py": ""})
    assert done.stderr.strip() == SENTENCE.format("unknown")


@pytest.mark.parametrize(
    "text",
    ["", "class ComfyExtension: pass\nclass io:\n    class ComfyNode: pass\n"],
    ids=["no names", "fewer names"],
)
def test_one_whose_interface_lacks_something_says_which_version_is_needed(text, tmp_path):
    (tmp_path / "old").mkdir(), (tmp_path / "new").mkdir()
    old, new = (loaded(tmp_path / name, api(text, version)) for name, version in (("old", "0.12.1"), ("new", "0.30.0")))
    assert old.stdout.strip() == f"ImportError {SENTENCE.format('0.12.1')}" and "Traceback" not in old.stderr
    assert "Error" in new.stdout and "needs ComfyUI" not in new.stdout  # another fault keeps its own words


def test_a_missing_package_is_not_blamed_on_the_version(tmp_path):
    text = "import no_such_package\n"
    assert "no_such_package" in loaded(tmp_path, api(text, "0.12.1")).stdout


def test_the_needed_version_is_the_one_that_the_manager_reads():
    (needed,) = re.findall(r"^NEEDED = \((.+?)\)", (ROOT / "__init__.py").read_text(), re.MULTILINE)
    needed = needed.replace(", ", ".")
    assert f'requires-comfyui = ">={needed}"' in (ROOT / "pyproject.toml").read_text()
