"""Files in the nodes: a path on one's own picture, what is read again, masks, and the lists that the page asks for."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from comfy_server import ComfyError
from PIL import Image
from prompts import HEIGHT, ROOT, WIDTH, call, info, path, remember, run_and_keep, warp
from safetensors.torch import load_file


def test_by_default_frame_0_of_a_loaded_path_is_the_picture(server):
    """Its view and its lens: what is known at video frame 0 is what the memory was lifted from."""
    shutil.copy(ROOT / "tests/data/trajectories/realestate10k.txt", server.base / "input" / "lens.txt")
    shown = {}
    for lens in (None, "of the picture", "of the file"):
        prompt = remember()
        inputs = {"file": "lens.txt", "format": "auto", "frames": 5, "scale": 0.5, "geometry": ["lift", 1]}
        prompt["load"] = call("Mirage_LoadCameraPath", **inputs, **({"lens": lens} if lens else {}))
        prompt["warp"] = warp(["memory", 0], ["load", 0])
        prompt["text"] = call("PreviewAny", source=["load", 1])
        prompt["keep"] = call("MirageTest_Keep", name="lens", cameras=["load", 0], mask=["warp", 1])
        outputs = server.run(prompt)["outputs"]
        kept = load_file(server.base / "output" / "lens.safetensors")
        shown[lens] = (outputs["text"]["text"][0], outputs["load"]["text"][0], kept["K"], kept["mask"][0])
    prompt = {**remember(), "path": path(["lift", 1], frames=1), "warp": warp(["memory", 0], ["path", 0])}
    picture = run_and_keep(server, prompt, "picture", cameras=["path", 0], mask=["warp", 1])
    assert shown[None][0] == shown["of the picture"][0]
    for report, on_the_node, K, known in (shown[None], shown["of the picture"]):
        torch.testing.assert_close(K[0], picture["K"][0])
        assert report == on_the_node and "video frame 0 is the picture, with its lens of" in report
        assert torch.equal(known, picture["mask"][0])
    report, _, K, known = shown["of the file"]
    assert (K[0] - picture["K"][0]).abs().max() > 0.05 and not torch.equal(known, picture["mask"][0])
    assert "Careful: video frame 0 is not the picture: the file's lens sees" in report
    assert "Set lens to of the picture" in report


def test_a_path_that_is_not_moved_to_a_picture_says_so(server):
    shutil.copy(ROOT / "tests/data/trajectories/realestate10k.txt", server.base / "input" / "far.txt")
    prompt = {"load": call("Mirage_LoadCameraPath", file="far.txt", format="auto", frames=0, scale=1)}
    prompt["text"] = call("PreviewAny", source=["load", 1])
    assert "Not moved to a picture" in server.run(prompt)["outputs"]["text"]["text"][0]


def test_a_changed_part_of_a_colmap_model_is_read_again(server):
    folder = server.base / "input" / "model"
    shutil.copytree(ROOT / "tests/data/trajectories/colmap_text", folder)
    prompt = {"load": call("Mirage_LoadCameraPath", file="model/images.txt", format="auto", frames=0, scale=1)}
    before = run_and_keep(server, prompt, "model", cameras=["load", 0])["K"]
    cameras = folder / "cameras.txt"
    lines = [line.split() for line in cameras.read_text().splitlines() if not line.startswith("#")]
    cameras.write_text("\n".join(" ".join([*words[:4], str(2 * float(words[4])), *words[5:]]) for words in lines))
    after = run_and_keep(server, prompt, "model", cameras=["load", 0])["K"]
    torch.testing.assert_close(after[:, 0, 0], 2 * before[:, 0, 0])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("record3d.r3d", "its depth pictures are not read"),
        ("open3d.log", "Open3D / Redwood .log: 4 frames"),
        ("lyra.npz", "Lyra / GEN3C .npz: 4 frames"),
        ("spatia/w2c.txt", "K of intrinsics.txt"),
    ],
)
def test_camera_files_of_other_tools_are_offered_and_read(server, file, said):
    shutil.copytree(ROOT / "tests/data/camera_formats", server.base / "input" / "formats", dirs_exist_ok=True)
    node = server.object_info()["Mirage_LoadCameraPath"]
    assert f"formats/{file}" in node["input"]["required"]["file"][1]["options"]
    prompt = {"load": call("Mirage_LoadCameraPath", file=f"formats/{file}", format="auto", frames=0, scale=1)}
    prompt["text"] = call("PreviewAny", source=["load", 1])
    assert said in server.run(prompt)["outputs"]["text"]["text"][0]


@pytest.mark.parametrize("alpha", [False, True])
def test_the_mask_of_a_picture_without_alpha_excludes_nothing(server, alpha):
    """ComfyUI's Load Image gives 64 x 64 zeros for it; with an alpha channel the mask has the picture's size."""
    picture = np.full((HEIGHT, WIDTH, 4 if alpha else 3), 128, dtype=np.uint8)
    if alpha:
        picture[..., 3] = 255
        picture[: HEIGHT // 2, :, 3] = 0  # clear above: white in the mask
    Image.fromarray(picture).save(server.base / "input" / "mask.png")
    prompt = remember()
    prompt["picture"] = call("LoadImage", image="mask.png")
    whole = points_of(server, prompt)
    prompt["lift"]["inputs"]["exclude"] = ["picture", 1]
    left = points_of(server, prompt)
    assert left < 0.7 * whole if alpha else left == whole


def points_of(server, prompt) -> int:
    made = server.run({**prompt, "info": info(["memory", 0])})["outputs"]["info"]["mirage_memory"]
    return made[0]["points"]


@pytest.mark.parametrize(("width", "height", "value"), [(64, 64, 1.0), (65, 64, 0.0), (128, 64, 0.0)])
def test_a_mask_of_another_size_is_still_refused(server, width, height, value):
    prompt = remember()
    prompt["mask"] = call("SolidMask", value=value, width=width, height=height)
    prompt["lift"]["inputs"]["exclude"] = ["mask", 0]
    with pytest.raises(ComfyError, match=f"exclude: must have the size of the depth.*got {width} x {height}"):
        points_of(server, prompt)


def test_the_page_is_told_of_files_without_walking_through_them_again(comfy, monkeypatch):
    """60,000 pictures in the output folder: `/object_info` asks both loaders, again and again."""
    import folder_paths

    output = Path(folder_paths.get_output_directory())
    for n in range(40):
        (output / f"many_{n}").mkdir(parents=True)
        (output / f"many_{n}" / "memory_2.safetensors").write_bytes(b"")
        (output / f"many_{n}" / "path.json").write_bytes(b"{}")
    then = time.time() - 60
    for folder, _, _ in os.walk(output.parent):
        os.utime(folder, (then, then))
    loaders = [comfy.NODE_CLASS_MAPPINGS[f"Mirage_{name}"] for name in ("LoadLatentMemory", "LoadCameraPath")]
    offered = [loader.GET_NODE_INFO_V1()["input"]["required"]["file"][1]["options"] for loader in loaders]
    assert "many_39/memory_2.safetensors [output]" in offered[0] and "many_3/path.json [output]" in offered[1]
    read, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path=".": read.append(path) or scandir(path))
    for loader, options in zip(loaders, offered, strict=True):
        assert loader.GET_NODE_INFO_V1()["input"]["required"]["file"][1]["options"] == options
    assert read == []
