"""Memories in a real ComfyUI server: written, read, kept, shown, and wired wrongly."""

import pytest
import torch
from comfy_server import ComfyError
from prompts import call, info, path, remember, run_and_keep, warp


def test_a_second_run_is_cached_and_nothing_that_came_before_has_changed(server):
    prompt = {**remember(), "first": info(["memory", 0])}
    points = server.run(prompt)["outputs"]["first"]["mirage_memory"][0]["points"]
    more = call(
        "Mirage_LatentMemoryCache", points=["lift", 0], memory=["memory", 0], policy="append", budget=0, voxel=0
    )
    both = {**prompt, "more": more, "second": info(["more", 0])}
    events = []
    outputs = server.run(both, on_event=lambda event, data: events.append((event, data.get("nodes"))))["outputs"]
    cached = next(nodes for event, nodes in events if event == "execution_cached")
    assert {"scene", "vae", "encode", "lift", "memory"} <= set(cached)
    assert outputs["second"]["mirage_memory"][0]["points"] == 2 * points
    again = server.run({**prompt, "third": call("Mirage_MemoryToPointCloud", memory=["memory", 0])})
    assert again["outputs"]["first"]["mirage_memory"][0]["points"] == points


def test_fill_adds_nothing_from_the_same_view_and_little_from_another(server):
    prompt = remember()
    other = remember(view="a step back")
    prompt |= {f"other_{name}": node for name, node in other.items() if name != "vae"}
    for name in ("encode", "lift"):
        inputs = prompt[f"other_{name}"]["inputs"] = dict(other[name]["inputs"])
        inputs.update(
            {key: [f"other_{value[0]}", value[1]] for key, value in inputs.items() if value[0] in ("scene", "encode")}
        )
    del prompt["other_memory"]
    write = dict(memory=["memory", 0], policy="fill", budget=0, voxel=0)
    prompt["same"] = call("Mirage_LatentMemoryCache", points=["lift", 0], **write)
    prompt["wider"] = call("Mirage_LatentMemoryCache", points=["other_lift", 0], **write)
    for name in ("memory", "same", "wider"):
        prompt[f"{name}_info"] = info([name, 0])
    outputs = server.run(prompt)["outputs"]
    count = {name: outputs[f"{name}_info"]["mirage_memory"][0]["points"] for name in ("memory", "same", "wider")}
    assert count["same"] == count["memory"]
    assert count["memory"] < count["wider"] < 1.7 * count["memory"]


def test_warping_to_the_camera_of_the_photograph_gives_its_latents_back(server):
    prompt = {**remember(patch="16"), "path": path(["lift", 1], frames=5)}
    prompt["warp"] = warp(["memory", 0], ["path", 0])
    warped = run_and_keep(server, prompt, "warped", latent=["warp", 0], mask=["warp", 1], image=["warp", 2])
    encoded = run_and_keep(server, prompt, "encoded", latent=["encode", 0])["samples"]
    samples, noise_mask, known = warped["samples"], warped["noise_mask"], warped["mask"].bool()
    assert samples.shape == (1, 48, 2, 22, 33)
    assert noise_mask.shape == (1, 1, 2, 22, 33)
    assert torch.equal(noise_mask[0, 0] == 0, known)  # 1 = to be generated
    assert torch.equal(samples[0, :, 0][:, known[0]], encoded[0, :, 0][:, known[0]])
    assert not samples[0].movedim(0, -1)[~known].any()  # unknown tokens are zero
    assert warped["image"].shape == (2, 22, 33, 3)


def test_a_memory_is_the_same_after_saving_and_loading(server):
    prompt = {**remember(), "save": call("Mirage_SaveLatentMemory", memory=["memory", 0], filename_prefix="kept/room")}
    server.run(prompt)
    (file,) = (server.base / "output" / "kept").glob("*.safetensors")
    loaded = {**prompt, "load": call("Mirage_LoadLatentMemory", file=f"kept/{file.name} [output]")}
    loaded["path"] = path(["lift", 1], frames=9)
    del loaded["save"]
    results = []
    for source in ("memory", "load"):
        loaded["warp"] = warp([source, 0], ["path", 0])
        results.append(run_and_keep(server, loaded, f"from_{source}", latent=["warp", 0])["samples"])
    assert torch.equal(*results)


@pytest.mark.parametrize("file", ["../../main.safetensors", "nothing.safetensors", "../output/x.safetensors [input]"])
def test_loading_from_elsewhere_is_refused_before_anything_runs(server, file):
    prompt = {"load": call("Mirage_LoadLatentMemory", file=file), "info": info(["load", 0])}
    with pytest.raises(ComfyError, match=r"refused the prompt(?s:.*)file: must (lie in|be a)"):
        server.run(prompt)


def test_saving_elsewhere_is_refused(server):
    prompt = remember()
    prompt["save"] = call("Mirage_SaveLatentMemory", memory=["memory", 0], filename_prefix="../../elsewhere")
    with pytest.raises(ComfyError, match="filename_prefix: must name a file inside the output folder"):
        server.run(prompt)


def test_the_point_cloud_is_a_coloured_ply(server):
    prompt = {**remember(), "cloud": call("Mirage_MemoryToPointCloud", memory=["memory", 0])}
    prompt["view"] = call(
        "PreviewPointCloud", model_3d=["cloud", 0], camera_info=["cloud", 1], viewport_state={}, width=64, height=64
    )
    name, camera, _ = server.run(prompt)["outputs"]["view"]["result"]
    assert camera["position"]["z"] == pytest.approx(2.6)  # behind the photograph, which looks along -z of the viewer
    data = (server.base / "temp" / name).read_bytes()
    header, body = data.split(b"end_header\n", 1)
    count = int(header.split(b"element vertex ")[1].split(b"\n")[0])
    assert b"format binary_little_endian" in header and b"uchar red" in header
    assert len(body) == count * 15 and count > 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(warp=dict(width=530)), "width, height: must be multiples of 8"),
        (dict(memory=dict(points=None)), "points, memory, merge_with: connect at least one"),
        (dict(lift=dict(vae=["other", 0])), r"latent: .*VAE|depth: must have the size of the picture"),
        (dict(lift=dict(geometry=["flat", 0])), "depth: must have the size of the picture that was encoded"),
    ],
)
def test_bad_wiring_is_told_in_words(server, change, message):
    prompt = {**remember(), "path": path(["lift", 1], 5), "warp": warp(["memory", 0], ["path", 0])}
    prompt["other"] = call("Mirage_PatchCodec", patch="16")
    prompt["packet"] = call("MirageTest_Moge")
    prompt["flat"] = call(
        "Mirage_SceneGeometry", source="MoGe", source__moge_geometry=["packet", 0], source__farthest=0
    )
    prompt["decode"] = call("VAEDecode", samples=["warp", 0], vae=["vae", 0])
    prompt["keep"] = call("MirageTest_Keep", name="never", image=["decode", 0])
    for node, inputs in change.items():
        merged = {**prompt[node]["inputs"], **inputs}
        prompt[node] = call(prompt[node]["class_type"], **{k: v for k, v in merged.items() if v is not None})
    with pytest.raises(ComfyError, match=message):
        server.run(prompt)


def test_a_memory_is_shown_as_a_picture(server):
    prompt = {**remember(), "info": info(["memory", 0])}
    shown = run_and_keep(server, prompt, "info", image=["info", 4])["image"]
    assert shown.shape[0] == 1 and shown.shape[-1] == 3 and float(shown.std()) > 0.02
