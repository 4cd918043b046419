"""The workflows that make sound with the video, run in a real ComfyUI server with small random weights."""

import json
from pathlib import Path

import av
import pytest
from contact_sheet import read_frames
from PIL import Image
from workflow_to_prompt import workflow_to_prompt

ROOT = Path(__file__).parent.parent.parent
FILES = {
    "ltx-2.3-22b-distilled-fp8.safetensors": "ltx_av.safetensors",
    "ltx-2.3-spatial-upscaler-x2-1.1.safetensors": "ltx_upscaler.safetensors",
    "minimax_h3_fl2va_pruned_int8_convrot.safetensors": "minimax_h3.safetensors",
    "minimax_h3_fl2v_turbo_8step_v1.0_comfyui_bf16.safetensors": "h3_lora.safetensors",
    "minimax_h3_video_vae_fp16.safetensors": "h3_video_vae.safetensors",
    "minimax_h3_audio_vae_fp32.safetensors": "h3_audio_vae.safetensors",
}
STANDS_FOR = {  # what cannot be small
    "LoadMoGeModel": "MirageTest_MogeModel",
    "CLIPLoader": "MirageTest_Clip",
    "LTXAVTextEncoderLoader": "MirageTest_Clip",
}
LTX_SIZES = {1280: 384, 704: 256, 640: 192, 352: 128, 121: 17}  # as in the file -> as they are run
H3_SIZES = {864: 160, 480: 96, 124: 22}
WALKS = {  # sizes; the video frames of each chunk, and a second
    "ltx23_walk": ({960: 192, 544: 128, 241: 33, 121: 17}, [[0, 16], [17, 32]], 25),
    "minimax_h3_walk": ({**H3_SIZES, 243: 39}, [[0, 21], [22, 38]], 24),
}


def run(server, name, sizes, **of_walk):
    """What the nodes of a workflow show, once it has run with small files and sizes; ``of_walk``: of Scene Walk."""
    Image.radial_gradient("L").resize((300, 200)).convert("RGB").save(server.base / "input" / "example.png")
    workflow = json.loads((ROOT / "workflows" / f"{name}.json").read_text())
    prompt = workflow_to_prompt(workflow, server.object_info())
    for number, node in prompt.items():
        kind = node["class_type"]
        inputs = {} if kind in STANDS_FOR else node["inputs"]
        inputs = {
            key: value if isinstance(value, list) else FILES.get(value, sizes.get(value, value))
            for key, value in inputs.items()
        }
        if kind == "Mirage_SceneWalk":
            inputs |= of_walk
        if str(inputs.get("vae_name")).startswith("h3_"):
            kind = "MirageTest_SmallH3Vae"
        prompt[number] = {"class_type": STANDS_FOR.get(kind, kind), "inputs": inputs}
    outputs = server.run(prompt)["outputs"].values()
    assert "lora key not loaded" not in server.log
    return outputs


def told(outputs):
    """Where the walk is saved and what was there, in the words of its report."""
    (report,) = (out["text"][0] for out in outputs if "mirage_walk" in out)
    starts = ("saved in", "chunks taken from there, made before:")
    lines = [(start, line) for line in report.splitlines() for start in starts if line.startswith(start)]
    return {start: line.removeprefix(start).strip() for start, line in lines}


def film(server, outputs):
    """Video frames, and seconds of sound."""
    (video,) = (out["images"][0] for out in outputs if out.get("animated") == [True])
    file = server.base / "output" / video["subfolder"] / video["filename"]
    with av.open(str(file)) as container:
        (sound,) = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(sound))
        return read_frames(file)[0], samples / sound.rate


def test_ltx_makes_a_video_with_sound_in_two_stages_with_the_memory_in_both(server_models):
    outputs = run(server_models, "ltx23_memory", LTX_SIZES)
    stages = [out["mirage_conditioning"][0] for out in outputs if "mirage_conditioning" in out]
    assert [stage["mode"] for stage in stages] == ["per-token", "per-token"]
    # all but the uppermost row of tokens, 4 and 8 of them high; walking forward, it leaves the picture
    assert sorted(stage["known"][0] for stage in stages) == [3 / 4, 7 / 8]
    for first, middle, last in (stage["known"] for stage in stages):
        assert first == last <= middle
    frames, seconds = film(server_models, outputs)
    assert len(frames) == 17 and frames[0].size == (384, 256)
    assert seconds == pytest.approx(17 / 25, abs=0.05)


def test_minimax_h3_makes_a_video_with_sound_with_the_memory(server_models):
    outputs = run(server_models, "minimax_h3_memory", H3_SIZES)
    (conditioning,) = (out["mirage_conditioning"][0] for out in outputs if "mirage_conditioning" in out)
    assert conditioning["mode"] == "blend"
    shares = conditioning["known"]
    assert len(shares) == 7 and shares[0] == pytest.approx(5 / 6, abs=1e-4) and all(0.5 < one <= 1.0 for one in shares)
    frames, seconds = film(server_models, outputs)
    assert len(frames) == 22 and frames[0].size == (160, 96)
    assert seconds == pytest.approx(22 / 24, abs=0.05)


@pytest.mark.parametrize("name", WALKS)
def test_a_walk_with_sound_runs_through_two_chunks_comes_back_and_goes_on_where_it_was(server_models, name):
    sizes, chunks, fps = WALKS[name]
    outputs = run(server_models, name, sizes)
    (summary,) = (out["mirage_walk"][0] for out in outputs if "mirage_walk" in out)
    assert [chunk["frames"] for chunk in summary["chunks"]] == chunks
    assert all(not view["refused"] for chunk in summary["chunks"] for view in chunk["views"])
    (closure,) = (out["mirage_closure"] for out in outputs if "mirage_closure" in out)
    assert closure
    count = chunks[-1][1] + 1
    frames, seconds = film(server_models, outputs)
    assert len(frames) == count and seconds == pytest.approx(count / fps, abs=0.05)
    first = told(outputs)
    again = run(server_models, name, sizes, keep_from=first["saved in"], keep_chunks=1)
    assert told(again)["chunks taken from there, made before:"] == "1 of 2"


def test_the_schedule_of_the_walk_is_the_one_that_the_distilled_checkpoint_is_sampled_with(comfy):
    from comfy.samplers import calculate_sigmas

    nodes = json.loads((ROOT / "workflows" / "ltx23_memory.json").read_text())["nodes"]
    texts = [node["widgets_values"][0] for node in nodes if node["type"] == "ManualSigmas"]
    (first,) = ([float(sigma) for sigma in text.split(",")] for text in texts if text.count(",") == 8)
    model, *_ = comfy.CheckpointLoaderSimple().load_checkpoint("ltx_av.safetensors")
    own = calculate_sigmas(model.get_model_object("model_sampling"), "linear_quadratic", 8)
    assert own.tolist() == pytest.approx(first, abs=1e-6)
