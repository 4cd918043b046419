"""The small model that comes with the pack: found by a loader of the pack's own, and it remembers."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from workflow_to_prompt import workflow_to_prompt

ROOT = Path(__file__).parent.parent.parent
MODELS = ROOT / "nodes" / "assets" / "models"
MOST = 40 * 2**20  # bytes of all files together
FRAMES = 129
FORGETFUL = 0.001  # MiB that the memory is cut down to after every chunk: a handful of points


@pytest.fixture(scope="module")
def walked(server):
    """The first walk as it is, with every token made anew, and then with a memory that forgets.

    By name the frames ``(F, H, W, 3)``, revisits and report; and the start picture.
    """
    workflow = json.loads((ROOT / "workflows" / "first_walk.json").read_text())
    prompt = workflow_to_prompt(workflow, server.object_info())
    by_type = {node["class_type"]: node_id for node_id, node in prompt.items()}
    walk, scene = by_type["Mirage_SceneWalk"], by_type["Mirage_SampleScene"]
    found = {}
    for name, change in (("memory", {}), ("anew", {"keep_exact": False}), ("forgetful", {"budget": FORGETFUL})):
        prompt[walk]["inputs"] |= change
        keep = {"class_type": "MirageTest_Keep", "inputs": {"name": name, "image": [walk, 1]}}
        photo = {"class_type": "MirageTest_Keep", "inputs": {"name": "start", "image": [scene, 0]}}
        outputs = server.run({**prompt, "keep": keep, "photo": photo})["outputs"]
        frames = load_file(server.base / "output" / f"{name}.safetensors")["image"]
        found[name] = frames, outputs[by_type["Mirage_LoopClosure"]]["mirage_closure"], outputs[walk]["mirage_walk"][0]
    return found, load_file(server.base / "output" / "start.safetensors")["image"]


def decibels(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(-10 * (one - other).square().mean().log10())


def test_a_loader_of_the_pack_offers_it_and_comfyuis_own_do_not(server):
    nodes = server.object_info()
    assert nodes["Mirage_LoadSmallModel"]["input"]["required"]["name"][1]["options"][0] == "mirage_rooms"
    assert nodes["Mirage_LoadSmallModel"]["output"] == ["MODEL", "MIRAGE_BRANCH", "VAE"]
    lists = {node_id: json.dumps(node["input"]) for node_id, node in nodes.items() if not node_id.startswith("Mirage_")}
    assert [node_id for node_id, text in lists.items() if "mirage_rooms" in text] == []


@pytest.mark.parametrize("part", ["branch", "codec"])
def test_a_workflow_of_the_first_release_finds_branch_and_codec(server, part):
    node, file = {"branch": "Mirage_LoadBranch", "codec": "Mirage_LoadCodec"}[part], f"mirage_rooms_{part}.safetensors"
    offered = server.object_info()[node]["input"]["required"]["file"][1]["options"]
    assert offered[-1] == file  # behind the user's own
    load = {"class_type": node, "inputs": {"file": file}}
    outputs = server.run({"load": load, "show": {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}})[
        "outputs"
    ]
    assert {"branch": "Branch(mirage_rooms_branch.safetensors: 2 blocks", "codec": "PatchCodecVAE"}[part] in outputs[
        "show"
    ]["text"][0]


def test_it_is_small_and_says_what_it_is():
    files = list(MODELS.rglob("*.safetensors"))
    assert len(files) == 3 and sum(file.stat().st_size for file in files) < MOST
    for file in files:
        with safe_open(file, "pt") as opened:
            assert int(opened.metadata()["steps"]) > 1000 and opened.metadata()["license"] == "Apache-2.0"
    card = (MODELS / "README.md").read_text()
    for part in ("Apache-2.0", "Trained on", "Hardware", "Measured", "What it cannot do"):
        assert part in card


def test_the_first_walk_leaves_the_room_and_finds_it_again(walked):
    found, start = walked
    frames, closure, walk = found["memory"]
    assert frames.shape == (FRAMES, 192, 320, 3) and len(walk["chunks"]) == 8
    assert decibels(frames[0], start[0]) > 24  # the codec keeps low frequencies
    turned = frames[FRAMES // 2]
    assert decibels(turned, frames[0]) < 18  # it looks elsewhere meanwhile
    assert min(chunk["known"] for chunk in walk["chunks"][:4]) < 0.95  # and sees what nobody had seen
    assert decibels(frames[-1], frames[0]) > 30
    assert len(closure) > 30 and sum(one["psnr"] for one in closure) / len(closure) > 26


def test_it_finds_the_room_with_every_token_made_anew_and_not_without_a_memory(walked):
    found, _ = walked
    anew, forgetful = (found[name][0] for name in ("anew", "forgetful"))
    assert torch.equal(forgetful[0], anew[0])
    assert decibels(anew[-1], anew[0]) > max(22, decibels(forgetful[-1], forgetful[0]) + 6)
