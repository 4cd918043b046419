"""The Camera Path Editor within subgraphs."""

import pytest
from test_editor import EDITOR, EditorNode
from test_editor_on_the_page import assert_live, command

ENTER = """for (let at = app.rootGraph.getNodeById(arg); at?.subgraph; at = at.subgraph.nodes[0])
    app.canvas.openSubgraph(at.subgraph, at);"""


def put_into_subgraphs(page, depth: int) -> tuple[int, EditorNode]:
    """Return the id of the outermost subgraph's node, and the editor in the innermost one, which is open."""
    outer, inner = page.js(
        """let at = app.graph.getNodeById(arg.id), outer;
        for (let n = 0; n < arg.depth; n++) outer = at = app.graph.convertToSubgraph(new Set([at])).node;
        while (at.subgraph) at = at.subgraph.nodes[0];
        return [outer.id, at.id];""",
        {"id": EDITOR, "depth": depth},
    )
    page.settle(300)
    page.js(ENTER, outer)
    page.settle(800)
    page.show(inner)
    return outer, EditorNode(page, inner)


@pytest.mark.front_end
@pytest.mark.parametrize("depth", [1, 2])
def test_show_scene_runs_within_subgraphs(page, editor, depth):
    _, inner = put_into_subgraphs(page, depth)
    with page.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
        inner.button("Show scene")
    outputs = page.finished(sent.value)["outputs"]
    (ran,) = outputs
    assert ran.count(":") == depth and ran.endswith(f":{inner.id}")
    assert inner.js("return editor.scene.width.length") > 1000
    assert_live(page, inner)
    command(page, "Comfy.Undo")
    page.settle(500)
    assert inner.js("return editor.scene.width.length") > 1000
    assert_live(page, inner)


@pytest.mark.front_end
def test_a_path_edited_within_a_subgraph_is_what_runs_and_is_there_when_it_is_opened_again(page, editor):
    outer, inner = put_into_subgraphs(page, 1)
    before = inner.text
    assert_live(page, inner)
    drawn = inner.text
    command(page, "Comfy.Undo")
    assert inner.text == before
    command(page, "Comfy.Redo")
    assert inner.text == drawn
    page.js("app.canvas.setGraph(app.rootGraph)")
    page.settle(500)
    assert page.js("return [...document.querySelectorAll('.mirage-editor')].filter((one) => one.offsetParent)") == []
    (sent,) = (node for node in page.prompt().values() if node["class_type"] == "Mirage_CameraPathEditor")
    assert sent["inputs"]["path"] == drawn
    assert f"{outer}:{inner.id}" in page.run()["outputs"]
    saved = page.saved()
    page.js(ENTER, outer)
    page.settle(800)
    page.show(inner.id)
    assert min(inner.wait_for_coverage()) >= 0
    assert_live(page, inner)
    page.load(saved, "saved")
    page.js(ENTER, outer)
    page.settle(800)
    page.show(inner.id)
    assert inner.text == drawn
    assert_live(page, inner)
