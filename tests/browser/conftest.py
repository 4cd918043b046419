import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent.parent
sys.path += [str(ROOT / ".ci"), str(Path(__file__).parent)]

from comfy_page import ComfyPage  # noqa: E402 - found through the line above
from comfy_server import PACK_NAME, ComfyServer  # noqa: E402
from setup_host import host_dir  # noqa: E402

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PICTURES = ROOT / "output" / "browser"
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


@pytest.fixture(scope="session")
def server():
    # software WebGL takes a core, and threads that wait for one another on the rest are thirty times slower than one
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ComfyServer(host_dir(), {PACK_NAME: ROOT}) as running:
        shutil.copy(host_dir() / "input" / "example.png", running.base / "input")  # as every ComfyUI has it
        settings = running.base / "user" / "default" / "comfy.settings.json"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(json.dumps(SETTINGS))
        yield running


@pytest.fixture(scope="session")
def context(server):
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not program:
        pytest.skip("there is no Chromium: install one (Debian: apt install chromium), or set CHROMIUM")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=OPTIONS) as browser:
        yield browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})


@pytest.fixture(scope="module", params=[False, True], ids=["canvas nodes", "nodes 2.0"])
def page(request, context, server):
    """A page for each file of tests: every workflow that is loaded stays open on its page, in a tab of its own."""
    opened = ComfyPage(context, server.url, request.param, PICTURES)
    yield opened
    opened.page.close()


@pytest.fixture(autouse=True)
def nothing_goes_wrong_on_the_page(page):
    page.errors.clear()
    yield
    assert page.errors == []
