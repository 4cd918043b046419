"""One page of ComfyUI's front-end in Chromium, as a user has it."""

import json
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import BrowserContext

PACK = "comfyui-latent-memory"
RUN_SECONDS = 180
# what the stock page says when it is offline, or where a file is optional
HARMLESS = (
    *("comfy.org", "googletagmanager", "sentry", "firebase", "googleapis", "Content Security Policy"),
    *(
        "user.css",
        "api/userdata",
        "favicon",
        "ERR_ABORTED",
        "GPU stall",
        "missingModelDownload",
        "before initialization",
    ),
    *("templates/", "/docs/"),  # a thumbnail or a translation that is not there; our own are checked by name
    "Failed to load resource",  # told with its address by the response
)
# a warning tells only then who caused it, and ComfyUI gives some of them once
WITH_STACKS = """Error.stackTraceLimit = 100;
const warn = console.warn;
console.warn = (...told) => warn(...told, new Error().stack);"""
TWO_OF_THREE = "Multiple instances of Three.js"  # ComfyUI has one, and hands it to nobody
REPEATED = "LiteGraph.alwaysRepeatWarnings = true"
READY = """() => window.app?.vueAppReady && window.app.graph && window.app.extensionManager
    && !document.querySelector('#splash-loader') && !window.app.extensionManager.spinner"""
PRELUDE = """const app = window.app;
const store = (name) => document.querySelector('#vue-app').__vue_app__.config.globalProperties.$pinia._s.get(name);
"""


class ComfyPage:
    """Open the front-end.

    Args:
        context: of Playwright.
        url: of a running server.
        vue: draw nodes as HTML ("Nodes 2.0") instead of on the canvas.
        pictures: folder for screenshots.
    """

    def __init__(self, context: BrowserContext, url: str, vue: bool, pictures: Path):
        self.url, self.vue, self.pictures = url, vue, pictures
        self.errors: list[str] = []
        self._direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.page = context.new_page()
        self.page.add_init_script(WITH_STACKS)
        self.page.on("crash", lambda _: self.errors.append("the page has crashed"))
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        self.page.on("response", self._on_response)
        self.open()

    def open(self) -> None:
        """Open the page, or open it anew."""
        self.page.goto(self.url, wait_until="domcontentloaded")
        self.page.wait_for_function(READY, timeout=60_000)
        self.js(f"{REPEATED}; await app.extensionManager.setting.set('Comfy.VueNodes.Enabled', arg)", self.vue)

    def _on_console(self, message) -> None:
        text, warning = message.text, message.type == "warning"
        ours = warning and f"/extensions/{PACK}/" in text and TWO_OF_THREE not in text  # deprecations among them
        if ours or (message.type == "error" and not _harmless(text)):
            self.errors.append(text)

    def _on_response(self, response) -> None:
        if response.status >= 400 and not _harmless(response.url):
            self.errors.append(f"HTTP {response.status} {response.url}")

    def js(self, body: str, arg=None):
        """Run the body of an async function in the page; it sees ``app``, ``arg``, and ``store`` for Pinia."""
        return self.page.evaluate(f"async (arg) => {{ {PRELUDE} {body} }}", arg)

    def settle(self, milliseconds: int = 300) -> None:
        self.page.wait_for_timeout(milliseconds)
        self.js("for (let n = 0; n < 3; n++) await new Promise((done) => requestAnimationFrame(done))")

    def load(self, workflow: dict, name: str = "test") -> None:
        self.js("await app.loadGraphData(arg.workflow, true, true, arg.name)", {"workflow": workflow, "name": name})
        self.settle(600)

    def saved(self) -> dict:
        """The workflow as Save would write it."""
        return self.js("return JSON.parse(JSON.stringify((await app.graphToPrompt()).workflow))")

    def prompt(self) -> dict:
        """What Run would send."""
        return self.js("return (await app.graphToPrompt()).output")

    def complaints(self) -> list[str]:
        """Nodes that are missing, dialogs, and error messages on the page."""
        return self.js("""
            const shown = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility());
            const texts = (selector) => shown(selector).map((one) => one.innerText);
            const missing = store('missingNodesError')?.missingNodesError?.nodeTypes ?? [];
            const unknown = app.graph.nodes.filter((node) => !node.constructor?.nodeData && !node.isVirtualNode);
            const found = [...missing.map((one) => one.type ?? one), ...unknown.map((node) => node.type)];
            return [...found, ...texts('[role=dialog]'), ...texts('.p-toast-message')].filter(Boolean);
        """)

    def run(self) -> dict:
        """Press Run; return the history entry of a prompt that succeeded."""
        with self.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
            self.js("await app.extensionManager.command.execute('Comfy.QueuePrompt')")
        return self.finished(sent.value)

    def finished(self, reply) -> dict:
        """Wait for the prompt that a reply of the server names."""
        answer = reply.json()
        assert reply.status == 200 and not answer.get("node_errors"), answer
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            with self._direct.open(f"{self.url}/history/{answer['prompt_id']}") as history:
                entry = json.load(history).get(answer["prompt_id"])
            if entry and entry["status"].get("completed") is not None:
                assert entry["status"]["status_str"] == "success", entry["status"]["messages"][-1]
                self.settle(600)
                return entry
            self.page.wait_for_timeout(100)
        raise AssertionError(f"the prompt did not finish within {RUN_SECONDS} s")

    def show(self, node_id: int | None = None) -> None:
        """Fit a node, or the whole graph, into the page."""
        self.js(
            """const nodes = arg === null ? app.canvas.graph.nodes : [app.canvas.graph.getNodeById(arg)];
            const boxes = nodes.map((node) => [...(node.boundingRect ?? node.getBounding())]);
            const [x, y] = [0, 1].map((axis) => Math.min(...boxes.map((box) => box[axis])));
            const [right, bottom] = [0, 1].map((axis) => Math.max(...boxes.map((box) => box[axis] + box[axis + 2])));
            const [w, h] = [right - x, bottom - y];
            const page = app.canvas.canvas.getBoundingClientRect();
            const scale = Math.min(1.2, (page.width - 80) / w, (page.height - 120) / h);
            app.canvas.ds.scale = scale;
            app.canvas.ds.offset[0] = page.width / 2 / scale - (x + w / 2);
            app.canvas.ds.offset[1] = page.height / 2 / scale - (y + h / 2);
            app.canvas.setDirty(true, true);""",
            node_id,
        )
        self.settle(400)

    def shot(self, name: str) -> None:
        mode = "vue" if self.vue else "classic"
        self.page.screenshot(path=self.pictures / f"{name}.{mode}.png")


def _harmless(text: str) -> bool:
    return any(known in text for known in HARMLESS)
