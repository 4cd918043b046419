"""The small model that comes with the pack: found by the host's own loaders, and it remembers."""

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


def test_the_hosts_loaders_offer_it(server):
    offered = server.object_info()
    assert "mirage_rooms.safetensors" in offered["UNETLoader"]["input"]["required"]["unet_name"][0]
    for node, file in (
        ("Mirage_LoadBranch", "mirage_rooms_branch.safetensors"),
        ("Mirage_LoadCodec", "mirage_rooms_codec.safetensors"),
    ):
        assert file in offered[node]["input"]["required"]["file"][1]["options"]


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
