"""The Camera Path Editor: keys as numbers, poses copied, mirrored, looped and locked."""

import json

import pytest
from test_editor import EditorNode
from test_editor_on_the_page import command, undo_steps


def field(page, name):
    return page.page.locator(".mirage-editor").get_by_label(name, exact=True).filter(visible=True)


def choose(page, editor, time):
    page.page.mouse.click(*editor.on_timeline(time))
    page.settle(150)


def test_the_chosen_key_is_numbers_that_enter_takes_and_escape_brings_back(page, editor):
    choose(page, editor, 0.5)
    steps = undo_steps(page)
    wanted = {"X": 0.25, "Y": -0.125, "Z": 0.5, "Pan": 12.5, "Tilt": -7, "Roll": 3}
    for name, value in wanted.items():
        field(page, name).fill(f"{value}")
        field(page, name).press("Enter")
    key = editor.keys[1]
    assert key["position"] == [0.25, -0.125, 0.5] and [key["pan"], key["tilt"], key["roll"]] == [12.5, -7, 3]
    page.settle(300)
    assert undo_steps(page) == steps + 6
    field(page, "X").fill("9")
    field(page, "X").press("Escape")
    choose(page, editor, 0)
    choose(page, editor, 0.5)
    assert editor.keys[1] == key and field(page, "X").input_value() == "0.25"
    field(page, "X").fill("8")  # leaving the field takes the number for the key it was typed for
    choose(page, editor, 1)
    assert editor.keys[1]["position"][0] == 8 and editor.keys[2]["position"][0] != 8


def test_the_lens_is_degrees_and_millimetres_of_a_sensor_36_mm_wide(page, editor):
    choose(page, editor, 0.5)
    field(page, "Focal length").fill("35")
    field(page, "Focal length").press("Enter")
    assert editor.keys[1]["field_of_view"] == pytest.approx(54.432, abs=1e-3)
    assert field(page, "Lens").input_value() == "54.43"
    field(page, "Lens").fill("90")
    field(page, "Lens").press("Enter")
    assert field(page, "Focal length").input_value() == "18"
    field(page, "Focal length").fill("")
    field(page, "Focal length").press("Enter")
    assert editor.keys[1]["field_of_view"] is None
    assert field(page, "Lens").get_attribute("placeholder") == "50"


def test_poses_are_copied_mirrored_and_the_path_ends_where_it_begins(page, editor):
    choose(page, editor, 0.5)
    for name, value in {"X": 0.25, "Pan": 12.5, "Roll": 3}.items():
        field(page, name).fill(f"{value}")
        field(page, name).press("Enter")
    before = editor.keys
    editor.button("Copy pose")
    choose(page, editor, 1)
    editor.button("Paste pose")
    assert editor.keys[2] == before[1] | {"time": 1, "easing": before[2]["easing"]}
    editor.button("Mirror")
    mirrored = editor.keys[2]
    assert [mirrored["position"][0], mirrored["pan"], mirrored["roll"]] == [-0.25, -12.5, -3]
    assert mirrored["position"][1:] == before[1]["position"][1:] and mirrored["tilt"] == before[1]["tilt"]
    steps = undo_steps(page)
    editor.button("Loop")
    assert editor.keys[2] == editor.keys[0] | {"time": 1, "easing": before[2]["easing"]}
    assert undo_steps(page) == steps + 1
    command(page, "Comfy.Undo")
    assert editor.keys[2] == mirrored


def test_a_locked_start_stays_at_the_picture_and_an_older_path_is_not_locked(page, editor):
    assert not editor.js("return widget.model.startLocked") and "start_locked" not in editor.text
    choose(page, editor, 0)
    field(page, "X").fill("0.5")
    field(page, "X").press("Enter")
    editor.button("Lock start")
    first = editor.keys[0]
    assert first["position"] == [0, 0, 0] and json.loads(editor.text)["start_locked"] is True
    editor.drag(editor.ball(0), (40, 30))
    editor.drag(editor.on_timeline(0), (60, 0))
    page.page.keyboard.press("Delete")
    page.settle(200)
    assert editor.keys[0] == first and len(editor.keys) == 3
    assert field(page, "X").is_disabled() and field(page, "Lens").is_enabled()
    page.shot("editor_locked")
    editor.button("Lock start")
    assert "start_locked" not in editor.text and field(page, "X").is_enabled()


def test_a_new_path_begins_locked(page, editor):
    page.js("app.graph.add(Object.assign(LiteGraph.createNode('Mirage_CameraPathEditor'), {pos: [2000, 0]}))")
    page.settle(400)
    new = EditorNode(page, page.js("return app.graph.nodes.at(-1).id"))
    assert new.text == "" and new.js("return widget.model.startLocked")
