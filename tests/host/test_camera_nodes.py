"""Camera paths in a real ComfyUI server: made, joined, cut, saved, loaded and looked at."""

import shutil

import pytest
import torch
from comfy_server import ComfyError
from prompts import HEIGHT, ROOT, WIDTH, call, path, remember, run_and_keep

from mirage_core.camera_files import read_cameras


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
    with pytest.raises(ComfyError, match="first, count: must lie within the path of 17 video frames; got 9 and 9"):
        run_and_keep(server, prompt, "never", cameras=["b", 0])


@pytest.mark.parametrize(
    "format", ["mirage", "realestate10k", "nerfstudio", "colmap", "published", "open3d", "open3d log", "tum", "lyra"]
)
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
    shutil.copy(ROOT / "tests/data/trajectories/realestate10k.txt", server.base / "input" / "house.txt")
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
    with pytest.raises(ComfyError, match=r"notes\.txt: must be of a known format"):
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
