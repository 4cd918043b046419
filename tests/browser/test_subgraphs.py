"""The Camera Path Editor within subgraphs."""

import pytest
from test_editor import EditorNode
from test_editor_on_the_page import assert_live, command


@pytest.mark.front_end
@pytest.mark.parametrize("depth", [1, 2])
def test_show_scene_runs_within_subgraphs(page, editor, depth):
    found = page.js(
        """let at = app.graph.getNodeById(7);
        for (let n = 0; n < arg; n++) at = app.graph.convertToSubgraph(new Set([at])).node;
        await new Promise((done) => setTimeout(done, 300));
        for (; at.subgraph; at = at.subgraph.nodes[0]) app.canvas.openSubgraph(at.subgraph, at);
        return at.id;""",
        depth,
    )
    page.settle(800)
    inner = EditorNode(page, found)
    page.show(found)
    with page.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
        inner.button("Show scene")
    outputs = page.finished(sent.value)["outputs"]
    (ran,) = outputs
    assert ran.count(":") == depth and ran.endswith(f":{found}")
    assert inner.js("return editor.scene.width.length") > 1000
    assert_live(page, inner)
    command(page, "Comfy.Undo")
    page.settle(500)
    assert inner.js("return editor.scene.width.length") > 1000
    assert_live(page, inner)
