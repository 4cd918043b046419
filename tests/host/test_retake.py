"""The workflow that takes a clip again from another path, in a real ComfyUI server with small random weights."""

import json

import pytest
from contact_sheet import read_frames
from prompts import ROOT
from test_memory_workflows import FRAMES, HEIGHT, WIDTH, substituted
from videos import Videos, pictures
from workflow_to_prompt import workflow_to_prompt

STANDS_FOR = {"LoadDA3Model": "MirageTest_Da3Model", "DA3Inference": "MirageTest_Da3OfClip"}
SAMPLED = 6  # video frames, of the clip's


@pytest.fixture
def clip(comfy, server_models):
    """A clip of 18 video frames in the input folder."""
    made = Videos(comfy).grown(server_models.base / "input" / "clip.mp4", pictures(18, size=(HEIGHT * 2, WIDTH)))
    made.finished()
    return made.path


def test_a_clip_comes_back_from_another_path(server_models, clip):
    workflow = json.loads((ROOT / "workflows" / "retake.json").read_text())
    prompt = substituted(workflow_to_prompt(workflow, server_models.object_info()))
    for node in prompt.values():
        kind, inputs = node["class_type"], node["inputs"]
        node["class_type"] = STANDS_FOR.get(kind, kind)
        if kind == "DA3Inference":
            assert inputs["mode"] == "multiview"
            node["inputs"] = {name: inputs[name] for name in ("da3_model", "image")}
        if kind == "VideoFrameSample":
            inputs["num_frames"] = SAMPLED
    outputs = server_models.run(prompt)["outputs"].values()
    (report,) = {out["text"][0] for out in outputs if "text" in out and " written; the memory" in out["text"][0]}
    assert f"{SAMPLED} of {SAMPLED} written" in report and "picture 5: depth as it is" in report
    (conditioning,) = (out["mirage_conditioning"][0] for out in outputs if "mirage_conditioning" in out)
    assert conditioning["mode"] == "vace"
    shares = conditioning["known"]
    assert len(shares) == 3 and shares[0] == 1.0 and 0.5 < shares[2] < 1.0  # it begins where the clip does
    (video,) = (out["images"][0] for out in outputs if out.get("animated") == [True])
    frames, _ = read_frames(server_models.base / "output" / video["subfolder"] / video["filename"])
    assert len(frames) == FRAMES and frames[0].size == (WIDTH, HEIGHT)
