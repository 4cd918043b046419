"""The Camera Path Editor: whole paths from presets, from input cameras and from text, and a scene that is stale."""

import json

import pytest
from test_editor import EDITOR
from test_editor_on_the_page import PATH, command, undo_steps

HINT = "return editor.said.textContent"


def shown(page, selector: str):
    return page.page.locator(f".mirage-editor {selector}").filter(visible=True)


def test_a_preset_is_keys_in_one_step(page, editor):
    steps = undo_steps(page)
    page.page.get_by_label("Presets", exact=True).filter(visible=True).select_option("orbit")
    page.settle(300)
    keys = editor.keys
    assert len(keys) == 5 and keys[4]["pan"] == pytest.approx(-20, abs=1e-3) and keys[4]["target"] == [0, 0, 1]
    assert json.loads(editor.text)["keys"][4]["pan"] == keys[4]["pan"] and undo_steps(page) == steps + 1
    command(page, "Comfy.Undo")
    assert len(editor.keys) == 3


def test_input_cameras_become_keys_and_a_changed_source_makes_the_scene_stale(page, editor):
    assert shown(page, "button").filter(has_text="Take as keys").count() == 0
    page.js(
        """const move = LiteGraph.createNode('Mirage_CameraPath'), node = app.graph.getNodeById(7);
        app.graph.add(move);
        move.pos = [-500, 900];
        move.widgets.find((one) => one.name === 'move').value = 'dolly';
        app.graph.getNodeById(5).connect(1, move, 0);
        move.connect(0, node, node.inputs.findIndex((one) => one.name === 'cameras'));"""
    )
    page.settle(300)
    with page.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
        editor.button("Show scene")
    page.finished(sent.value)
    before = editor.keys
    page.show(EDITOR)
    editor.button("Take as keys")
    keys = editor.keys
    assert len(keys) == 2 != len(before) and keys[1]["position"] == pytest.approx([0, 0, 0.3], abs=1e-4)
    page.shot("editor_taken")
    page.page.mouse.move(5, 5)
    page.page.mouse.move(*editor.on_timeline(0.5))
    assert "has changed since" not in editor.js(HINT)
    page.js("app.graph.getNodeById(5).widgets[2].value = 0.25")
    page.page.mouse.move(5, 5)
    page.page.mouse.move(*editor.on_timeline(0.5))
    page.settle(200)
    assert "has changed since" in editor.js(HINT)


def test_the_text_is_read_edited_applied_and_brought_back(page, editor):
    editor.button("Text")
    area, apply = shown(page, "textarea"), shown(page, "button").filter(has_text="Apply")
    own = editor.text
    assert area.input_value() == own and apply.is_disabled()
    steps = undo_steps(page)
    area.fill(PATH)
    page.shot("editor_text")
    apply.click()
    page.settle(300)
    assert editor.text == PATH and len(editor.keys) == 2 and undo_steps(page) == steps + 1
    area.fill(PATH.replace('"time": 1', '"time": 7'))
    assert "path: key 2: time must lie in 0..1; got 7" in shown(page, ".said").inner_text() and apply.is_disabled()
    area.press("Delete")
    assert len(editor.keys) == 2 and editor.text == PATH  # what is typed is not a command
    editor.button("Reset")
    assert area.input_value() == PATH
    editor.button("Text")
    assert area.count() == 0
