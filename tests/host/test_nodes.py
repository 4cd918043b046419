"""The nodes in a real ComfyUI server."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from comfy_server import ComfyError
from contact_sheet import read_frames
from safetensors.torch import load_file
from workflow_to_prompt import workflow_to_prompt

from mirage_core.camera_files import read_cameras

ROOT = Path(__file__).parent.parent.parent
NODES = {
    "Mirage_SampleScene": "Sample Scene",
    "Mirage_PatchCodec": "Patch Codec (no weights)",
    "Mirage_LoadCodec": "Load Patch Codec",
    "Mirage_SceneGeometry": "Scene Geometry",
    "Mirage_LiftLatents": "Lift Latents to 3D",
    "Mirage_LatentMemoryCache": "Latent Memory Cache",
    "Mirage_CameraPath": "Camera Path",
    "Mirage_WarpLatents": "Warp Latents to Camera",
    "Mirage_MemorySampler": "Memory-Conditioned Sampler",
    "Mirage_ApplyMemory": "Apply Memory to Model",
    "Mirage_LoadSmallModel": "Load Small Model",
    "Mirage_LoadBranch": "Load Mirage Branch",
    "Mirage_LoadLora": "Load Mirage LoRA",
    "Mirage_NoText": "No Text",
    "Mirage_SceneWalk": "Scene Walk",
    "Mirage_WalkPrompt": "Walk Prompt",
    "Mirage_LoopClosure": "Loop Closure",
    "Mirage_AlignGeometry": "Align Geometry to Memory",
    "Mirage_CameraRange": "Camera Range",
    "Mirage_LoadCameraPath": "Load Camera Path",
    "Mirage_SaveCameraPath": "Save Camera Path",
    "Mirage_PreviewWalk": "Preview Walk",
    "Mirage_PathToWanCamera": "Camera Path to Wan Camera",
    "Mirage_PathToCameraCtrl": "Camera Path to CameraCtrl",
    "Mirage_CameraPathEditor": "Camera Path Editor",
    "Mirage_RenderMemoryPreview": "Render Memory Preview",
    "Mirage_CropMemory": "Crop Memory",
    "Mirage_MergeMemories": "Merge Memories",
    "Mirage_MemoryInfo": "Memory Info",
    "Mirage_MemoryToPointCloud": "Memory to Point Cloud",
    "Mirage_SaveLatentMemory": "Save Latent Memory",
    "Mirage_LoadLatentMemory": "Load Latent Memory",
}
WIDTH, HEIGHT = 528, 352  # of the sample scene


def call(class_type, **inputs):
    return {"class_type": class_type, "inputs": {name.replace("__", "."): value for name, value in inputs.items()}}


def remember(patch="8", view="middle of the room"):
    """Sample scene to memory: nodes scene, vae, encode, lift, memory."""
    return {
        "scene": call("Mirage_SampleScene", view=view),
        "vae": call("Mirage_PatchCodec", patch=patch),
        "encode": call("VAEEncode", pixels=["scene", 0], vae=["vae", 0]),
        "lift": call("Mirage_LiftLatents", latent=["encode", 0], geometry=["scene", 1], vae=["vae", 0]),
        "memory": call("Mirage_LatentMemoryCache", points=["lift", 0], policy="fill", budget=0, voxel=0),
    }


def info(memory):
    return call("Mirage_MemoryInfo", memory=memory)


def path(geometry, frames, move="dolly", **settings):
    settings = settings or {"amount": 0.3}
    inside = {f"move.{name}": value for name, value in settings.items()}
    rest = {"geometry": geometry, "frames": frames, "easing": "linear", "return_to_start": False}
    return call("Mirage_CameraPath", move=move, **inside, **rest)


def warp(memory, cameras, footprint=True):
    return call("Mirage_WarpLatents", memory=memory, cameras=cameras, width=WIDTH, height=HEIGHT, footprint=footprint)


def run_and_keep(server, prompt, name, **inputs):
    """Run a prompt, and return the tensors of what arrived at a Keep node."""
    server.run({**prompt, "keep": call("MirageTest_Keep", name=name, **inputs)})
    return load_file(server.base / "output" / f"{name}.safetensors")


@pytest.fixture(scope="module")
def object_info(server):
    return server.object_info()


@pytest.mark.parametrize(("node_id", "name"), NODES.items())
def test_every_node_is_registered_explained_and_searchable(object_info, node_id, name):
    node = object_info[node_id]
    assert node["display_name"] == name
    assert node["category"].startswith("Mirage/")
    assert node["description"]
    assert node["search_aliases"]
    assert (ROOT / "web" / "docs" / f"{node_id}.md").is_file()


def test_every_widget_says_what_it_does(object_info):
    for node_id in NODES:
        for kind in ("required", "optional"):
            for name, (_, *options) in object_info[node_id]["input"].get(kind, {}).items():
                plain = name in ("memory", "latent")  # a socket that its own name explains
                assert plain or options[0].get("tooltip"), f"{node_id}.{name} has no tooltip"


def test_the_pack_registers_nothing_else(object_info):
    assert {node_id for node_id in object_info if node_id.startswith("Mirage_")} == set(NODES)


def test_the_photo_walk_converts_as_the_browser_converts_it(object_info):
    workflow = json.loads((ROOT / "workflows" / "photo_walk.json").read_text())
    ours = workflow_to_prompt(workflow, object_info)
    browsers = json.loads((Path(__file__).parent / "photo_walk.api.json").read_text())
    for node in (*ours.values(), *browsers.values()):
        node["inputs"].pop("viewport_state", None)  # the browser fills in what its viewer shows at the moment
    assert {key: (node["class_type"], node["inputs"]) for key, node in ours.items()} == {
        key: (node["class_type"], node["inputs"]) for key, node in browsers.items()
    }


@pytest.mark.parametrize("file", sorted((ROOT / "workflows").glob("*.json")), ids=lambda file: file.stem)
def test_every_workflow_has_known_nodes_valid_links_and_a_note(object_info, file):
    workflow = json.loads(file.read_text())
    prompt = workflow_to_prompt(workflow, object_info)  # refuses unknown nodes and links into nothing
    by_id = {node["id"]: node for node in workflow["nodes"]}
    for _, source, out_slot, target, in_slot, kind in workflow["links"]:
        output, socket = by_id[source]["outputs"][out_slot], by_id[target]["inputs"][in_slot]
        assert kind == output["type"] == object_info[by_id[source]["type"]]["output"][out_slot]
        assert output["links"] and socket["link"] is not None
    for node in prompt.values():
        known = object_info[node["class_type"]]["input"]
        required = set(known.get("required", {}))
        assert required <= set(node["inputs"]), f"{node['class_type']} lacks {required - set(node['inputs'])}"
    assert any(node["type"] == "MarkdownNote" for node in workflow["nodes"])


def test_the_photo_walk_leaves_a_video_that_starts_and_ends_at_the_photograph(server, object_info):
    workflow = json.loads((ROOT / "workflows" / "photo_walk.json").read_text())
    prompt = workflow_to_prompt(workflow, object_info)
    history = server.run({**prompt, "keep": call("MirageTest_Keep", name="photo", image=["2", 0], mask=["8", 1])})
    (video,) = (out["images"][0] for out in history["outputs"].values() if out.get("animated") == [True])
    frames, fps = read_frames(server.base / "output" / video["subfolder"] / video["filename"])
    assert (len(frames), fps) == (161, 24)
    kept = load_file(server.base / "output" / "photo.safetensors")
    photo, known = kept["image"][0], kept["mask"]
    assert known.shape == (41, HEIGHT // 8, WIDTH // 8)
    for number, seen in ((0, known[0]), (-1, known[-1])):
        frame = torch.from_numpy(np.array(frames[number])).float() / 255
        pixels = seen.repeat_interleave(8, 0).repeat_interleave(8, 1) > 0
        assert 0.7 < pixels.float().mean() < 0.9  # the depth camera had holes
        assert (frame - photo)[pixels].square().mean() < 0.01  # 20 dB: the codec keeps low frequencies
        assert (frame - 0.5)[~pixels].abs().mean() < 0.1  # unknown is grey


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


@pytest.mark.parametrize("move", ["truck", "pan", "orbit", "spiral", "figure eight", "there and back"])
def test_every_move_starts_at_the_photograph_and_goes_somewhere(server, move):
    amount = {"degrees": 30.0} if move in ("pan", "orbit") else {"amount": 0.2}
    prompt = {**remember(), "path": path(["lift", 1], 9, move, **amount)}
    cam2world = run_and_keep(server, prompt, "path", cameras=["path", 0])["cam2world"]
    assert len(cam2world) == 9
    torch.testing.assert_close(cam2world[0], torch.eye(4), atol=1e-5, rtol=0)
    assert (cam2world[2] - cam2world[0]).abs().max() > 0.02


def test_a_path_continues_where_another_ends(server):
    prompt = {**remember(), "path": path(["lift", 1], 9), "next": path(["lift", 1], 5, "pan", degrees=10.0)}
    prompt["next"]["inputs"]["continue_from"] = ["path", 0]
    cam2world = run_and_keep(server, prompt, "joined", cameras=["next", 0])["cam2world"]
    assert len(cam2world) == 9 + 4
    torch.testing.assert_close(cam2world[9, :3, 3], cam2world[8, :3, 3])


def test_a_path_is_cut_into_parts_that_share_a_camera(server):
    prompt = {**remember(), "path": path(["lift", 1], 17)}
    for name, first in (("a", 0), ("b", 8)):
        prompt[name] = call("Mirage_CameraRange", cameras=["path", 0], first=first, count=9)
    kept = [run_and_keep(server, prompt, f"range_{name}", cameras=[name, 0])["cam2world"] for name in ("a", "b")]
    assert len(kept[0]) == len(kept[1]) == 9 and torch.equal(kept[0][-1], kept[1][0])
    prompt["b"]["inputs"]["first"] = 9
    with pytest.raises(ComfyError, match="must lie within the path of 17 frames; got 9 and 9, which end at 18"):
        run_and_keep(server, prompt, "never", cameras=["b", 0])


def test_geometry_of_another_scale_is_brought_to_the_memorys(server):
    prompt = remember(patch="16")
    prompt["picture"] = call("EmptyImage", width=WIDTH, height=HEIGHT, batch_size=1, color=0)
    half = dict(source__moge_geometry=["moge", 0], source__farthest=0)
    prompt["moge"] = call("MirageTest_MogeOfGeometry", geometry=["scene", 1], scale=0.5)
    prompt["half"] = call("Mirage_SceneGeometry", source="MoGe", **half)
    settings = dict(depth_fit="scale", max_residual=0.1, tolerance=0.25)
    prompt["aligned"] = call("Mirage_AlignGeometry", geometry=["half", 0], memory=["memory", 0], **settings)
    true = run_and_keep(server, prompt, "true", geometry=["scene", 1])
    aligned = run_and_keep(server, prompt, "aligned", geometry=["aligned", 0])
    both = aligned["valid"] & true["valid"]
    assert both.float().mean() > 0.4
    torch.testing.assert_close(aligned["depth"][both], true["depth"][both], rtol=0.02, atol=0)


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


def test_moge_geometry_keeps_intrinsics_and_leaves_its_mask_out(server):
    prompt = {
        "packet": call("MirageTest_Moge"),
        "geometry": call(
            "Mirage_SceneGeometry", source="MoGe", source__moge_geometry=["packet", 0], source__farthest=5
        ),
    }
    kept = run_and_keep(server, prompt, "moge", geometry=["geometry", 0])
    assert not kept["valid"][0, :5].any() and kept["valid"][0, 5:20].all()
    assert kept["depth"].max() <= 5 and not kept["valid"][0, -1].any()
    torch.testing.assert_close(kept["K"][0, 0, 0], torch.tensor(0.9))


def test_depth_anything_geometry_leaves_the_sky_out(server):
    inputs = dict(source__da3_geometry=["packet", 0], source__field_of_view=90.0, source__farthest=0)
    prompt = {
        "packet": call("MirageTest_Da3", multiview=False),
        "geometry": call("Mirage_SceneGeometry", source="Depth Anything 3", **inputs),
    }
    kept = run_and_keep(server, prompt, "da3", geometry=["geometry", 0])
    assert not kept["valid"][0, :10].any() and kept["valid"][0, 10:].all()
    torch.testing.assert_close(kept["K"][0, 0, 0], torch.tensor(0.5))  # 90 degrees


def test_depth_anything_with_several_views_brings_its_cameras(server):
    inputs = dict(source__da3_geometry=["packet", 0], source__field_of_view=90.0, source__farthest=0)
    prompt = {
        "packet": call("MirageTest_Da3", multiview=True),
        "geometry": call("Mirage_SceneGeometry", source="Depth Anything 3", **inputs),
    }
    kept = run_and_keep(server, prompt, "da3_views", geometry=["geometry", 0])
    torch.testing.assert_close(kept["cam2world"][1, :3, 3], torch.tensor([0.5, 0.0, 0.0]))
    torch.testing.assert_close(kept["K"][:, 0, 0], torch.tensor([20 / 28, 20 / 28]))
    torch.testing.assert_close(kept["K"][:, 1, 1], torch.tensor([1.0, 1.0]))


def test_a_depth_picture_becomes_depth(server):
    settings = dict(source__field_of_view=60.0, source__near=2.0, source__far=8.0)
    prompt = {
        "picture": call("EmptyImage", width=32, height=16, batch_size=1, color=0xFFFFFF),
        "geometry": call(
            "Mirage_SceneGeometry", source="inverse depth picture", source__depth=["picture", 0], **settings
        ),
    }
    kept = run_and_keep(server, prompt, "picture", geometry=["geometry", 0])
    torch.testing.assert_close(kept["depth"], torch.full((1, 16, 32), 2.0))


@pytest.mark.parametrize("patch", ["8", "16"])
def test_the_codec_works_in_the_hosts_own_encode_and_decode_tiled_or_not(server, patch):
    prompt = {
        **remember(patch),
        "decode": call("VAEDecode", samples=["encode", 0], vae=["vae", 0]),
        "tiles": call(
            "VAEEncodeTiled",
            pixels=["scene", 0],
            vae=["vae", 0],
            tile_size=256,
            overlap=64,
            temporal_size=64,
            temporal_overlap=8,
        ),
        "untile": call(
            "VAEDecodeTiled",
            samples=["tiles", 0],
            vae=["vae", 0],
            tile_size=256,
            overlap=64,
            temporal_size=64,
            temporal_overlap=8,
        ),
    }
    whole = run_and_keep(server, prompt, "whole", image=["decode", 0], latent=["encode", 0])
    tiled = run_and_keep(server, prompt, "tiled", image=["untile", 0], latent=["tiles", 0])
    photo = run_and_keep(server, prompt, "scene", image=["scene", 0])["image"]
    assert whole["samples"].shape == (1, 48, 1, HEIGHT // int(patch), WIDTH // int(patch))
    torch.testing.assert_close(tiled["samples"], whole["samples"], atol=1e-4, rtol=0)
    torch.testing.assert_close(tiled["image"], whole["image"], atol=1e-4, rtol=0)
    assert whole["image"].shape == photo.shape
    assert (whole["image"] - photo).square().mean() < 0.02


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(warp=dict(width=530)), "width, height: must be multiples of 8"),
        (dict(memory=dict(points=None)), "connect points or a memory; nothing is connected"),
        (dict(lift=dict(vae=["other", 0])), r"latent: .*VAE|depth must have the size of the picture"),
        (dict(lift=dict(geometry=["flat", 0])), "depth must have the size of the picture that was encoded"),
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


@pytest.mark.parametrize("format", ["mirage", "realestate10k", "nerfstudio", "colmap", "published"])
def test_a_saved_path_is_loaded_and_walked_like_the_path_itself(server, format):
    prompt = {**remember(), "path": path(["lift", 1], frames=9)}
    prompt["save"] = call(
        "Mirage_SaveCameraPath",
        cameras=["path", 0],
        format=format,
        width=WIDTH,
        height=HEIGHT,
        filename_prefix=f"cameras/{format}",
    )
    (line,) = server.run(prompt)["outputs"]["save"]["text"]
    prompt["load"] = call("Mirage_LoadCameraPath", file=line.split(":")[0], format="auto", frames=0, scale=1)
    del prompt["save"]
    kept = [
        run_and_keep(server, prompt, f"{name}_{format}", cameras=[name, 0])["cam2world"] for name in ("path", "load")
    ]
    torch.testing.assert_close(*kept, atol=1e-5, rtol=0)


def test_a_loaded_path_begins_at_the_picture_and_has_the_length_asked_for(server):
    shutil.copy(Path(__file__).parents[1] / "data/trajectories/realestate10k.txt", server.base / "input" / "house.txt")
    prompt = remember()
    prompt["load"] = call(
        "Mirage_LoadCameraPath",
        file="house.txt",
        format="auto",
        frames=9,
        scale=0.5,
        geometry=["lift", 1],
        lens="of the picture",
    )
    cam2world = run_and_keep(server, prompt, "house", cameras=["load", 0])["cam2world"]
    assert len(cam2world) == 9
    torch.testing.assert_close(cam2world[0], torch.eye(4), atol=1e-5, rtol=0)
    read = read_cameras(server.base / "input" / "house.txt").cameras
    way = (read.centers[-1] - read.centers[0]).norm()
    torch.testing.assert_close(cam2world[-1, :3, 3].norm(), 0.5 * way, rtol=1e-4, atol=0)


def test_a_camera_file_that_is_none_is_refused_in_words(server):
    (server.base / "input" / "notes.txt").write_text("buy milk\n")
    prompt = {"load": call("Mirage_LoadCameraPath", file="notes.txt", format="auto", frames=0, scale=1)}
    prompt["show"] = call("PreviewAny", source=["load", 1])
    with pytest.raises(ComfyError, match=r"notes\.txt must be of a known format"):
        server.run(prompt)


def test_a_walk_is_previewed_before_it_is_made(server):
    prompt = {**remember(patch="16"), "path": path(["lift", 1], 9, "dolly", amount=1.5)}
    prompt["look"] = call(
        "Mirage_PreviewWalk", memory=["memory", 0], cameras=["path", 0], width=WIDTH, height=HEIGHT, vae=["vae", 0]
    )
    picture, frames = (run_and_keep(server, prompt, f"preview_{n}", image=["look", n])["image"] for n in (0, 1))
    assert picture.shape[-1] == 3 and frames.shape == (9, HEIGHT, WIDTH, 3)
    assert bool(picture.isfinite().all()) and float(frames.std()) > 0.05
    (report,) = server.run(prompt)["outputs"]["look"]["text"]
    assert "known along 3 latent frames" in report and "Careful" in report  # it walks through the far wall


def test_a_memory_is_shown_as_a_picture(server):
    prompt = {**remember(), "info": info(["memory", 0])}
    shown = run_and_keep(server, prompt, "info", image=["info", 4])["image"]
    assert shown.shape[0] == 1 and shown.shape[-1] == 3 and float(shown.std()) > 0.02
