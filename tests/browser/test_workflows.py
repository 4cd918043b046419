"""Every workflow in the real front-end, as an artist opens it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_opens_complete_and_as_it_was_saved(page, file):
    workflow = json.loads(file.read_text())
    page.load(workflow, file.stem)
    page.show()
    page.shot(file.stem)
    complaints = [text for text in page.complaints() if "missing" not in text.lower()]  # weights are not here
    assert complaints == []
    loaded = {node["id"]: node.get("widgets_values") for node in page.saved()["nodes"]}
    for node in workflow["nodes"]:
        kept = node.get("widgets_values") or []
        assert (loaded[node["id"]] or [])[: len(kept)] == kept, f"node {node['id']} ({node['type']})"


def test_the_first_walk_runs_from_the_page(page):
    page.load(json.loads((ROOT / "workflows" / "first_walk.json").read_text()), "first_walk")
    outputs = page.run()["outputs"]
    assert any(output.get("animated") == [True] for output in outputs.values())
    page.show()
    page.shot("first_walk_done")


def test_every_template_is_offered_with_a_picture(page):
    names = page.js("return (await (await fetch('/api/workflow_templates')).json())[arg]", "comfyui-latent-memory")
    assert sorted(names) == [file.stem for file in WORKFLOWS]
    for name in names:
        status = page.js(
            "return (await fetch(`/api/workflow_templates/comfyui-latent-memory/${arg}.jpg`)).status", name
        )
        assert status == 200, f"{name}.jpg is not there"


@pytest.mark.parametrize("node_id", ["Mirage_CameraPathEditor", "Mirage_CameraPath", "Mirage_PreviewWalk"])
def test_the_info_button_opens_a_help_page(page, node_id):
    page.load({"nodes": [], "links": [], "version": 0.4}, "help")
    page.js(
        """const node = LiteGraph.createNode(arg);
        app.graph.add(node);
        node.pos = [100, 100];
        Object.assign(app.canvas.ds, {scale: 0.8, offset: [300, 100]});
        app.canvas.selectNode(node);
        app.canvas.setDirty(true, true);""",
        node_id,
    )
    page.settle(500)
    page.page.locator("[data-testid=info-button]").first.click()
    help_page = page.page.locator(".node-help-content").first
    help_page.wait_for()
    page.page.wait_for_function("() => document.querySelector('.node-help-content img')?.naturalWidth > 300")
    title = (ROOT / "web" / "docs" / f"{node_id}.md").read_text().splitlines()[0].removeprefix("# ")
    assert title in help_page.inner_text()
    page.shot(f"help_{node_id}")
    page.js("store('rightSidePanel').closePanel()")


def test_help_pages_open_with_their_pictures(page):
    for node_id in page.js(
        "return Object.keys(LiteGraph.registered_node_types).filter((id) => id.startsWith('Mirage_'))"
    ):
        found = page.js(
            """const folder = '/extensions/comfyui-latent-memory/docs/';
            const reply = await fetch(`${folder}${arg}.md`);
            const text = await reply.text();
            const pictures = [...text.matchAll(/!\\[[^\\]]*\\]\\(([^)]+)\\)/g)].map((match) => match[1]);
            const replies = await Promise.all(pictures.map((picture) => fetch(folder + picture)));
            return {status: reply.status, lost: pictures.filter((_, n) => !replies[n].ok)};""",
            node_id,
        )
        assert found == {"status": 200, "lost": []}, node_id
