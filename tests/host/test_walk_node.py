"""Scene Walk in a real ComfyUI server, with small checkpoints."""

import torch
from comfy_server import ComfyServer
from test_sampler_nodes import SAMPLER, call, keep, remember, steering

WALK = dict(chunk_frames=9, depth_fit="scale", policy="fill", budget=0, keep_from="", keep_chunks=0)


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
