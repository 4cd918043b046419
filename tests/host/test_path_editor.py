"""Camera Path Editor, Render Memory Preview and Camera Path to CameraCtrl in the real server."""

import json

import numpy as np
import pytest
import torch
from comfy_server import ComfyError
from javascript import VECTORS, path_editor
from prompts import HEIGHT, WIDTH, call, path, remember, run_and_keep, warp
from safetensors import safe_open

RECORDED = json.loads(VECTORS.read_text())
BEND = next(case["text"] for case in RECORDED["cases"] if case["name"].startswith("a bend"))


def edited(frames=13, text=BEND, **inputs):
    return call("Mirage_CameraPathEditor", geometry=["lift", 1], frames=frames, path=text, **inputs)


def scene_file(server, prompt, node="editor"):
    (file,) = server.run(prompt)["outputs"][node]["mirage_scene"]
    assert file["type"] == "temp"
    return server.base / "temp" / file["filename"]


def test_the_editor_gives_the_path_that_its_text_means(server):
    prompt = {**remember(), "editor": edited(frames=13)}
    kept = run_and_keep(server, prompt, "edited", cameras=["editor", 0])
    depth = json.loads(safe_open(scene_file(server, prompt), "np").metadata()["scene"])["scene_depth"]
    recorded = next(case["poses"] for case in RECORDED["cases"] if case["text"] == BEND)
    wanted = torch.tensor([pose["position"] for pose in recorded]) * depth
    torch.testing.assert_close(kept["cam2world"][:, :3, 3], wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        kept["cam2world"][:, :3, :3], torch.tensor([pose["rotation"] for pose in recorded]), atol=1e-5, rtol=0
    )


def test_the_page_counts_the_coverage_that_the_memory_gives(server):
    """The strip under the timeline, computed by the page's JavaScript, against the splat of Warp Latents to Camera."""
    prompt = {**remember(), "editor": edited(frames=49, memory=["memory", 0])}
    prompt["warp"] = warp(["memory", 0], ["editor", 0])
    seen = run_and_keep(server, prompt, "seen", mask=["warp", 1])["mask"].mean(dim=(1, 2)).tolist()
    known = path_editor(scene=scene_file(server, prompt))["known"]  # at 13 times, those of the latent frames
    assert len(seen) == len(known) == RECORDED["frames"]
    assert max(known) - min(known) > 0.2  # the path leaves and comes back
    assert known == pytest.approx(seen, abs=2e-3)


def test_the_scene_is_the_memory_in_the_frame_of_the_start_camera(server):
    prompt = {**remember(), "editor": edited(memory=["memory", 0])}
    prompt["info"] = call("Mirage_MemoryInfo", memory=["memory", 0])
    outputs = server.run(prompt)["outputs"]
    with safe_open(scene_file(server, prompt), "np") as file:
        xyz, rgb, width = (file.get_tensor(name) for name in ("xyz", "rgb", "width"))
        scene = json.loads(file.metadata()["scene"])
    assert len(xyz) == len(rgb) == len(width) == outputs["info"]["mirage_memory"][0]["points"]
    assert 0.8 < float(np.median(xyz[:, 2])) < 1.2  # the unit is the median depth
    assert rgb.dtype == np.uint8 and rgb.std() > 20
    assert scene["image_size"] == [HEIGHT, WIDTH] and scene["thinned"] == 1
    assert scene["coverage"]["grid"] == [HEIGHT // 8, WIDTH // 8]


def test_the_page_is_told_the_path_and_the_length_that_came(server):
    prompt = {**remember(), "editor": edited(frames=17)}
    (came,) = server.run(prompt)["outputs"]["editor"]["mirage_path"]
    assert came == {"path": BEND, "frames": 17, "linked": []}
    prompt["text"] = call("PrimitiveStringMultiline", value=BEND)
    prompt["editor"] = edited(frames=17, text=["text", 0])
    (came,) = server.run(prompt)["outputs"]["editor"]["mirage_path"]
    assert came == {"path": BEND, "frames": 17, "linked": ["path"]}


def test_input_cameras_are_offered_as_keys_and_the_text_stays_the_path(server):
    from mirage_core.camera_key_text import path_from_text

    moved = path(["lift", 1], 33, "orbit", degrees=20.0)
    prompt = {**remember(), "moved": moved, "editor": edited(frames=13, cameras=["moved", 0])}
    (taken,) = server.run(prompt)["outputs"]["editor"]["mirage_taken"]
    keys = path_from_text(taken).keys
    assert len(keys) < 15 and keys[-1].time == 1.0 and keys[-1].pan == pytest.approx(-20, abs=0.01)
    prompt["editor"] = edited(frames=33, text=taken)
    fitted = run_and_keep(server, prompt, "fitted", cameras=["editor", 0])["cam2world"]
    wanted = run_and_keep(server, prompt, "wanted", cameras=["moved", 0])["cam2world"]
    depth = json.loads(safe_open(scene_file(server, prompt), "np").metadata()["scene"])["scene_depth"]
    assert float((fitted - wanted)[:, :3, 3].norm(dim=1).max()) / depth < 0.0051


def test_without_a_memory_the_depth_is_shown(server):
    with safe_open(scene_file(server, {**remember(), "editor": edited()}), "np") as file:
        xyz, rgb = file.get_tensor("xyz"), file.get_tensor("rgb")
        scene = json.loads(file.metadata()["scene"])
    assert scene["coverage"] is None and 2_000 < len(xyz) < 10_000
    assert (rgb[:, 0] == rgb[:, 2]).all()
    near, far = xyz[:, 2] < 0.7, xyz[:, 2] > 1.5
    assert rgb[near].mean() > rgb[far].mean()


def test_a_path_that_cannot_be_read_is_refused_before_anything_runs(server):
    with pytest.raises(ComfyError, match=r"refused the prompt(?s:.*)path: key 1: easing must be one of linear"):
        server.run({**remember(), "editor": edited(text=BEND.replace("start gently", "bouncy"))})


def test_the_memory_becomes_a_control_video(server):
    prompt = {**remember(), "path": path(["lift", 1], 9, "dolly", amount=0.3)}
    sizes = dict(width=WIDTH, height=HEIGHT)
    for unknown in ("grey", "black"):
        inputs = dict(memory=["memory", 0], cameras=["path", 0], vae=["vae", 0], unknown=unknown)
        prompt["render"] = call("Mirage_RenderMemoryPreview", **inputs, **sizes)
        kept = run_and_keep(server, prompt, f"render_{unknown}", image=["render", 0], mask=["render", 1])
        frames, mask = kept["image"], kept["mask"]
        assert frames.shape == (9, HEIGHT, WIDTH, 3) and mask.shape == (9, HEIGHT, WIDTH)
        assert set(mask.unique().tolist()) == {0.0, 1.0} and 0.05 < mask.mean() < 0.7
        assert frames[mask == 1].unique().tolist() == [{"grey": 0.5, "black": 0.0}[unknown]]
    photo = run_and_keep(server, prompt, "render_photo", image=["scene", 0])["image"][0]
    assert (frames[0] - photo)[mask[0] == 0].square().mean() < 0.01
    known = run_and_keep(server, {**prompt, "warp": warp(["memory", 0], ["path", 0])}, "known", mask=["warp", 1])[
        "mask"
    ]
    tokens = known.repeat_interleave(8, 1).repeat_interleave(8, 2)
    assert torch.equal(1 - mask[[0, 4, 8]], tokens)  # the last video frame of each latent one


def test_cameractrl_poses_are_rows_of_a_realestate10k_file(comfy):
    (name,) = (name for name in comfy.NODE_CLASS_MAPPINGS if name == "Mirage_PathToCameraCtrl")
    node = comfy.NODE_CLASS_MAPPINGS[name]
    from mirage_core import Cameras

    cam2world = torch.eye(4).repeat(3, 1, 1)
    cam2world[:, 0, 3] = torch.tensor([1.0, 1.5, 2.0])
    K = torch.tensor([[0.9, 0.0, 0.5], [0.0, 1.35, 0.5], [0.0, 0.0, 1.0]])
    (poses,) = node.execute(cameras=Cameras(cam2world, K), width=480, height=320, scale=2.0).result
    assert [len(row) for row in poses] == [19] * 3 and all(type(value) is float for value in poses[1])
    assert poses[1][1:7] == pytest.approx([0.9, 1.35, 0.5, 0.5, 0.0, 0.0])
    world2cam = np.array(poses[2][7:]).reshape(3, 4)
    np.testing.assert_allclose(world2cam, [[1, 0, 0, -2], [0, 1, 0, 0], [0, 0, 1, 0]], atol=1e-6)
