"""The template in which a world branches: two walks from one memory, which become one again."""

import json
from pathlib import Path

import pytest
from prompts import call
from safetensors.torch import load_file
from workflow_to_prompt import workflow_to_prompt

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def crossroads(server):
    """What the server said, by title or type of the node; and what was kept of it."""
    workflow = json.loads((ROOT / "workflows" / "crossroads.json").read_text())
    prompt = workflow_to_prompt(workflow, server.object_info())
    names = {node.get("title") or node["type"]: str(node["id"]) for node in workflow["nodes"]}
    left, right, both = names["Scene Walk to the left"], names["Scene Walk to the right"], names["Mirage_MergeMemories"]
    look = prompt[names["Mirage_PreviewWalk"]]["inputs"]
    for name, memory in (
        ("start", names["Mirage_LatentMemoryCache"]),
        ("left", left),
        ("right", right),
        ("both", both),
    ):
        socket = [memory, 2 if memory in (left, right) else 0]
        prompt[f"{name}_info"] = call("Mirage_MemoryInfo", memory=socket)
        prompt[f"{name}_look"] = call("Mirage_PreviewWalk", **{**look, "memory": socket})
        prompt[f"{name}_known"] = call("PreviewAny", source=[f"{name}_look", 3])
    ends = {"closure": [names["Mirage_LoopClosure"], 3], "seen": [names["Mirage_PreviewWalk"], 0]}
    for name, socket in ends.items():
        prompt[f"keep_{name}"] = call("MirageTest_Keep", name=f"crossroads_{name}", image=socket)
    outputs = server.run(prompt)["outputs"]
    named = {name: outputs[number] for name, number in names.items() if number in outputs}
    kept = {name: load_file(server.base / "output" / f"crossroads_{name}.safetensors")["image"] for name in ends}
    return {**outputs, **named}, kept


def test_what_both_walks_have_invented_is_one_world(crossroads):
    said, _ = crossroads
    points = {name: said[f"{name}_info"]["mirage_memory"][0]["points"] for name in ("start", "left", "right", "both")}
    assert points["start"] < min(points["left"], points["right"])  # each has invented something
    assert (
        max(points["left"], points["right"]) < points["both"] < points["left"] + points["right"]
    )  # once, what both have
    known = {
        name: float(said[f"{name}_known"]["text"][0]) for name in points
    }  # from the end of one to that of the other
    one, other = known["left"], known["right"]
    assert known["start"] + 0.05 < min(one, other) and max(one, other) + 0.05 < known["both"] and known["both"] > 0.97


def test_both_walks_come_home_to_the_same_room(crossroads):
    said, kept = crossroads
    found = said["Mirage_LoopClosure"]["mirage_closure"]
    assert len(found) > 5 and {pair["later"] for pair in found} >= {0, 96}
    assert sum(pair["psnr"] for pair in found) / len(found) > 25
    assert (
        f"{len(found)} frames of the other video come to a pose of the first" in said["Mirage_LoopClosure"]["text"][0]
    )
    assert kept["closure"].shape[2] == 960 and kept["seen"].ndim == 4
