"""The workflow files themselves: where nodes and groups lie, and what the browser offers to download."""

import importlib.util
import json
import re
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "workflows").glob("*.json"))
TITLE = 30  # pixels above a node's position
APART = 20  # least pixels between nodes
LETTER, LINE, PARAGRAPH, MARGIN = 6, 14, 12, 30  # pixels of a note's text, which is drawn 10 px high
HUB = "https://huggingface.co"
A14B = f"{HUB}/Comfy-Org/Wan_2.2_ComfyUI_Repackaged/resolve/main/split_files/diffusion_models"
ELSEWHERE = {  # files that the templates of ComfyUI do not name: offered where their publishers have them
    (file, f"{where}/{file}", folder)
    for file, where, folder in (
        ("wan2.2_fun_vace_high_noise_14B_fp8_scaled.safetensors", A14B, "diffusion_models"),
        ("wan2.2_fun_vace_low_noise_14B_fp8_scaled.safetensors", A14B, "diffusion_models"),
        (
            "minimax_h3_fl2v_turbo_8step_v1.0_comfyui_bf16.safetensors",
            f"{HUB}/lightx2v/Minimax-h3-Turbo/resolve/main",
            "loras",
        ),
        (  # the notes of ComfyUI's templates name it
            "depth_anything_3_base.safetensors",
            f"{HUB}/Comfy-Org/Depth-Anything-3/resolve/main/geometry_estimation",
            "geometry_estimation",
        ),
    )
}
OFFICIAL = "comfyui_workflow_templates_json"  # the templates that ComfyUI itself offers


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request):
    return json.loads(request.param.read_text())


def box(node):
    """Left, top, right, bottom, the title included."""
    (x, y), (width, height) = node["pos"], node["size"]
    return x, y - TITLE, x + width, y + height


def frame(group):
    x, y, width, height = group["bounding"]
    return x, y, x + width, y + height


def overlap(one, other, apart=0):
    return all(min(one[axis + 2], other[axis + 2]) + apart > max(one[axis], other[axis]) for axis in (0, 1))


def inside(inner, outer):
    return all(outer[axis] <= inner[axis] and inner[axis + 2] <= outer[axis + 2] for axis in (0, 1))


def name(node):
    return f"{node['id']} {node['type']}"


def is_note(node):
    return node["type"] in ("Note", "MarkdownNote")


def test_nodes_lie_apart(workflow):
    pairs = combinations(workflow["nodes"], 2)
    close = [(name(one), name(other)) for one, other in pairs if overlap(box(one), box(other), APART)]
    assert close == []


def test_groups_lie_apart(workflow):
    pairs = combinations(workflow["groups"], 2)
    assert [(one["title"], other["title"]) for one, other in pairs if overlap(frame(one), frame(other))] == []


def test_every_node_lies_in_one_group_and_notes_in_none(workflow):
    for node in workflow["nodes"]:
        touched = [group for group in workflow["groups"] if overlap(box(node), frame(group))]
        assert len(touched) == (0 if is_note(node) else 1), name(node)
        assert all(inside(box(node), frame(group)) for group in touched), name(node)


def test_links_lead_to_the_right_or_down(workflow):
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for _, source, _, target, _, _ in workflow["links"]:
        (x, y), (onward, down) = nodes[source]["pos"], nodes[target]["pos"]
        assert onward > x or (onward == x and down > y), f"{name(nodes[source])} -> {name(nodes[target])}"


def test_notes_are_as_large_as_their_text(workflow):
    for note in filter(is_note, workflow["nodes"]):
        width, height = note["size"]
        shown = re.sub(r"\]\([^)]*\)", "]", note["widgets_values"][0])  # not where links lead
        paragraphs = [line for line in shown.splitlines() if line]
        lines = sum(-(-len(line) * LETTER // (width - 2 * MARGIN)) for line in paragraphs)
        assert lines * LINE + len(paragraphs) * PARAGRAPH + MARGIN <= height


def loaders(workflow):
    """Nodes of ComfyUI that name a file of weights."""
    for node in workflow["nodes"]:
        files = [value for value in node.get("widgets_values") or [] if str(value).endswith(".safetensors")]
        if files and not node["type"].startswith("Mirage_"):
            yield node, files


def offers(part):
    """Yield what the browser offers to download for any part of a workflow: name, address, model folder."""
    if isinstance(part, dict):
        if {"name", "url", "directory"} <= part.keys():
            yield part["name"], part["url"].removesuffix("?download=true"), part["directory"]
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            yield from offers(value)


@pytest.fixture(scope="module")
def official():
    folder = Path(importlib.util.find_spec(OFFICIAL).submodule_search_locations[0])
    return {offer for file in folder.rglob("*.json") for offer in offers(json.loads(file.read_text()))}


def test_every_file_of_a_loader_is_offered_where_comfyuis_own_templates_have_it(workflow, official):
    assert len(official) > 200 and not official & ELSEWHERE
    for node, files in loaders(workflow):
        offered = node["properties"].get("models", [])
        assert [offer["name"] for offer in offered] == files, name(node)
        assert set(offers(offered)) <= official | ELSEWHERE, name(node)


def test_what_is_downloaded_is_found_by_its_loader(workflow, server):
    for node, files in loaders(workflow):
        places = [server.base / "models" / one["directory"] / one["name"] for one in node["properties"]["models"]]
        for place in places:
            place.parent.mkdir(exist_ok=True)
            place.touch()
        inputs = server.object_info()[node["type"]]["input"]["required"]
        for place in places:
            place.unlink()
        found = set()
        for kind, *settings in inputs.values():
            found |= set(kind if isinstance(kind, list) else settings[0].get("options", ()) if settings else ())
        assert found.issuperset(files), name(node)
