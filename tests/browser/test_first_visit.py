"""What somebody does who has just installed the pack: template, scene, a path of their own, the walk."""

import pytest
from comfy_server import PACK_NAME
from test_editor import EditorNode

FIND = "window.app.graph.nodes.find((node) => node.comfyClass === 'Mirage_CameraPathEditor')"


@pytest.mark.front_end
def test_from_the_templates_dialog_to_a_walk_along_a_drawn_path(page):
    page.js("await app.extensionManager.command.execute('Comfy.BrowseTemplates')")
    page.page.locator("[role=dialog]").get_by_text(PACK_NAME, exact=True).click()
    card = page.page.locator("[data-testid='template-workflow-draw_a_walk']")
    card.scroll_into_view_if_needed()
    page.settle(1500)
    page.shot("visit_1_template")
    card.click()
    page.page.wait_for_function(
        "() => window.app.graph.nodes.some((node) => node.comfyClass === 'Mirage_CameraPathEditor')"
    )
    page.settle(800)
    assert page.complaints() == []
    node_id = page.js(f"return {FIND}.id")
    editor = EditorNode(page, node_id)
    page.show(node_id)
    with page.page.expect_response(lambda reply: reply.request.method == "POST" and "/prompt" in reply.url) as sent:
        editor.button("Show scene")
    page.finished(sent.value)
    before = editor.wait_for_coverage()
    page.page.wait_for_timeout(4000)  # until the notice that the job is done is gone
    page.shot("visit_2_scene")
    editor.drag(editor.ball(2), (-130, 70))
    editor.drag(editor.ball(2, "aim"), (-30, -40))
    after = editor.wait_for_coverage()
    assert after[0] == pytest.approx(before[0]) and abs(after[-1] - before[-1]) > 0.05
    page.shot("visit_3_path")
    outputs = page.run()["outputs"]
    assert any(output.get("animated") == [True] for output in outputs.values())
    page.page.wait_for_timeout(4000)
    page.page.locator("video").first.evaluate("(video) => { video.pause(); video.currentTime = video.duration * 0.9; }")
    page.show()
    page.shot("visit_4_walk")
