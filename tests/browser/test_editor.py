"""The Camera Path Editor under a real mouse."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WORKFLOW = json.loads((ROOT / "workflows" / "draw_a_walk.json").read_text())
EDITOR, FRAMES = 7, 97
WIDGET = (
    "const node = app.canvas.graph.getNodeById(arg?.id ?? 7); const widget = node.widgets.find((one) => one.model);"
)


class EditorNode:
    """The editor's node on a page."""

    def __init__(self, page, node_id=EDITOR):
        self.page, self.id = page, node_id

    def js(self, body: str, arg=None):
        return self.page.js(f"{WIDGET} const editor = await widget.opened; {body}", {"id": self.id, "arg": arg})

    @property
    def text(self) -> str:
        return self.js("return widget.value")

    @property
    def keys(self) -> list[dict]:
        """The keys as their text has them: without a target where there is none."""
        keys = self.js("return JSON.parse(JSON.stringify(widget.model.keys))")
        return [{name: value for name, value in key.items() if (name, value) != ("target", None)} for key in keys]

    def button(self, name: str) -> None:
        self.page.settle(100)
        box = self.js(
            """const found = [...widget.element.querySelectorAll('button')].find((one) => one.textContent === arg.arg);
            const {x, y, width, height} = found.getBoundingClientRect(); return [x + width / 2, y + height / 2];""",
            name,
        )
        self.page.page.mouse.click(*box)
        self.page.settle(200)

    def ball(self, number: int, ball: str = "key") -> tuple[float, float]:
        place = self.js("return editor.view.onPage(...arg.arg)", [number, ball])
        return place["x"], place["y"]

    def on_timeline(self, time: float) -> tuple[float, float]:
        place = self.js("return editor.timeline.onPage(arg.arg)", time)
        return place["x"], place["y"]

    @property
    def view_size(self) -> list[int]:
        return self.js("return [editor.view.canvas.clientWidth, editor.view.canvas.clientHeight]")

    @property
    def corner(self) -> list[float]:
        """Where the mouse resizes the node."""
        return self.js("""
            const drawn = document.querySelector(`[data-node-id="${arg.id}"]`)?.getBoundingClientRect();
            if (LiteGraph.vueNodesMode && drawn) return [drawn.right - 4, drawn.bottom - 4];
            const {scale, offset} = app.canvas.ds, page = app.canvas.canvas.getBoundingClientRect();
            const far = [0, 1].map((axis) => (node.pos[axis] + node.size[axis] + offset[axis] - 4) * scale);
            return [page.x + far[0], page.y + far[1]];""")

    def drag(self, start, by) -> None:
        mouse = self.page.page.mouse
        mouse.move(*start)
        mouse.down()
        for part in (0.3, 0.7, 1.0):
            mouse.move(start[0] + part * by[0], start[1] + part * by[1])
        mouse.up()
        self.page.settle(250)

    def wait_for_coverage(self) -> list[float]:
        self.page.page.wait_for_function(
            f"""() => {{ const app = window.app; const arg = {{id: {self.id}}}; {WIDGET}
            return widget.editor?.known.length && !widget.editor.known.includes(undefined); }}""",
            timeout=20_000,
        )
        return self.js("return [...editor.known]")


def test_showing_the_scene_runs_only_what_leads_to_the_editor(page, editor):
    with page.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
        editor.button("Show scene")
    outputs = page.finished(sent.value)["outputs"]
    assert list(outputs) == [str(EDITOR)]
    assert editor.js("return editor.scene.width.length") > 1000
    known = editor.wait_for_coverage()
    assert len(known) == 1 + (FRAMES - 1) // 4 and min(known) > 0.5
    page.show(EDITOR)
    page.shot("editor_scene")


@pytest.mark.front_end
def test_the_strip_is_what_preview_walk_counts(page, editor):
    entry = page.run()
    known = editor.wait_for_coverage()
    text = next(output["text"][0] for output in entry["outputs"].values() if "text" in output)
    mean = float(text.split("%")[0]) / 100
    assert sum(known) / len(known) == pytest.approx(mean, abs=0.006)


@pytest.mark.front_end
def test_a_key_follows_the_mouse_and_only_that_key_moves(page, editor):
    page.run()
    before, start = editor.keys, editor.ball(1)
    editor.drag(start, (60, -35))
    after, end = editor.keys, editor.ball(1)
    assert end == pytest.approx((start[0] + 60, start[1] - 35), abs=1.5)
    assert after[1]["position"] != before[1]["position"]
    assert [after[0], after[2]] == [before[0], before[2]]
    assert after[1] | {"position": 0} == before[1] | {"position": 0}
    assert json.loads(editor.text)["keys"] == after
    page.shot("editor_dragged")


def test_the_small_ball_aims_the_chosen_key(page, editor):
    page.run()
    page.page.mouse.click(*editor.ball(1))
    before, start = editor.keys[1], editor.ball(1, "aim")
    editor.drag(start, (30, 12))
    after = editor.keys[1]
    assert after["position"] == before["position"]
    assert (after["pan"], after["tilt"]) != (before["pan"], before["tilt"])


def test_dragging_elsewhere_turns_the_view_and_changes_no_key(page, editor):
    text, start = editor.text, editor.ball(1)
    editor.drag((start[0] + 120, start[1] - 150), (80, 20))
    assert editor.text == text
    assert editor.ball(1) != pytest.approx(start, abs=5)


@pytest.mark.front_end
def test_a_key_is_added_from_the_view_and_undone(page, editor):
    page.run()
    text = editor.text
    editor.drag(editor.on_timeline(0.25), (0, 0))  # the playhead, not a key
    assert editor.js("return widget.model.frameOf(widget.model.time)") == 24
    wanted = editor.js("return editor.view.pose.position")
    editor.button("Add key")
    keys = editor.keys
    assert len(keys) == 4 and keys[1]["time"] == 0.25
    assert keys[1]["position"] == pytest.approx(wanted, abs=1e-4)
    editor.button("Undo")
    page.settle(600)
    assert EditorNode(page).text == text
    page.js("await app.extensionManager.command.execute('Comfy.Redo')")
    page.settle(600)
    assert json.loads(EditorNode(page).text)["keys"] == keys
    assert EditorNode(page).js("return editor.scene?.width.length > 0")  # the points are back without a run


def test_a_key_is_given_another_time_in_whole_frames_between_its_neighbours(page, editor):
    before = editor.keys
    start, end = editor.on_timeline(0.5), editor.on_timeline(0.75)
    editor.drag(start, (end[0] - start[0] + 2, 0))
    after = editor.keys
    assert after[1]["time"] == 0.75
    assert after[1] | {"time": 0} == before[1] | {"time": 0}
    editor.drag(editor.on_timeline(0.75), (2000, 0))
    assert editor.keys[1]["time"] == pytest.approx(95 / 96, abs=1e-6)


def test_a_double_click_on_the_timeline_puts_a_key_on_the_path(page, editor):
    pose = editor.js("return widget.model.at(0.25)")
    page.page.mouse.dblclick(*editor.on_timeline(0.25))
    page.settle(200)
    keys = editor.keys
    assert len(keys) == 4 and keys[1]["time"] == 0.25
    assert keys[1]["position"] == pytest.approx(pose["position"], abs=1e-4)


def test_a_key_is_deleted_by_button_and_by_keyboard_but_never_the_last_one(page, editor):
    page.page.mouse.click(*editor.on_timeline(0.5))
    editor.button("Delete")
    assert [key["time"] for key in editor.keys] == [0, 1]
    page.page.mouse.click(*editor.on_timeline(1))
    page.page.keyboard.press("Delete")
    page.settle(200)
    assert [key["time"] for key in editor.keys] == [0]
    page.page.keyboard.press("Delete")
    page.settle(200)
    assert [key["time"] for key in editor.keys] == [0]
    assert page.js("return app.graph.getNodeById(7) !== null")  # the node is still there


def test_lens_and_easing_belong_to_the_chosen_key(page, editor):
    page.page.mouse.click(*editor.on_timeline(0.5))
    lens = page.page.get_by_label("Lens", exact=True).filter(visible=True)
    lens.fill("80")
    lens.press("Enter")
    page.page.get_by_label("Way on", exact=True).filter(visible=True).select_option("stop gently")
    page.settle(200)
    assert [key["field_of_view"] for key in editor.keys] == [None, 80, None]
    assert editor.keys[1]["easing"] == "stop gently"
    lens.fill("")
    lens.press("Enter")
    assert editor.keys[1]["field_of_view"] is None


@pytest.mark.front_end
def test_through_the_camera_the_mouse_turns_and_moves_the_key(page, editor):
    page.run()
    page.page.mouse.click(*editor.on_timeline(0.5))
    editor.button("Through camera")
    page.shot("editor_through")
    x, y = editor.js(
        "const b = editor.view.canvas.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]"
    )
    before = editor.keys[1]
    editor.drag((x, y), (-40, 0))
    turned = editor.keys[1]
    assert turned["pan"] == pytest.approx(before["pan"] + 6, abs=0.01) and turned["position"] == before["position"]
    page.page.mouse.move(x, y)
    page.page.mouse.wheel(0, -100)
    page.settle(300)
    moved = editor.keys[1]
    assert moved["pan"] == turned["pan"]
    assert moved["position"][2] - turned["position"][2] == pytest.approx(0.02, abs=0.004)


@pytest.mark.front_end
def test_the_path_survives_saving_collapsing_resizing_and_copying(page, editor):
    editor.drag(editor.ball(1), (25, 10))
    text = editor.text
    saved = page.saved()
    assert text in next(node for node in saved["nodes"] if node["id"] == EDITOR)["widgets_values"]
    assert page.prompt()[str(EDITOR)]["inputs"]["path"] == text
    page.js("const node = app.graph.getNodeById(7); node.collapse(true)")
    page.settle()
    page.js("const node = app.graph.getNodeById(7); node.collapse(true)")
    page.settle()
    assert editor.text == text
    sizes = [editor.view_size]
    for by in ((-110, -60), (90, 40)):
        editor.drag(editor.corner, by)
        sizes.append(editor.view_size)
    assert sizes[1][0] < sizes[0][0] - 50 and sizes[1][1] < sizes[0][1] - 30
    assert sizes[2][0] > sizes[1][0] + 50 and sizes[2][1] > sizes[1][1] + 20
    assert editor.text == text
    copied = page.js(
        """const node = app.graph.getNodeById(7); const copy = node.clone(); app.graph.add(copy);
        return [copy.id, copy.widgets.find((one) => one.model).value]"""
    )
    assert copied[1] == text
    page.load(saved, "saved")
    assert EditorNode(page).text == text


def test_a_text_that_cannot_be_read_is_shown_kept_and_not_edited(page, editor):
    bad = json.loads(json.dumps(WORKFLOW))
    node = next(node for node in bad["nodes"] if node["id"] == EDITOR)
    node["widgets_values"][1] = '{"format": "mirage-camera-keys", "version": 1, "keys": [{"time": 7}]}'
    page.load(bad, "bad")
    page.show(EDITOR)
    broken = EditorNode(page)
    assert "path: key 1: time must lie in 0..1; got 7" in broken.js("return widget.element.innerText")
    broken.button("Delete")
    assert broken.text == node["widgets_values"][1]


def test_the_number_of_frames_keeps_the_keys_shares(page, editor):
    text = editor.text
    page.js("const w = app.graph.getNodeById(7).widgets[0]; w.value = 49; w.callback?.(49)")
    page.settle()
    assert editor.text == text
    assert editor.js("return widget.model.frameOf(widget.model.keys[1].time)") == 24


def test_a_drawn_path_changes_what_is_known_and_what_is_made(page, editor):
    first = page.run()
    before = editor.wait_for_coverage()
    editor.drag(editor.ball(2), (90, 60))
    page.settle(600)
    after = editor.wait_for_coverage()
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) > 0.05
    second = page.run()
    videos = [entry["outputs"]["11"]["images"][0]["filename"] for entry in (first, second)]
    assert videos[0] != videos[1]
    page.show()
    page.shot("editor_walked")
