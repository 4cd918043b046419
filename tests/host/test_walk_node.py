"""Scene Walk in a real ComfyUI server, with small checkpoints."""

import json
import re
import shutil
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
import torch
from comfy_server import ComfyError, ComfyServer
from test_sampler_nodes import SAMPLER, call, keep, remember, steering

WALK = dict(
    chunk_frames=9, depth_fit="scale", policy="fill", budget=0, keep_from="", keep_chunks=0, preceding=2, references=4
)


def walk(name="per-token", **others):
    prompt = remember(name)
    prompt["cameras"]["inputs"]["frames"] = 25  # three chunks
    prompt["moge"] = call("MirageTest_MogeModel")
    inputs = {**steering(name), **SAMPLER, **WALK, "save_as": "walks/server", **others}
    links = {"start": ["encode", 0], "vae": ["vae", 0], "moge_model": ["moge", 0]}
    return {**prompt, "walk": call("Mirage_SceneWalk", **inputs, **links)}


def test_a_walk_reports_its_progress_over_all_chunks_and_is_remembered(server_models: ComfyServer):
    shares = []

    def watch(event, data):
        if event == "progress_state" and "walk" in data["nodes"]:
            node = data["nodes"]["walk"]
            shares.append(node["value"] / max(node["max"], 1))

    prompt = walk()
    history = server_models.run({**prompt, "info": call("Mirage_MemoryInfo", memory=["walk", 2])}, on_event=watch)
    outputs = history["outputs"]
    summary = outputs["walk"]["mirage_walk"][0]
    assert [chunk["frames"] for chunk in summary["chunks"]] == [[0, 8], [9, 16], [17, 24]]
    assert outputs["info"]["mirage_memory"][0]["points"] == summary["points"]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(set(shares)) > 4
    assert "Scene Walk: 25 frames in 3 chunks" in server_models.log
    made, _ = keep(server_models, prompt, "walked", latent=["walk", 0], image=["walk", 1], cameras=["walk", 3])
    assert made["samples"].shape[2] == 7 and len(made["image"]) == len(made["cam2world"]) == 25
    again, outputs = keep(server_models, walk(save_as="walks/other"), "again", latent=["walk", 0])
    assert torch.equal(again["samples"], made["samples"])
    assert (server_models.base / "output" / "walks" / "server").is_dir()


def interrupt(server):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    direct.open(urllib.request.Request(server.url + "/interrupt", data=b"{}"), timeout=60).close()


@pytest.mark.parametrize(
    "end, reason",
    [("success", None), ("error", "ValueError: blind"), ("interrupt", r"\(Mirage_SceneWalk\) was interrupted")],
)
def test_no_stage_stays_on_the_node_when_the_walk_has_ended(server_models: ComfyServer, end, reason):
    said = []

    def watch(event, data):
        if event == "progress_text" and data["node"] == "walk":
            said.append(data["text"])
            if end == "interrupt" and len(said) == 2:
                interrupt(server_models)

    prompt = walk(save_as="", seed=100)
    prompt["moge"]["inputs"]["blind"] = end == "error"
    with pytest.raises(ComfyError, match=reason) if reason else nullcontext():
        server_models.run(prompt, on_event=watch)
    stages = [text for text in said if text.strip()]
    assert stages[0].startswith("chunk 1 of 3: sampling\nNeeds about ") and "left" not in stages[0]
    assert any("a chunk, " in stage.splitlines()[1] for stage in stages) == (end == "success")
    assert any("closing the video" in stage for stage in stages) == (end == "success")
    assert said == [*stages, " "]  # the page of the browser ignores an empty text


def test_a_walk_that_runs_out_of_memory_says_so_and_is_gone_on_with(server_models: ComfyServer):
    prompt = walk(save_as="walks/heavy")
    whole, _ = keep(server_models, prompt, "light", latent=["walk", 0])
    prompt["moge"]["inputs"]["too_heavy_at"] = 2
    with pytest.raises(ComfyError) as raised:
        server_models.run(prompt)
    message = str(raised.value)
    assert "chunk 2 of 3, depth: must fit into RAM, which has run out (CUDA out of memory." in message
    assert "This error means you ran out of memory on your GPU." in message  # ComfyUI's own advice
    assert "Got an OOM, unloading all loaded models." in server_models.log
    folder = re.search(r"The chunk before it is saved in (\S+):", message).group(1)
    prompt["moge"]["inputs"]["too_heavy_at"] = 99
    prompt["walk"]["inputs"] |= {"keep_from": folder, "keep_chunks": 1}
    resumed, outputs = keep(server_models, prompt, "heavy", latent=["walk", 0])
    assert torch.equal(resumed["samples"], whole["samples"]) and len(outputs["walk"]["mirage_walk"][0]["chunks"]) == 3


def test_loop_closure_and_edits_in_the_graph(server_models: ComfyServer):
    prompt = walk("blend", save_as="")
    prompt["cameras"]["inputs"] |= {"return_to_start": True, "move.amount": 1.0}
    closure = {"frames": ["walk", 1], "cameras": ["walk", 3], "distance": 0.05, "angle": 2.0}
    prompt["closure"] = call("Mirage_LoopClosure", **closure)
    begin = {"by": "frames", "by.first_frame": 0, "by.last_frame": 0}
    prompt["begin"] = call("Mirage_CropMemory", memory=["walk", 2], keep=True, **begin)
    prompt["rest"] = call("Mirage_CropMemory", memory=["walk", 2], keep=False, **begin)
    prompt["both"] = call("Mirage_MergeMemories", memory=["begin", 0], other=["rest", 0], voxel=0.0)
    low, high = {"by.low_x": -9.0, "by.low_y": -9.0, "by.low_z": -9.0}, {"by.high_x": 9.0, "by.high_y": 9.0}
    box = {"by": "box", **low, **high, "by.high_z": 3.0}
    prompt["near"] = call("Mirage_CropMemory", memory=["both", 0], keep=True, **box)
    sure = {"by": "confidence", "by.least": 0.999}
    prompt["sure"] = call("Mirage_CropMemory", memory=["both", 0], keep=True, **sure)
    shapes = [
        {"kind": "box", "does": "lock", "low": [-9, -9, -9], "high": [0, 9, 9]},
        {"kind": "box", "does": "erase", "low": [-9, -9, -9], "high": [9, 9, 3]},
    ]
    text = json.dumps({"format": "mirage-memory-shapes", "version": 1, "shapes": shapes})
    prompt["shapes"] = call("PrimitiveStringMultiline", value=text)
    for name, keeps, said in (("painted", True, ["shapes", 0]), ("erased", False, text)):
        by = {"by": "shapes", "by.shapes": said}
        prompt[name] = call("Mirage_CropMemory", memory=["both", 0], keep=keeps, **by)
    for name in ("walk", "begin", "rest", "both", "near", "sure", "painted", "erased"):
        prompt[f"{name}_info"] = call("Mirage_MemoryInfo", memory=[name, 2 if name == "walk" else 0])
    kept, outputs = keep(server_models, prompt, "closure", image=["closure", 3])
    points = {
        name.removesuffix("_info"): out["mirage_memory"][0]["points"]
        for name, out in outputs.items()
        if name.endswith("_info")
    }
    assert points["begin"] + points["rest"] == points["both"] == points["walk"]
    assert 0 < points["near"] < points["both"] and 0 < points["sure"] <= points["both"]
    assert 0 < points["erased"] < points["near"] and points["erased"] + points["painted"] == points["both"]
    locked = outputs["painted_info"]["mirage_memory"][0]["locked"]
    assert f"locked: {locked:,} points" in outputs["painted_info"]["text"][0] and 0 < locked < points["painted"]
    found = outputs["closure"]["mirage_closure"]
    assert {one["later"] for one in found} >= {24} and all(one["earlier"] < one["later"] for one in found)
    assert kept["image"].shape[2] == 960


def test_a_server_that_is_killed_in_a_walk_loses_no_finished_chunk(server_models: ComfyServer, host):
    packs, frames = server_models.packs, 49  # six chunks
    prompt = walk(save_as="walks/killed")
    prompt["cameras"]["inputs"]["frames"] = frames
    prompt["walk"]["inputs"]["steps"] = 12  # about a second a chunk
    with ComfyServer(host, packs) as doomed:
        shutil.copytree(server_models.base / "models", doomed.base / "models", dirs_exist_ok=True)
        folder = doomed.base / "output" / "walks"
        with ThreadPoolExecutor() as pool:
            running = pool.submit(doomed.run, prompt)
            deadline = time.monotonic() + 60
            while len(list(folder.rglob("chunk_000[12].safetensors"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.002)
            doomed.kill()
            with pytest.raises(ComfyError, match=r"the server stopped|lost the server"):
                running.result(30)
        saved = len(list(folder.rglob("*.safetensors")))
        assert 3 <= saved < 6
        shutil.copytree(folder, server_models.base / "output" / "walks", dirs_exist_ok=True)
    resumed, outputs = keep(server_models, prompt, "resumed", latent=["walk", 0])
    summary = outputs["walk"]["mirage_walk"][0]
    assert len(summary["chunks"]) == 6
    prompt["walk"]["inputs"]["save_as"] = ""
    whole, _ = keep(server_models, prompt, "whole", latent=["walk", 0])
    assert torch.equal(resumed["samples"], whole["samples"])
