"""Preview Memory and Memory Brush under a real mouse."""

import copy
import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from test_editor import WORKFLOW

PREVIEW, BRUSH, INFO = 20, 21, 22
SOURCES = (2, 3, 4, 5, 6)  # of the template: the sample scene in a memory
POINTS = 2366
BACKGROUND = np.array([0x14, 0x16, 0x1A])
WIDGET = """const node = app.canvas.graph.getNodeById(arg.id);
const widget = node.widgets.find((one) => one.showOutput);
const panel = await widget.opened; const view = panel.view;"""
SIDEBAR = "return store('sidebarTab')?.activeSidebarTabId ?? null"
BOX = """{"format": "mirage-memory-shapes", "version": 1, "shapes": [
  {"kind": "box", "does": "erase", "low": [-9, -9, 0], "high": [9, 9, 2]}
]}"""


def _node(number: int, kind: str, inputs: list, outputs: list, **more) -> dict:
    sockets = {
        "inputs": [{"name": name, "type": type_, "link": link} for name, type_, link in inputs],
        "outputs": [{"name": name, "type": type_, "links": links} for name, type_, links in outputs],
    }
    return {"id": number, "type": kind, "mode": 0, "flags": {}, "order": number, "properties": {}, **sockets, **more}


def workflow(shapes="") -> dict:
    """The sample scene in a memory, its preview, and a brush whose memory Memory Info counts."""
    memory, geometry = ("memory", "MIRAGE_MEMORY"), ("geometry", "MIRAGE_GEOMETRY")
    links = [link for link in WORKFLOW["links"] if link[1] in SOURCES and link[3] in SOURCES]
    links += [[101, 6, 0, PREVIEW, 0, memory[1]], [102, 6, 0, BRUSH, 0, memory[1]], [103, BRUSH, 0, INFO, 0, memory[1]]]
    nodes = [copy.deepcopy(one) for one in WORKFLOW["nodes"] if one["id"] in SOURCES]
    for one in nodes:
        for slot, output in enumerate(one["outputs"]):
            output["links"] = [link[0] for link in links if link[1:3] == [one["id"], slot]]
    inputs = [(*geometry, None)]
    shown = dict(pos=[740, 0], size=[520, 560], widgets_values=[1])
    nodes.append(_node(PREVIEW, "Mirage_PreviewMemory", [(*memory, 101), *inputs], [(*memory, [])], **shown))
    outputs = [(*memory, [103]), ("shapes", "STRING", [])]
    shown = dict(pos=[1300, 0], size=[560, 760], widgets_values=[shapes, 1])
    nodes.append(_node(BRUSH, "Mirage_MemoryBrush", [(*memory, 102), *inputs], outputs, **shown))
    nodes.append(_node(INFO, "Mirage_MemoryInfo", [(*memory, 103)], [(*memory, [])], pos=[1900, 0], size=[260, 160]))
    return {"version": 0.4, "last_node_id": 30, "last_link_id": 200, "nodes": nodes, "links": links, "groups": []}


class MemoryNode:
    """A node with a memory's view on a page."""

    def __init__(self, page, node_id):
        self.page, self.id, self.mouse = page, node_id, page.page.mouse
        page.show(node_id)

    def js(self, body: str, arg=None):
        return self.page.js(f"{WIDGET} arg = arg.arg; {body}", {"id": self.id, "arg": arg})

    @property
    def text(self) -> str:
        return self.js("return widget.value")

    @property
    def shapes(self) -> list[dict]:
        return json.loads(self.text)["shapes"] if self.text else []

    @property
    def words(self) -> str:
        return self.js("return panel.root.innerText")

    @property
    def stays(self) -> int:
        """What the line below the view counts."""
        return int(self.js("return panel.state.textContent").split(" of ")[0].replace(",", ""))

    def show_points(self) -> None:
        with self.page.page.expect_response(lambda got: got.request.method == "POST" and "/prompt" in got.url) as sent:
            self.press("Show points")
        outputs = self.page.finished(sent.value)["outputs"]
        assert list(outputs) == [str(self.id)]  # nothing else has run
        self.page.page.wait_for_function(
            f"async () => {{ const app = window.app, arg = {{id: {self.id}}}; {WIDGET} return panel.scene; }}"
        )
        self.page.settle()

    def press(self, name: str) -> None:
        box = self.js(
            """const found = [...panel.root.querySelectorAll('button')].find((one) => one.textContent === arg);
            const {x, y, width, height} = found.getBoundingClientRect(); return [x + width / 2, y + height / 2];""",
            name,
        )
        self.mouse.click(*box)
        self.page.settle(150)

    def key(self, name: str) -> None:
        self.page.page.keyboard.press(name)
        self.page.settle(150)

    def at(self, u: float, v: float) -> list[float]:
        """A place of the view on the page, shares from its top left corner."""
        x, y, w, h = self.js("const b = view.canvas.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]")
        return [x + u * w, y + v * h]

    def drag(self, *places) -> None:
        self.mouse.move(*places[0])
        self.mouse.down()
        for place in places[1:]:
            self.mouse.move(*place, steps=4)
        self.mouse.up()
        self.page.settle(250)

    def handle(self, name: str) -> list[float]:
        found = "view.onPage(panel.outlines.handles.find((one) => one.name === arg).place)"
        return self.js(f"const {{x, y}} = {found}; return [x, y];", name)

    def picture(self) -> np.ndarray:
        """The view as it is on the page, (H, W, 3)."""
        self.page.settle(200)
        (x, y), (right, bottom) = self.at(0.02, 0.15), self.at(0.98, 0.66)  # between hint and legend
        clip = {"x": x, "y": y, "width": right - x, "height": bottom - y}
        return np.asarray(Image.open(BytesIO(self.page.page.screenshot(clip=clip))).convert("RGB")).astype(int)

    def filled(self) -> float:
        """Share of the view that points cover."""
        return float((np.abs(self.picture() - BACKGROUND).max(axis=2) > 12).mean())


def points_of(entry: dict) -> int:
    return entry["outputs"][str(INFO)]["mirage_memory"][0]["points"]


@pytest.fixture
def brush(page):
    page.load(workflow(), "brush")
    node = MemoryNode(page, BRUSH)
    node.show_points()
    return node


def test_the_preview_shows_colours_and_reads_tokens(page):
    page.load(workflow(), "preview")
    preview = MemoryNode(page, PREVIEW)
    assert "Press Show points to see the points" in preview.words and preview.filled() < 0.01
    preview.show_points()
    assert f"{POINTS:,} points." in preview.words and preview.filled() > 0.15
    pictures, legends = {}, {}
    for name in ("origin", "age", "confidence", "locked", "picture"):
        preview.js("panel.colours.value = arg; panel.colours.dispatchEvent(new Event('change'))", name)
        seen = preview.picture()
        pictures[name] = np.median(seen[np.abs(seen - BACKGROUND).max(axis=2) > 12], axis=0)
        legends[name] = preview.js("return panel.over.legend.innerText")
    assert f"Start, latent frames 0 to 0: {POINTS:,}" in legends["origin"] and "Written later: 0" in legends["origin"]
    assert f"Not locked: {POINTS:,}" in legends["locked"]
    assert np.abs(pictures["origin"] - [0x3F, 0xB8, 0xA5]).max() < 4  # all of it is the start
    assert np.abs(pictures["locked"] - [0x8B, 0x92, 0x9C]).max() < 4
    assert np.abs(pictures["picture"] - pictures["confidence"]).max() > 25
    preview.mouse.click(*preview.at(0.5, 0.6))
    page.settle()
    token = preview.js(
        """const n = view.marked; const round = (value) => Number(value.toPrecision(3)); const {scene} = panel;
        const place = [...scene.xyz.slice(3 * n, 3 * n + 3)];
        const onPage = view.onPage(place);
        return {n, width: round(scene.width[n]), place: place.map(round).join(', '), x: onPage.x, y: onPage.y};"""
    )
    x, y = preview.at(0.5, 0.6)
    page.shot("preview_read")
    assert token["n"] >= 0 and abs(token["x"] - x) < 12 and abs(token["y"] - y) < 12
    assert "latent frame 0, confidence" in preview.words
    assert f"{token['width']} wide, at {token['place']} (scene units)" in preview.words


def test_a_box_erases_what_it_shows_and_undo_brings_it_back(page, brush):
    before = brush.filled()
    brush.press("Box")
    start = brush.at(0.5, 0.6)
    brush.mouse.move(*start)
    brush.mouse.down()
    brush.mouse.move(start[0] + 50, start[1], steps=4)
    page.settle(200)
    assert brush.stays < POINTS and brush.filled() == pytest.approx(before, abs=0.02)  # red, but there
    page.shot("brush_drawing")
    brush.mouse.up()
    page.settle(300)
    (box,) = brush.shapes
    assert box["kind"] == "box" and box["does"] == "erase" and brush.filled() < before - 0.01
    assert points_of(page.run()) == brush.stays < POINTS
    brush.drag(brush.handle("high x"), [brush.handle("high x")[0] + 60, brush.handle("high x")[1] + 20])
    (wider,) = brush.shapes
    assert wider["high"][0] > box["high"][0] and wider["low"] == box["low"] and wider["high"][1:] == box["high"][1:]
    for key, shapes in (("Control+z", [box]), ("Control+z", []), ("Control+y", [box]), ("Control+y", [wider])):
        brush.key(key)
        page.settle(500)
        assert brush.shapes == shapes
    assert brush.js("return panel.scene.width.length") == POINTS and brush.js("return panel.root.isConnected")
    assert points_of(page.run()) == brush.stays


def test_a_lasso_and_a_locked_sphere_give_what_the_page_shows(page, brush):
    brush.js("panel.root.focus()")
    brush.key("o")
    brush.press("lock")
    start = brush.at(0.45, 0.55)
    brush.drag(start, [start[0] + 40, start[1]])
    assert brush.shapes[0]["kind"] == "sphere" and brush.stays == POINTS
    locked = int(brush.js("return panel.state.textContent").split("stay, ")[1].split(" are")[0])
    assert 0 < locked < POINTS
    brush.key("l")
    brush.press("keep")
    brush.drag(*(brush.at(u, v) for u, v in ((0.55, 0.35), (0.95, 0.35), (0.95, 0.9), (0.55, 0.9), (0.54, 0.4))))
    assert [one["does"] for one in brush.shapes] == ["lock", "keep"]
    page.shot("brush_lasso")
    stays = brush.stays
    assert locked < stays < POINTS
    assert points_of(page.run()) == stays


def test_shapes_are_named_switched_off_and_deleted_in_the_list(page):
    page.load(workflow(BOX), "listed")
    brush = MemoryNode(page, BRUSH)
    brush.show_points()
    stays = brush.stays
    assert 0 < stays < POINTS
    name = page.page.locator(".mirage-memory .list .name").locator("visible=true").first
    name.fill("the front")
    name.press("Enter")
    page.settle()
    assert brush.shapes[0]["name"] == "the front" and brush.stays == stays
    brush.press("●")
    assert brush.shapes[0]["off"] is True and brush.stays == POINTS
    brush.press("○")
    assert "off" not in brush.shapes[0] and brush.stays == stays
    page.shot("brush_list")
    brush.press("✕")
    assert brush.text == "" and brush.stays == POINTS


def test_keys_are_the_brushs_own_and_the_view_turns_under_a_tool(page, brush):
    brush.mouse.click(*brush.at(0.5, 0.6))
    assert page.js(SIDEBAR) is None
    for key, tool in (("l", "lasso"), ("b", "box"), ("o", "sphere"), ("n", "sphere"), ("r", "sphere")):
        brush.key(key)
        assert brush.js("return panel.model.tool") == tool and page.js(SIDEBAR) is None
    eye = brush.js("return view.look.eye")
    page.page.keyboard.down("Alt")
    brush.drag(brush.at(0.5, 0.5), brush.at(0.6, 0.55))
    page.page.keyboard.up("Alt")
    turned = brush.js("return view.look.eye")
    assert turned != pytest.approx(eye) and brush.text == ""
    brush.key("w")
    assert brush.js("return view.look.eye") != pytest.approx(turned)
    brush.key("?")
    assert "Leave the tool" in brush.words
    brush.key("Escape")
    assert "Leave the tool" not in brush.words and brush.js("return panel.model.tool") == "sphere"
    brush.key("Escape")
    assert brush.js("return panel.model.tool") == "look"


def test_the_view_survives_another_workflow(page, brush):
    brush.drag(brush.at(0.5, 0.3), brush.at(0.6, 0.4))
    look = brush.js("return panel.look")
    page.load(workflow(), "another brush")
    other = MemoryNode(page, BRUSH)
    assert other.js("return panel.scene") is None
    page.js("await app.extensionManager.command.execute('Workspace.PreviousOpenedWorkflow')")
    page.settle(800)
    again = MemoryNode(page, BRUSH)
    assert again.js("return panel.look")["view"]["eye"] == pytest.approx(look["view"]["eye"])
    assert again.js("return panel.scene.width.length") == POINTS and again.filled() > 0.1


def test_linked_shapes_are_shown_and_not_edited(page, brush):
    page.js(
        """const source = LiteGraph.createNode('PrimitiveStringMultiline');
        app.graph.add(source);
        source.pos = [1300, -300];
        source.widgets[0].value = arg.text;
        const node = app.graph.getNodeById(arg.id);
        source.connect(0, node, node.inputs.findIndex((one) => one.widget?.name === 'shapes'));""",
        {"text": BOX, "id": BRUSH},
    )
    page.settle(500)
    brush.show_points()
    assert "come in through the input shapes" in brush.words and 0 < brush.stays < POINTS
    assert brush.text == "" and brush.js("return panel.tools[1].disabled && panel.outlines.handles.length === 0")


def test_a_text_that_cannot_be_read_is_kept_until_it_is_begun_anew(page):
    page.load(workflow(BOX.replace("box", "cone")), "unreadable")
    brush = MemoryNode(page, BRUSH)
    assert "shape 1: kind must be one of box, sphere, lasso; got cone" in brush.words
    assert "cone" in brush.text
    brush.press("Start anew")
    assert brush.text == ""
    brush.key("Control+z")
    page.settle(500)
    assert "cone" in brush.text
