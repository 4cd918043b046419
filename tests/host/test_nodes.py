"""What the server knows of the nodes, the workflows that use them, and the first one from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from contact_sheet import read_frames
from prompts import HEIGHT, ROOT, WIDTH, call
from safetensors.torch import load_file
from workflow_to_prompt import workflow_to_prompt

NODES = {
    "Mirage_SampleScene": "Sample Scene",
    "Mirage_PatchCodec": "Patch Codec (no weights)",
    "Mirage_LoadCodec": "Load Patch Codec",
    "Mirage_SceneGeometry": "Scene Geometry",
    "Mirage_LiftLatents": "Lift Latents to 3D",
    "Mirage_SamplePanorama": "Sample Panorama",
    "Mirage_PanoramaToViews": "Panorama to Views",
    "Mirage_LatentMemoryCache": "Latent Memory Cache",
    "Mirage_ViewsToMemory": "Views to Memory",
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
    "Mirage_LoadWalkFrames": "Load Walk Frames",
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
    "Mirage_PreviewMemory": "Preview Memory",
    "Mirage_MemoryBrush": "Memory Brush",
    "Mirage_CropMemory": "Crop Memory",
    "Mirage_MergeMemories": "Merge Memories",
    "Mirage_MemoryInfo": "Memory Info",
    "Mirage_MemoryToPointCloud": "Memory to Point Cloud",
    "Mirage_SaveLatentMemory": "Save Latent Memory",
    "Mirage_LoadLatentMemory": "Load Latent Memory",
}


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
