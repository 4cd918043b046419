"""The Camera Path Editor as one thing of a page: undo, tabs, links and keys of ComfyUI around it."""

import copy
import json

import pytest
from playwright.sync_api import expect
from test_editor import EDITOR, WORKFLOW, EditorNode

LIVE = """const shown = [...document.querySelectorAll('.mirage-editor')].filter((one) => one.offsetParent);
return widget.element.isConnected && shown.length === 1 && shown[0] === widget.element
    && shown[0].contains(editor.view.canvas);"""
LOOK = """const {x, y, z} = editor.view.free.position;
return {time: widget.model.time, chosen: widget.model.chosen, through: editor.view.through, eye: [x, y, z]}"""
PATH = '{"format": "mirage-camera-keys", "version": 1, "keys": [{"time": 0}, {"time": 1, "position": [0.2, 0, 0.1]}]}'
UNREADABLE = {
    '{"format": "mirage-camera-keys", "ver': "path: must be JSON",
    '{"format": "mirage-camera-keys", "version": 2, "keys": []}': "path: must be of version 1; got 2",
    12: "path: must be a text; got 12",
}


def command(page, name: str) -> None:
    page.js("await app.extensionManager.command.execute(arg)", name)
    page.settle(500)


def undo_steps(page) -> int:
    return page.js("return app.extensionManager.workflow.activeWorkflow.changeTracker.undoQueue.length")


def middle(editor) -> list[float]:
    box = editor.js("return editor.view.canvas.getBoundingClientRect().toJSON()")
    return [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]


def with_path(text) -> dict:
    workflow = copy.deepcopy(WORKFLOW)
    next(node for node in workflow["nodes"] if node["id"] == EDITOR)["widgets_values"][1] = text
    return workflow


def assert_live(page, editor) -> None:
    """What is on the page is the node's editor, and a drag on it changes the node."""
    assert editor.js(LIVE)
    before = editor.keys
    editor.drag(editor.ball(1), (14, -9))
    assert editor.keys[1]["position"] != before[1]["position"]
    assert json.loads(editor.text)["keys"] == editor.keys


@pytest.mark.front_end
def test_the_editor_on_the_page_lives_through_undo_and_redo(page, editor):
    assert_live(page, editor)
    dragged = editor.text
    for _ in range(2):
        command(page, "Comfy.Undo")
        assert editor.js(LIVE) and editor.text != dragged
        command(page, "Comfy.Redo")
        assert editor.js(LIVE) and editor.text == dragged
    assert_live(page, editor)
    editor.button("Undo")
    page.settle(500)
    assert editor.text == dragged
    assert_live(page, editor)


@pytest.mark.front_end
def test_the_editor_on_the_page_lives_through_tabs_and_collapsing(page, editor):
    page.load(WORKFLOW, "another")
    assert_live(page, EditorNode(page))
    other = editor.text
    command(page, "Workspace.PreviousOpenedWorkflow")
    assert editor.text != other
    assert_live(page, editor)
    for _ in range(2):
        editor.js("node.collapse(true)")
        page.settle()
    assert_live(page, editor)
    command(page, "Comfy.Undo")
    assert_live(page, editor)


@pytest.mark.front_end
def test_undo_and_tabs_keep_view_playhead_and_choice(page):
    page.load(WORKFLOW, "looking")  # of a name that no other test has: ComfyUI would bring its scene back
    page.show(EDITOR)
    editor = EditorNode(page)
    fresh = editor.js(LOOK)
    page.run()
    saved, start = editor.js("return node.serialize()"), editor.ball(1)
    editor.drag((start[0] + 120, start[1] - 150), (80, 20))
    editor.drag(editor.on_timeline(0.5), (0, 0))
    editor.button("Through camera")
    assert editor.js("return node.serialize()") == saved  # looking around changes nothing
    editor.drag(middle(editor), (-20, 0))
    look = editor.js(LOOK)
    assert look["time"] == 0.5 and look["chosen"] == 1 and look["through"] and look["eye"] != fresh["eye"]
    for name in ("Comfy.Undo", "Comfy.Redo"):
        command(page, name)
        assert editor.js(LOOK) == look
    page.load(WORKFLOW, "another")
    assert EditorNode(page).js(LOOK) == fresh  # of its own, though graph and node have the same ids
    command(page, "Workspace.PreviousOpenedWorkflow")
    page.settle(500)
    found = editor.js(LOOK)
    assert found.pop("eye") == pytest.approx(look["eye"]) and found.items() <= look.items()
    assert editor.js("return editor.scene.width.length > 1000")
    page.load(WORKFLOW, "looking")  # opened anew
    again = EditorNode(page).js(LOOK)
    assert again.pop("eye") != pytest.approx(look["eye"]) and again.items() <= fresh.items()


SWIPE = """for (const deltaY of arg.arg) {
    editor.view.canvas.dispatchEvent(new WheelEvent('wheel', {deltaY, cancelable: true}));
}"""


def test_a_swipe_is_one_step_for_undo_and_moves_the_key_a_little(page, editor):
    editor.drag(editor.on_timeline(0.5), (0, 0))
    editor.button("Through camera")
    page.page.mouse.click(*middle(editor))
    page.settle(300)
    text, steps, before = editor.text, undo_steps(page), editor.keys[1]["position"]

    def moved() -> float:
        return sum((a - b) ** 2 for a, b in zip(editor.keys[1]["position"], before, strict=True)) ** 0.5

    editor.js(SWIPE, [-8] * 60)
    assert moved() == pytest.approx(0.096, abs=2e-3)
    page.settle(800)
    assert undo_steps(page) == steps + 1
    page.page.mouse.wheel(0, -4000)
    page.settle(100)
    assert moved() == pytest.approx(0.116, abs=2e-3)  # no more than a notch
    page.page.keyboard.press("Control+z")
    page.settle(800)
    assert moved() == pytest.approx(0.096, abs=2e-3)
    command(page, "Comfy.Undo")
    assert editor.text == text
    editor.js("editor.view.canvas.dispatchEvent(new WheelEvent('wheel', {deltaY: -3, deltaMode: 1}))")
    assert moved() == pytest.approx(0.02, abs=2e-4)  # three lines are a notch
    page.settle(600)


@pytest.mark.front_end
def test_a_linked_path_is_shown_as_it_last_came_and_not_edited(page, editor):
    own = editor.text
    page.js(
        """const source = LiteGraph.createNode('PrimitiveStringMultiline');
        app.graph.add(source);
        source.pos = [-400, -300];
        source.widgets[0].value = arg;
        const node = app.graph.getNodeById(7);
        source.connect(0, node, node.inputs.findIndex((one) => one.widget?.name === 'path'));""",
        PATH,
    )
    page.settle(500)
    assert "comes in through the input path. Press Show scene" in editor.js("return widget.element.innerText")
    assert editor.js(LIVE)
    assert editor.js("return [widget.model.blank, editor.view.drawn.visible]") == [True, False]
    page.shot("editor_linked_unknown")
    with page.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
        editor.button("Show scene")
    page.finished(sent.value)
    came = editor.keys
    assert [key["position"] for key in came] == [[0, 0, 0], [0.2, 0, 0.1]]
    assert "of the last run" in editor.js("return widget.element.innerText")
    editor.drag(editor.ball(1), (40, 20))
    editor.drag(editor.on_timeline(1), (-80, 0))
    page.page.mouse.dblclick(*editor.on_timeline(0.25))
    page.page.keyboard.press("Delete")
    page.settle(200)
    assert editor.keys == came and editor.text == own
    assert editor.js("return [editor.addButton.disabled, editor.deleteButton.disabled]") == [True, True]
    editor.js("node.disconnectInput('path')")
    assert json.loads(own)["keys"] == editor.keys and editor.js("return widget.model.editable")


@pytest.mark.parametrize("text", UNREADABLE)
def test_an_unreadable_path_says_why_and_can_be_begun_anew(page, text):
    page.load(with_path(text), "bad")
    page.show(EDITOR)
    editor = EditorNode(page)
    assert UNREADABLE[text] in editor.js("return widget.element.innerText")
    assert editor.text == text and not editor.js("return editor.view.drawn.visible")
    editor.button("Start anew")
    assert [key["position"] for key in editor.keys] == [[0, 0, 0], [0, 0, 0.3]]
    assert_live(page, editor)
    command(page, "Comfy.Undo")
    command(page, "Comfy.Undo")
    assert editor.text == text and UNREADABLE[text] in editor.js("return widget.element.innerText")


def test_the_right_button_moves_the_view_and_only_its_click_opens_the_menu(page, editor):
    menu = page.page.locator(".p-contextmenu").filter(visible=True)
    x, y = middle(editor)
    target = editor.js("return editor.view.controls.target.toArray()")
    mouse = page.page.mouse
    mouse.move(x, y)
    mouse.down(button="right")
    mouse.move(x + 40, y + 25, steps=3)
    mouse.up(button="right")
    page.settle(500)
    assert editor.js("return editor.view.controls.target.toArray()") != pytest.approx(target)
    assert menu.count() == 0
    if page.vue:
        mouse.click(x, y, button="right")
        menu.first.wait_for()
        page.settle(500)
        mouse.click(x - 150, y)
        expect(menu).to_have_count(0)


@pytest.mark.front_end
def test_keys_that_the_editor_uses_are_not_for_comfyui(page, editor):
    sidebar = "return store('sidebarTab')?.activeSidebarTabId ?? null"
    page.page.mouse.click(*middle(editor))
    eye = editor.js(LOOK)["eye"]
    for key in "wasdqeW":
        page.page.keyboard.press(key)
        page.settle(150)
        assert page.js(sidebar) is None, key
    page.page.keyboard.press("w")
    assert editor.js(LOOK)["eye"] != pytest.approx(eye)
    frame = "return widget.model.frameOf(widget.model.time)"
    editor.drag(editor.on_timeline(0.5), (0, 0))
    page.page.keyboard.press("ArrowRight")
    assert editor.js(frame) == 49
    page.page.keyboard.press("ArrowLeft")
    editor.button("Through camera")
    before, steps = editor.keys[1], undo_steps(page)
    editor.js("for (let n = 0; n < 5; n++) widget.element.dispatchEvent(new KeyboardEvent('keydown', {key: 'w'}))")
    page.settle(700)
    after = editor.keys[1]
    assert after["position"][2] > before["position"][2] + 0.05 and undo_steps(page) == steps + 1
    page.page.keyboard.press("n")  # nor are the others
    page.settle(300)
    assert page.js(sidebar) is None
