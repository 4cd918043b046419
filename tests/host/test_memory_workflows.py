"""The workflows that need weights, run in a real ComfyUI server with small random ones in their places."""

import json
import re
from pathlib import Path

import pytest
from contact_sheet import read_frames
from PIL import Image
from workflow_to_prompt import workflow_to_prompt

ROOT = Path(__file__).parent.parent.parent
WIDTH, HEIGHT, FRAMES, STEPS = 160, 96, 9, 2
WORKFLOWS = {
    "wan22_5b_memory": "per-token",
    "wan21_vace_memory": "vace",
    "wan22_i2v_memory": "concat",
    "wan22_fun_inp_memory": "concat",
    "wan22_fun_camera_memory": "concat",
    "wan22_vace_fun_memory": "vace",
    "mirage_branch": "branch",
}
FILES = {
    "wan2.2_ti2v_5B_fp16.safetensors": "wan22_ti2v.safetensors",
    "wan2.1_vace_1.3B_fp16.safetensors": "wan21_vace.safetensors",
    "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors": "wan22_i2v_high.safetensors",
    "wan2.2_i2v_low_noise_14B_fp8_scaled.safetensors": "wan22_i2v_low.safetensors",
    "wan2.2_fun_inpaint_high_noise_14B_fp8_scaled.safetensors": "wan22_i2v_high.safetensors",  # one architecture
    "wan2.2_fun_inpaint_low_noise_14B_fp8_scaled.safetensors": "wan22_i2v_low.safetensors",
    "wan2.2_fun_camera_high_noise_14B_fp8_scaled.safetensors": "wan22_fun_camera_high.safetensors",
    "wan2.2_fun_camera_low_noise_14B_fp8_scaled.safetensors": "wan22_fun_camera_low.safetensors",
    "wan2.2_fun_vace_high_noise_14B_fp8_scaled.safetensors": "wan22_fun_vace_high.safetensors",
    "wan2.2_fun_vace_low_noise_14B_fp8_scaled.safetensors": "wan22_fun_vace_low.safetensors",
    "wan2.2_i2v_lightx2v_4steps_lora_v1_high_noise.safetensors": "wan_lora.safetensors",
    "wan2.2_i2v_lightx2v_4steps_lora_v1_low_noise.safetensors": "wan_lora.safetensors",
    "wan2.2_t2v_lightx2v_4steps_lora_v1.1_high_noise.safetensors": "wan_lora.safetensors",
    "wan2.2_t2v_lightx2v_4steps_lora_v1.1_low_noise.safetensors": "wan_lora.safetensors",
    "wan2.2_vae.safetensors": "taew22.safetensors",
    "wan_2.1_vae.safetensors": "wan21_vae.safetensors",
    "mirage_branch.safetensors": "branch.safetensors",
    "mirage_lora.safetensors": "branch_lora.safetensors",
}
SMALLER = {"steps": STEPS, "width": WIDTH, "height": HEIGHT, "chunk_frames": FRAMES, "count": FRAMES}
HALF = {2: STEPS // 2}  # start_at_step, end_at_step: where the second sampler takes over
LATER = {32: 8, 65: 9, 97: 13}  # frames of a path of 17 instead of 65 or 129
WALKS = {"scene_walk": 17, "scene_walk_prompts": 17, "walk_by_hand": 17}
WITH_SOUND = ("ltx23_memory", "minimax_h3_memory", "ltx23_walk", "minimax_h3_walk")  # run by test_sound_workflows
SAM3 = ("sam3_model", "sam3_text")  # no small checkpoint of it can be made: left out


def substituted(prompt, frames=FRAMES):
    """The prompt with small files and sizes; text encoder and geometry model are replaced by what they would make."""
    left = {}
    for number, node in prompt.items():
        kind, inputs = node["class_type"], node["inputs"]
        if kind in ("CLIPLoader", "CheckpointLoaderSimple"):
            continue
        if kind == "CLIPTextEncode":
            node = {"class_type": "MirageTest_Text", "inputs": {"text": inputs["text"]}}
        elif kind == "LoadMoGeModel":
            node = {"class_type": "MirageTest_MogeModel", "inputs": {}}
        else:
            changed = {name: FILES.get(value, value) for name, value in inputs.items() if isinstance(value, str)}
            changed |= {name: value for name, value in SMALLER.items() if name in inputs}
            changed |= {name: HALF.get(inputs[name], inputs[name]) for name in inputs if name.endswith("_at_step")}
            changed |= {
                name: LATER.get(inputs[name], inputs[name]) for name in ("first", "from_frame") if name in inputs
            }
            if kind == "Mirage_CameraPath":
                changed["frames"] = frames
            if kind == "LatentCut":
                changed |= {name: 2 if inputs[name] == 8 else inputs[name] for name in ("index", "amount")}
            kept = {name: value for name, value in {**inputs, **changed}.items() if name not in SAM3}
            node = {**node, "inputs": kept}
        left[number] = node
    return left


@pytest.mark.parametrize("name, count", WALKS.items())
def test_the_walk_runs_through_two_chunks(server_models, name, count):
    Image.effect_noise((300, 200), 60).convert("RGB").save(server_models.base / "input" / "example.png")
    workflow = json.loads((ROOT / "workflows" / f"{name}.json").read_text())
    prompt = substituted(workflow_to_prompt(workflow, server_models.object_info()), count)
    outputs = server_models.run(prompt)["outputs"].values()
    (video,) = (out["images"][0] for out in outputs if out.get("animated") == [True])
    frames, _ = read_frames(server_models.base / "output" / video["subfolder"] / video["filename"])
    assert len(frames) == count and frames[0].size == (WIDTH, HEIGHT)
    if name == "walk_by_hand":
        modes = [out["mirage_conditioning"][0] for out in outputs if "mirage_conditioning" in out]
        assert [one["mode"] for one in modes] == ["per-token", "per-token"]
        (report,) = (out["text"][0] for out in outputs if "text" in out)
        assert report.count("scale") == FRAMES
        return
    (summary,) = (out["mirage_walk"][0] for out in outputs if "mirage_walk" in out)
    assert [chunk["frames"] for chunk in summary["chunks"]] == [[0, 8], [9, 16]]
    assert all(not view["refused"] for chunk in summary["chunks"] for view in chunk["views"])
    closures = [out["mirage_closure"] for out in outputs if "mirage_closure" in out]
    assert len(closures) == 1 and (len(closures[0]) > 0) == (name == "scene_walk")  # it comes back


@pytest.mark.parametrize("name, mode", WORKFLOWS.items())
def test_the_workflow_makes_a_video_with_the_memory(server_models, name, mode):
    Image.effect_noise((300, 200), 60).convert("RGB").save(server_models.base / "input" / "example.png")
    workflow = json.loads((ROOT / "workflows" / f"{name}.json").read_text())
    prompt = substituted(workflow_to_prompt(workflow, server_models.object_info()))
    kinds = {node["class_type"] for node in prompt.values()}
    assert kinds & {"Mirage_MemorySampler", "Mirage_ApplyMemory"} and not kinds & {"CLIPLoader", "LoadMoGeModel"}
    outputs = server_models.run(prompt)["outputs"].values()
    assert "lora key not loaded" not in server_models.log
    (conditioning,) = (out["mirage_conditioning"][0] for out in outputs if "mirage_conditioning" in out)
    assert conditioning["mode"] == mode
    shares = conditioning["known"]  # walking forward, the hole of the depth leaves the picture
    assert len(shares) == 3 and 0.5 < shares[0] < 1.0 and shares[0] <= shares[1] and shares[0] == shares[2]
    (video,) = (out["images"][0] for out in outputs if out.get("animated") == [True])
    frames, _ = read_frames(server_models.base / "output" / video["subfolder"] / video["filename"])
    assert len(frames) == FRAMES and frames[0].size == (WIDTH, HEIGHT)
    (known,) = (out["images"] for out in outputs if "images" in out and "animated" not in out)
    assert len(known) == 3


@pytest.mark.parametrize("name", [*WORKFLOWS, *WALKS, *WITH_SOUND, "walk_with_moge", "retake"])
def test_the_note_names_every_file_its_folder_where_it_is_published_and_its_licence(name):
    workflow = json.loads((ROOT / "workflows" / f"{name}.json").read_text())
    (note,) = (node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    files = {
        value: node
        for node in workflow["nodes"]
        for value in node.get("widgets_values") or []
        if str(value).endswith(".safetensors")
    }
    assert len(files) >= 2
    for file, node in files.items():
        (line,) = (line for line in note.splitlines() if f"**{file}**" in line)
        assert "models/" in line
        if node["type"].startswith("Mirage_"):
            assert "yours" in line
            continue
        (model,) = (
            one for one in node["properties"]["models"] if one["name"] == file
        )  # what the browser offers to download
        assert f"models/{model['directory']}" in line
        assert model["url"].split("/resolve/")[0] in line and model["url"].endswith(file)
        assert re.search(r"\), .*(Apache-2\.0|MIT|Licen[sc]e|Terms of Use)$", line)
