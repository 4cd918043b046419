"""Every workflow in the real front-end, as an artist opens it."""

import json
import os
from itertools import combinations
from pathlib import Path

import pytest
from workflow_to_prompt import workflow_to_prompt

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_opens_complete_and_as_it_was_saved(page, server, file):
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
    assert_apart(page, workflow)
    prompt = page.js("return (await app.graphToPrompt()).output")
    for number, node in workflow_to_prompt(workflow, server.object_info()).items():  # as the tests of ComfyUI run it
        viewer = {name: prompt[number]["inputs"][name] for name in ("viewport_state",) if name in node["inputs"]}
        prompt[number]["inputs"].pop("video-preview", None)  # the page's own player
        assert prompt[number]["class_type"] == node["class_type"]
        assert prompt[number]["inputs"] == {**node["inputs"], **viewer}, f"node {number} ({node['class_type']})"


def assert_apart(page, workflow):
    """No node lies on another one or outside its group, as they are on the page now."""
    boxes = drawn(page)
    close = [pair for pair in combinations(boxes, 2) if overlap(boxes[pair[0]], boxes[pair[1]])]
    assert close == []
    frames = [(x, y, x + width, y + height) for x, y, width, height in (one["bounding"] for one in workflow["groups"])]
    notes = [str(node["id"]) for node in workflow["nodes"] if "Note" in node["type"]]
    assert [node for node in boxes if node not in notes and not any(inside(boxes[node], one) for one in frames)] == []
    assert [node for node in notes if any(overlap(boxes[node], one) for one in frames)] == []


def drawn(page):
    """Left, top, right, bottom of every node, which may be larger on the page than in the file."""
    return page.js("""return Object.fromEntries(app.graph.nodes.map((node) => {
        const [x, y, width, height] = node.boundingRect;
        const shown = document.querySelector(`[data-node-id="${node.id}"]`);
        return [node.id, [x, y, x + (shown?.offsetWidth ?? width), y + (shown?.offsetHeight ?? height)]];
    }))""")


def overlap(one, other):
    return all(min(one[axis + 2], other[axis + 2]) > max(one[axis], other[axis]) for axis in (0, 1))


def inside(inner, outer):
    return all(outer[axis] <= inner[axis] and inner[axis + 2] <= outer[axis + 2] for axis in (0, 1))


@pytest.mark.front_end
@pytest.mark.parametrize("name, count", [("walk_with_moge", 2), ("ltx23_memory", 4), ("minimax_h3_memory", 6)])
def test_what_is_missing_can_be_downloaded_from_the_page(page, name, count):
    """There are no weights on this server."""
    page.load(json.loads((ROOT / "workflows" / f"{name}.json").read_text()), name)
    missing = page.js("return store('missingModel').missingModelCandidates.map(({name, url}) => [name, url ?? null])")
    assert len(dict(missing)) == count and all(url and url.endswith(f"/{file}") for file, url in missing)


@pytest.mark.front_end
def test_no_loader_says_undefined(page):
    """There are no files either."""
    page.load({"nodes": [], "links": [], "version": 0.4}, "loaders")
    texts = page.js("""const found = [];
        for (const id of Object.keys(LiteGraph.registered_node_types).filter((one) => one.startsWith('Mirage_'))) {
            const node = LiteGraph.createNode(id);
            app.graph.add(node);
            for (const widget of node.widgets ?? [])
                if (widget.type === 'combo') found.push([`${id}.${widget.name}`, widget.value ?? null]);
        }
        return found;""")
    assert len(texts) > 20 and [name for name, value in texts if not value] == []
    shown = dict(texts)
    assert shown["Mirage_LoadLora.file"] == "none: put one into models/loras"
    assert shown["Mirage_LoadSmallModel.name"] == "mirage_rooms"


@pytest.mark.front_end
def test_the_first_walk_runs_from_the_page(page):
    workflow = json.loads((ROOT / "workflows" / "first_walk.json").read_text())
    (walk,) = (node for node in workflow["nodes"] if node["type"] == "Mirage_SceneWalk")
    walk["widgets_values"][2] += page.vue  # another seed: both pages have one server, which would not walk twice
    page.load(workflow, "first_walk")
    outputs = page.run()["outputs"]
    assert any(output.get("animated") == [True] for output in outputs.values())
    said = page.js("""return app.graph.nodes.find((node) => node.comfyClass === 'Mirage_SceneWalk')
        .widgets.filter((widget) => widget.type === 'progressText').map((widget) => widget.value.trim());""")
    newer = "MIRAGE_FRONT_END" in os.environ
    assert said == ([] if newer else [""])  # it has said its stages, and says none any more; newer ones take it away
    page.show()
    page.shot("first_walk_done")
    if not newer:  # the templates are laid out for ComfyUI's own: a newer one makes a preview larger than its group
        assert_apart(page, workflow)  # with the video, the pictures and the stage


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
