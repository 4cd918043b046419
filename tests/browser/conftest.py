import json
import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

import av
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent.parent
sys.path += [str(ROOT / ".ci"), str(Path(__file__).parent)]

from comfy_page import ComfyPage  # noqa: E402 - found through the line above
from comfy_server import PACK_NAME, ComfyServer  # noqa: E402
from front_ends import PACKAGE, installed  # noqa: E402
from setup_host import host_dir  # noqa: E402

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OTHER = os.environ.get("MIRAGE_FRONT_END")  # version of another front-end than ComfyUI's own, see .ci/front_ends.py
FRONT_END = OTHER or metadata.version(PACKAGE)
PICTURES = ROOT / "output" / "browser" / (f"front_end_{OTHER}" if OTHER else "")
KINDS = ("canvas nodes", "nodes 2.0")
WIDTH, HEIGHT = 1500, 950
# software WebGL; no look-ups of hosts that a test machine may not reach
OPTIONS = [
    *("--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-dev-shm-usage", "--no-first-run", "--force-color-profile=srgb"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
SETTINGS = {  # without them the first visit opens dialogs
    "Comfy.TutorialCompleted": True,
    "Comfy.Workflow.Persist": False,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.VersionCompatibility.DisableWarnings": True,
    "Comfy.Window.UnloadConfirmation": False,
    "Comfy.Minimap.Visible": False,
}


def pytest_addoption(parser):
    told = "run each test on one of the two kinds of nodes, by turns, but for those marked front_end"
    parser.addoption("--one-kind", action="store_true", help=told)


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--one-kind"):
        return
    names = sorted({item.nodeid.replace(kind, "") for item in items for kind in KINDS})
    turn = {name: KINDS[number % len(KINDS)] for number, name in enumerate(names)}
    mine = [item for item in items if item.get_closest_marker("front_end") or _on(item, turn)]
    config.hook.pytest_deselected(items=[item for item in items if item not in mine])
    items[:] = mine


def _on(item, turn) -> bool:
    """Whether a test is on the kind of nodes whose turn it is; tests without a page are on both."""
    kind = next((kind for kind in KINDS if kind in item.nodeid), None)
    return kind is None or turn[item.nodeid.replace(kind, "")] == kind


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"The page was that of front-end {FRONT_END}.")


def write_clip(path: Path, picture: Path) -> None:
    """A clip of a picture that moves to the left, as one loads it into *retake*."""
    with av.open(str(path), "w") as container, Image.open(picture) as image:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        frames = [image.convert("RGB").resize((400, 240)).crop((x, 24, x + 320, 216)) for x in range(0, 80, 4)]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def server():
    options = ("--cpu", "--front-end-root", str(installed(OTHER))) if OTHER else ("--cpu",)
    # software WebGL takes a core, and threads that wait for one another on the rest are thirty times slower than one
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ComfyServer(host_dir(), {PACK_NAME: ROOT}, options) as running:
        shutil.copy(host_dir() / "input" / "example.png", running.base / "input")  # as every ComfyUI has it
        write_clip(running.base / "input" / "clip.mp4", running.base / "input" / "example.png")
        settings = running.base / "user" / "default" / "comfy.settings.json"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(SETTINGS))
        yield running
        assert "DEPRECATION WARNING" not in running.log  # files of ComfyUI that only old packs ask for


@pytest.fixture(scope="session")
def context(server):
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        pytest.skip("there is no Chromium: install one (Debian: apt install chromium), or set CHROMIUM")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=OPTIONS) as browser:
        yield browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})


@pytest.fixture(scope="module", params=[False, True], ids=KINDS)
def page(request, context, server):
    """A page for each file of tests: every workflow that is loaded stays open on its page, in a tab of its own."""
    opened = ComfyPage(context, server.url, request.param, PICTURES)
    assert opened.js("return window.__COMFYUI_FRONTEND_VERSION__") == FRONT_END
    yield opened
    opened.page.close()


@pytest.fixture(autouse=True)
def nothing_goes_wrong_on_the_page(page):
    page.errors.clear()
    yield
    assert page.errors == []


@pytest.fixture
def editor(page):
    """The Camera Path Editor of the template draw_a_walk, just opened."""
    from test_editor import EDITOR, WORKFLOW, EditorNode

    page.load(WORKFLOW, "draw_a_walk")
    page.show(EDITOR)
    return EditorNode(page)
