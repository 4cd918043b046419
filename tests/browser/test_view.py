"""What the Camera Path Editor's view shows, and what is grabbed in it."""

import numpy as np
import pytest
from test_editor import EDITOR
from test_editor_on_the_page import middle, undo_steps

SIDES = {"7": ("top", "Top"), "1": ("front", "Front"), "3": ("side", "Side")}
RING = """const box = editor.view.canvas.getBoundingClientRect(), zoom = box.width / editor.view.canvas.clientWidth;
const ring = editor.view.gizmo.rings.find((one) => one.name === arg.arg);
const centre = editor.view.onPage(widget.model.chosen), near = ring.points.slice(0, -1);
const page = ({x, y}) => [box.x + x * zoom, box.y + y * zoom];
const {chosen, keys} = widget.model, aim = editor.view.onPage(chosen, 'aim');
const balls = [...keys.map((_, n) => editor.view.onPage(n)), aim].map(
    ({x, y}) => ({x: (x - box.x) / zoom, y: (y - box.y) / zoom}));
const others = [...balls, ...editor.view.gizmo.rings.filter((other) => other !== ring).flatMap(
    (other) => other.points)];
const far = (one) => Math.min(...others.map(({x, y}) => Math.hypot(x - one.x, y - one.y)));
const at = near.map((one, n) => [n, one.near ? far(one) : 0]).sort((a, b) => b[1] - a[1])[0][0];
return {from: page(near[at]), to: page(near[(at + 8) % near.length]),
    sizes: near.map((one) => page(one)).map(([x, y]) => Math.hypot(x - centre.x, y - centre.y) / zoom)};"""

# none of the rings is a mere line from here
BESIDE = """const {rotated} = await import('/extensions/comfyui-latent-memory/editor/spline.mjs');
const {position, rotation} = widget.model.camera, [x, y, z] = position;
const way = rotated(rotation, [1, 0, -1]), eye = [x + way[0], y - 0.9, z + way[2]];
editor.view.eye.look = {eye: [eye[0], -eye[1], -eye[2]], target: [x, -y, -z], flat: null};"""


def test_flat_views_show_two_axes_each_and_turning_leaves_them(page, editor):
    page.run()
    page.show(EDITOR)
    page.page.mouse.click(*editor.on_timeline(0.5))
    written = editor.js("return editor.view.marks.written.map((one) => one.text)")
    assert written == ["x", "y", "z", "1", "2", "3"]
    page.shot("editor_marks")
    for key, (side, button) in SIDES.items():
        if key == "3":
            editor.button(button)
        else:
            page.page.keyboard.press(key)
        page.settle(400)
        assert editor.js("return editor.view.eye.flat") == side
        before, start = editor.keys[1]["position"], editor.ball(1)
        editor.drag(start, (24, -18))
        moved = [after - was for was, after in zip(before, editor.keys[1]["position"], strict=True)]
        along = {"top": (moved[0], moved[2]), "front": (moved[0], -moved[1]), "side": (moved[2], -moved[1])}[side]
        hidden = {"top": moved[1], "front": moved[2], "side": moved[0]}[side]
        assert along[0] > 0.01 and along[1] == pytest.approx(along[0] * 18 / 24, rel=0.05)  # to scale, and upright
        assert abs(hidden) < 0.05 * along[0]
        assert editor.ball(1) == pytest.approx((start[0] + 24, start[1] - 18), abs=1.5)
        page.shot(f"editor_{side}")
    x, y = middle(editor)
    editor.drag((x, y + 130), (50, 20))
    assert editor.js("return [editor.view.eye.flat, editor.view.free.fov]") == [None, 50]


def test_each_ring_turns_one_angle_and_keeps_its_size(page, editor):
    page.run()
    page.show(EDITOR)
    page.page.mouse.click(*editor.on_timeline(0.5))
    page.settle(300)
    for name in ("pan", "tilt", "roll"):
        editor.js(BESIDE)
        page.settle(300)
        ring, before, steps = editor.js(RING, name), editor.keys, undo_steps(page)
        assert max(ring["sizes"]) == pytest.approx(48, abs=8)
        editor.drag(ring["from"], [b - a for a, b in zip(ring["from"], ring["to"], strict=True)])
        after = editor.keys
        assert after[1][name] - before[1][name] == pytest.approx(45, abs=8)  # an eighth of the ring
        assert after[1] | {name: 0} == before[1] | {name: 0}
        assert [after[0], after[2]] == [before[0], before[2]]
        assert undo_steps(page) == steps + 1
        page.shot(f"editor_ring_{name}")
    page.page.mouse.move(*middle(editor))
    page.page.mouse.wheel(0, 300)
    page.settle(400)
    assert max(editor.js(RING, "pan")["sizes"]) == pytest.approx(48, abs=8)


HATCHED = """const {width, height} = editor.view, {fitted} = await import(
    '/extensions/comfyui-latent-memory/editor/through.mjs');
const box = fitted(editor.scene, width, height), [h, w] = editor.scene.coverage.grid;
const ratio = editor.view.marks.canvas.width / width, to = editor.view.marks.to, cell = [box.width / w, box.height / h];
const drawn = [];
for (let row = 1; row < h - 1; row++) for (let column = 1; column < w - 1; column++) {
    const at = [box.left + (column + 0.15) * cell[0], box.top + (row + 0.15) * cell[1], 0.7 * cell[0], 0.7 * cell[1]];
    const pixels = to.getImageData(...at.map((one) => Math.round(one * ratio))).data;
    const known = editor.view.counted.known[row * w + column];
    drawn.push([known, pixels.some((one) => one > 0) ? 1 : 0]);
}
return {drawn, share: editor.view.counted.known.reduce((sum, one) => sum + one, 0) / (h * w)};"""
PATH = """const {frames, at} = widget.model, {xyz, width} = editor.scene, places = [];
for (let frame = 0; frame < frames; frame++) places.push(at(widget.model.timeOf(frame)).position);
return {places, xyz: [...xyz], width: [...width], found: editor.viewTools.collisions.found.map(Boolean)};"""
THUMBNAIL = """const picture = [...editor.viewTools.thumbnails.pictures.values()][arg.arg];
if (!picture) return null;
const {data} = picture.getContext('2d').getImageData(0, 0, picture.width, picture.height);
return {colours: new Set(data.filter((_, n) => n % 4 === 0)).size, sum: data.reduce((sum, one) => sum + one, 0)};"""


def test_through_the_camera_what_is_unknown_is_hatched(page, editor):
    page.run()
    known = editor.wait_for_coverage()
    page.show(EDITOR)
    editor.drag(editor.on_timeline(1), (0, 0))
    editor.button("Through camera")
    page.settle(400)
    assert "Hatched is what the memory does not know." in editor.js("return editor.viewTools.row.innerText")
    found = editor.js(HATCHED)
    assert found["share"] == pytest.approx(known[-1], abs=1e-9)
    drawn = np.array(found["drawn"])
    assert not drawn[drawn[:, 0] == 1, 1].any()  # nothing over what is known
    assert drawn[drawn[:, 0] == 0, 1].mean() > 0.5 and (drawn[:, 0] == 0).sum() > 50
    page.shot("editor_hatched")


def test_frames_that_meet_the_points_are_marked(page, editor):
    page.run()
    page.show(EDITOR)
    page.page.mouse.click(*editor.on_timeline(1))
    assert not any(editor.js(PATH)["found"])
    editor.js("widget.model.changeKey(2, {position: [0.1, 0.3, 1.6], pan: 0})")
    page.settle(1500)
    told = editor.js(PATH)
    places, xyz = np.array(told["places"]), np.array(told["xyz"]).reshape(-1, 3)
    near = np.maximum(0.05, 0.75 * np.array(told["width"]))
    ends = np.vstack([places[1:], places[-1:]])
    shares = np.linspace(0, 1, 11)[:, None, None]
    between = places + shares * (ends - places)  # (11, frames, 3)
    slack = np.linalg.norm(between[..., None, :] - xyz, axis=-1) - near  # (11, frames, N)
    nearest = slack.min(axis=(0, 2))
    found = np.array(told["found"])
    sure = np.abs(nearest) > 1e-3  # the steps between two video frames are sampled here
    assert found.any() and sure.mean() > 0.9
    assert (found[sure] == (nearest[sure] < 0)).all()
    editor.js("widget.model.seek(widget.model.timeOf(arg.arg))", int(np.flatnonzero(found)[0]))
    page.settle(200)
    assert "nearer than 0.05 median depths" in editor.js("return editor.viewTools.row.innerText")
    page.shot("editor_collision")


def test_every_key_has_a_small_picture_that_chooses_it(page, editor):
    page.run()
    page.show(EDITOR)
    page.settle(2000)
    pictures = [editor.js(THUMBNAIL, number) for number in range(3)]
    assert all(picture["colours"] > 20 for picture in pictures)
    box = editor.js("return editor.viewTools.thumbnails.row.getBoundingClientRect().toJSON()")
    page.page.mouse.click(editor.on_timeline(0.5)[0], box["y"] + box["height"] / 2)
    assert editor.js("return [widget.model.chosen, widget.model.time]") == [1, 0.5]
    editor.drag(editor.ball(1), (50, 25))
    page.settle(2000)
    after = [editor.js(THUMBNAIL, number) for number in range(3)]
    assert len([one for one in after if one in pictures]) == 2 and None not in after
