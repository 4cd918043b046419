"""The Camera Path Editor under fingers, within a subgraph."""

import pytest
from test_editor import EDITOR, WORKFLOW, EditorNode
from test_editor_on_the_page import middle, undo_steps

EYE = "return {place: editor.view.free.position.toArray(), distance: editor.view.eye.distance}"
INTO_SUBGRAPH = """const at = app.graph.convertToSubgraph(new Set([app.graph.getNodeById(7)])).node;
await new Promise((done) => setTimeout(done, 300));
app.canvas.openSubgraph(at.subgraph, at);
return at.subgraph.nodes[0].id;"""


class Fingers:
    """Fingers on a page, by what the browser's own debugging tools send."""

    def __init__(self, page):
        self.page, self.session = page, page.page.context.new_cdp_session(page.page)

    def drag(self, *ways, steps: int = 4) -> None:
        """Each way is of a finger: from (x, y) to (x, y), all at the same time."""
        for step in range(steps + 1):
            share = step / steps
            points = [[a + (b - a) * share for a, b in zip(*way, strict=True)] for way in ways]
            self._send("touchMove" if step else "touchStart", points)
        self._send("touchEnd", [])
        self.page.settle(400)

    def _send(self, kind: str, points) -> None:
        touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})


@pytest.fixture
def editor(page):
    page.load(WORKFLOW, "draw_a_walk")
    found = page.js(INTO_SUBGRAPH)
    page.settle(800)
    page.show(found)
    return EditorNode(page, found)


def test_fingers_turn_the_view_choose_a_key_and_move_it(page, editor):
    fingers, text, (x, y) = Fingers(page), editor.text, middle(editor)
    assert EDITOR != editor.id or page.js("return app.canvas.graph !== app.rootGraph")
    before = editor.js(EYE)
    fingers.drag(((x - 60, y + 90), (x + 20, y + 100)))
    turned = editor.js(EYE)
    assert turned["place"] != pytest.approx(before["place"], abs=0.05)
    assert turned["distance"] == pytest.approx(before["distance"], rel=1e-3)
    fingers.drag(((x - 40, y + 80), (x - 120, y + 80)), ((x + 40, y + 80), (x + 120, y + 80)))
    nearer = editor.js(EYE)
    assert nearer["distance"] < 0.7 * turned["distance"]
    fingers.drag(((x - 90, y + 80), (x - 30, y + 80)), ((x + 90, y + 80), (x + 30, y + 80)))
    assert editor.text == text
    ball = editor.ball(2)
    fingers.drag((ball, ball))
    assert editor.js("return widget.model.chosen") == 2 and editor.text == text
    steps, keys = undo_steps(page), editor.keys
    fingers.drag((ball, (ball[0] + 30, ball[1] - 20)))
    assert editor.ball(2) == pytest.approx((ball[0] + 30, ball[1] - 20), abs=1.5)
    assert editor.keys[:2] == keys[:2] and undo_steps(page) == steps + 1


def test_through_the_camera_one_finger_turns_the_key_and_two_move_it(page, editor):
    fingers, (x, y) = Fingers(page), middle(editor)
    page.page.mouse.click(*editor.on_timeline(0.5))
    editor.button("Through camera")
    before, steps = editor.keys[1], undo_steps(page)
    fingers.drag(((x, y), (x - 40, y)))
    turned = editor.keys[1]
    assert turned["pan"] == pytest.approx(before["pan"] + 6, abs=0.01) and turned["position"] == before["position"]
    fingers.drag(((x - 30, y), (x - 60, y)), ((x + 30, y), (x + 60, y)))
    moved = editor.keys[1]
    went = sum((b - a) ** 2 for a, b in zip(turned["position"], moved["position"], strict=True)) ** 0.5
    assert went == pytest.approx(0.347, abs=0.02)  # half of ln 2
    assert [moved["pan"], moved["tilt"]] == [turned["pan"], turned["tilt"]]
    assert undo_steps(page) == steps + 2
