"""Flying through the scene of the Camera Path Editor, and paths that are flown."""

import json

import pytest
from test_editor_on_the_page import command, middle, undo_steps

HEADING = """const {position, rotation} = editor.view.pose;
const {rotated} = await import('/extensions/comfyui-latent-memory/editor/spline.mjs');
return {position, forward: rotated(rotation, [0, 0, 1]), down: rotated(rotation, [0, 1, 0])};"""
FIT = """const {keysOfFlight} = await import('/extensions/comfyui-latent-memory/editor/fit.mjs');
const {pathThrough, poseOf} = await import('/extensions/comfyui-latent-memory/editor/keys.mjs');
const {rotated} = await import('/extensions/comfyui-latent-memory/editor/spline.mjs');
const {turn, first, frames} = arg.arg, flight = [], at = (share) => {
    const angle = share * turn * Math.PI / 180;
    return {position: [Math.sin(angle), -0.2 * share, 1 - Math.cos(angle)], pan: share * turn, tilt: 0, roll: 0};
};
for (let n = 0; n <= 200; n++) flight.push({seconds: 3 + n / 20, ...at(n / 200)});
const keys = keysOfFlight(flight, first, frames, 60);
const path = pathThrough(keys, 50), forward = (one) => rotated(one.rotation, [0, 0, 1]);
let place = 0, cosine = 1;
for (let frame = first; frame < frames; frame++) {
    const [found, wanted] = [path(frame / (frames - 1)), at((frame - first) / (frames - 1 - first))];
    place = Math.max(place, Math.hypot(...found.position.map((value, n) => value - wanted.position[n])));
    const ways = [forward(found), forward(poseOf(wanted))];
    cosine = Math.min(cosine, ways[0].reduce((sum, value, n) => sum + value * ways[1][n], 0));
}
return {keys, place, degrees: Math.acos(Math.min(cosine, 1)) * 180 / Math.PI};"""


@pytest.mark.parametrize(("turn", "first", "most"), [(0, 0, 2), (90, 48, 6), (400, 0, 14)])
def test_a_flight_becomes_few_keys_that_stay_near_it(editor, turn, first, most):
    found = editor.js(FIT, {"turn": turn, "first": first, "frames": 97})
    keys = found["keys"]
    assert 2 <= len(keys) <= most
    assert [keys[0]["time"], keys[-1]["time"]] == [first / 96, 1]
    assert all(key["time"] * 96 == pytest.approx(round(key["time"] * 96), abs=1e-3) for key in keys)
    assert {key["field_of_view"] for key in keys} == {60}
    assert found["place"] < 0.025 and found["degrees"] < 1.2


def test_flying_moves_the_view_and_nothing_else(page, editor):
    text, keyboard = editor.text, page.page.keyboard
    page.page.mouse.move(*middle(editor))
    editor.button("Fly")
    before = editor.js(HEADING)
    keyboard.down("w")
    page.settle(600)
    keyboard.up("w")
    page.settle(900)
    after = editor.js(HEADING)
    went = [b - a for a, b in zip(before["position"], after["position"], strict=True)]
    size = sum(value**2 for value in went) ** 0.5
    assert size > 0.02
    assert [value / size for value in went] == pytest.approx(after["forward"], abs=0.01)
    assert editor.js(HEADING)["position"] == pytest.approx(after["position"], abs=2e-3)  # it has come to rest
    x, y = middle(editor)
    page.page.mouse.move(x, y)
    if not editor.js("return editor.viewTools.fly.locked"):
        page.page.mouse.down()
    page.page.mouse.move(x + 80, y + 10, steps=4)
    page.page.mouse.up()
    page.settle(200)
    turned = editor.js(HEADING)
    assert sum(a * b for a, b in zip(turned["forward"], after["forward"], strict=True)) < 0.999
    page.page.mouse.wheel(0, -100)
    page.settle(200)
    assert "Speed 0.63 depths a second." in editor.js("return editor.viewTools.row.innerText")
    assert page.js("return store('sidebarTab')?.activeSidebarTabId ?? null") is None
    page.shot("editor_flying")
    keyboard.press("Escape")
    page.settle(300)
    assert not editor.js("return editor.viewTools.fly.active || editor.viewTools.fly.locked")
    landed = editor.js(HEADING)
    assert landed["position"] == pytest.approx(turned["position"], abs=1e-4)
    assert landed["forward"] == pytest.approx(turned["forward"], abs=1e-3)
    assert editor.text == text


def test_a_recorded_flight_replaces_the_path_from_the_playhead_on_as_one_step(page, editor):
    text, before, keyboard = editor.text, editor.keys, page.page.keyboard
    editor.drag(editor.on_timeline(0.25), (0, 0))
    editor.button("Through camera")
    steps, begun = undo_steps(page), editor.js("return editor.view.pose.position")
    keyboard.press("f")
    keyboard.press("r")
    page.settle(200)
    assert "from video frame 24 on" in editor.js("return editor.viewTools.row.innerText")
    keyboard.down("d")
    page.settle(1500)
    keyboard.up("d")
    keyboard.press("r")
    page.settle(500)
    keys = editor.keys
    assert keys[0] == before[0] and keys[1]["time"] == 0.25 and keys[-1]["time"] == 1
    assert keys[1]["position"] == pytest.approx(begun, abs=0.02)
    assert keys[-1]["position"] == pytest.approx(editor.js("return editor.view.pose.position"), abs=0.05)
    assert keys[-1]["position"] != pytest.approx(begun, abs=0.05)
    written = json.loads(editor.text)["keys"]
    assert [(key["time"], key["position"]) for key in written] == [(key["time"], key["position"]) for key in keys]
    assert f"as {len(keys) - 1} keys" not in editor.js("return editor.viewTools.row.innerText")  # it flies on
    keyboard.press("f")
    page.settle(300)
    assert f"as {len(keys) - 1} keys" in editor.js("return editor.viewTools.row.innerText")
    assert undo_steps(page) == steps + 1
    command(page, "Comfy.Undo")
    assert editor.text == text


def test_a_recording_leaves_a_locked_start_where_it_is(editor):
    keys = editor.js("""widget.model.lockStart(true);
        const key = {position: [1, 0, 0], pan: 9, tilt: 0, roll: 0, field_of_view: null, easing: 'linear'};
        widget.model.replaceFrom(0, [0, 0.5, 1].map((time) => ({...key, time})));
        return widget.model.keys""")
    assert [(key["time"], key["position"][0]) for key in keys] == [(0, 0), (0.5, 1), (1, 1)]
    assert json.loads(editor.text)["start_locked"] is True
