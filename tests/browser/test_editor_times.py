"""The Camera Path Editor: several keys on the timeline, one speed, targets, and the keys of the keyboard."""

import json
from itertools import pairwise

import pytest
from test_editor_on_the_page import command, middle, undo_steps
from test_editor_poses import choose, field

LAST = 96
KEYS = ({"time": 0}, {"time": 0.25, "position": [0.1, 0, 0]}, {"time": 0.5, "position": [0.3, 0, 0.6]}, {"time": 1})
PATH = json.dumps({"format": "mirage-camera-keys", "version": 1, "keys": KEYS})


@pytest.fixture
def editor(page, editor):
    """The editor with a path of keys on whole video frames, of other steps than the template's."""
    editor.js("widget.value = arg.arg", PATH)
    page.settle(200)
    return editor


def frames(editor):
    return [round(key["time"] * LAST, 3) for key in editor.keys]


def drag_frames(page, editor, start: int, by: int, key: str | None = None) -> None:
    """Drag what is at a video frame of the timeline by so many, with a key held down."""
    begin, end = editor.on_timeline(start / LAST), editor.on_timeline((start + by) / LAST)
    if key:
        page.page.keyboard.down(key)
    editor.drag(begin, (end[0] - begin[0], 0))
    if key:
        page.page.keyboard.up(key)


def test_chosen_keys_move_together_and_the_path_is_stretched_and_held_back_in_one_step_each(page, editor):
    choose(page, editor, 0.25)
    page.page.keyboard.down("Shift")
    choose(page, editor, 0.5)
    page.page.keyboard.up("Shift")
    assert editor.js("return widget.model.selected") == [1, 2]
    page.shot("editor_two_chosen")
    steps = undo_steps(page)
    drag_frames(page, editor, 48, 12)
    assert frames(editor) == [0, 36, 60, 96] and undo_steps(page) == steps + 1
    drag_frames(page, editor, 96, -16, "Alt")
    assert frames(editor) == [0, 30, 50, 80]
    drag_frames(page, editor, 30, 10, "Shift")
    assert frames(editor) == [0, 40, 60, 90] and undo_steps(page) == steps + 3
    drag_frames(page, editor, 35, 30, "Shift")  # a band over two keys
    assert editor.js("return widget.model.selected") == [1, 2]
    command(page, "Comfy.Undo")
    assert frames(editor) == [0, 30, 50, 80] and editor.js("return widget.model.selected") == [1, 2]
    page.page.get_by_label("Retime", exact=True).filter(visible=True).select_option("Fill all video frames")
    page.settle(200)
    assert frames(editor) == [0, 36, 60, 96]
    page.page.keyboard.press("Delete")
    page.settle(200)
    assert frames(editor) == [0, 96]


def test_keys_snap_to_the_video_frames_that_latent_frames_stand_at(page, editor):
    page.run()
    editor.button("Snap")
    drag_frames(page, editor, 24, 7)
    assert frames(editor)[1] == 32  # 1 + 4 n, counted from 1
    page.page.mouse.dblclick(*editor.on_timeline(75 / LAST))
    page.settle(200)
    assert frames(editor) == [0, 32, 48, 76, 96]


def test_at_constant_speed_the_keys_stand_where_the_camera_passes_them(page, editor):
    editor.button("Constant speed")
    assert json.loads(editor.text)["constant_speed"] is True
    places = editor.js("return [...Array(97).keys()].map((frame) => widget.model.at(frame / 96).position)")
    steps = [sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) ** 0.5 for p, q in pairwise(places)]
    assert max(steps) / min(steps) < 1.2
    passed = editor.js("return widget.model.keys.map((key) => widget.model.at(key.time).position)")
    for key, place in zip(editor.keys, passed, strict=True):
        assert place == pytest.approx(key["position"], abs=1e-3)
    before = frames(editor)
    drag_frames(page, editor, round(before[1]), 20)
    assert frames(editor) == before
    editor.button("Constant speed")
    assert "constant_speed" not in editor.text


def test_a_key_looks_at_its_target_wherever_it_goes_until_it_is_turned(page, editor):
    choose(page, editor, 0.5)
    editor.button("Look at")
    assert editor.keys[2]["target"] == pytest.approx([0.3, 0, 1.6])  # straight ahead
    for axis, value in zip("XYZ", (0, 0, 1), strict=True):
        field(page, f"Look at {axis}").fill(f"{value}")
        field(page, f"Look at {axis}").press("Enter")
    page.shot("editor_target")
    field(page, "X").fill("1")
    field(page, "X").press("Enter")
    field(page, "Z").fill("1")
    field(page, "Z").press("Enter")
    key = editor.keys[2]
    assert key["target"] == [0, 0, 1] and [key["pan"], key["tilt"]] == [-90, 0]
    editor.button("All keys")
    aims = editor.js("return [0.1, 0.4, 0.8].map((time) => widget.model.at(time).target)")
    assert aims == [[0, 0, 1]] * 3
    field(page, "Pan").fill("-80")
    field(page, "Pan").press("Enter")
    assert "target" not in editor.keys[2] and editor.keys[2]["pan"] == -80


def test_keys_of_the_keyboard_play_step_and_stay_in_the_editor(page, editor):
    page.page.mouse.click(*middle(editor))
    frame, sidebar = (
        "return widget.model.frameOf(widget.model.time)",
        "return store('sidebarTab')?.activeSidebarTabId ?? null",
    )
    keyboard = page.page.keyboard
    for key, wanted in (("End", 96), ("ArrowLeft", 95), ("Home", 0), ("ArrowRight", 1)):
        keyboard.press(key)
        assert editor.js(frame) == wanted, key
    keyboard.press("Space")
    assert editor.js("return editor.player.playing")
    keyboard.press("Space")
    assert not editor.js("return editor.player.playing")
    keyboard.press("?")
    assert editor.js("return editor.keyList.box.offsetParent !== null")
    page.shot("editor_keys")
    keyboard.press("Escape")
    queued = page.js("window.queued = 0; app.api?.addEventListener?.('promptQueued', () => window.queued++); return 0")
    for key in ("n", "w", "r", "Control+Enter", "Control+a", "Control+c"):
        keyboard.press(key)
        page.settle(100)
        assert page.js(sidebar) is None, key
    assert page.js("return window.queued") == queued
    assert editor.js("return widget.model.selected") == [0, 1, 2, 3]
    assert editor.js("return getComputedStyle(widget.element).outlineStyle") == "solid"
    choose(page, editor, 0.5)
    keyboard.press("Delete")
    page.settle(300)
    assert len(editor.keys) == 3
    for press, count in (("Control+z", 4), ("Control+Shift+z", 3), ("Control+z", 4), ("Control+y", 3)):
        keyboard.press(press)
        page.settle(700)
        assert len(editor.keys) == count, press
    editor.button("Undo")
    page.settle(500)
    editor.button("Redo")
    page.settle(500)
    assert len(editor.keys) == 3
