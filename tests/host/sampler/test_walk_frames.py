"""Load Walk Frames: any video frames of a saved walk, from its video or its latents."""

from pathlib import Path

import pytest
import torch
from videos import Videos, assert_shows, pictures

FRAMES = 25  # video frames of the walk: chunks of 9, 8 and 8; 3, 2 and 2 latent frames
RANGES = [(0, 0), (0, 24), (8, 9), (13, 18), (24, 24), (17, -1)]


@pytest.fixture(scope="module")
def videos(comfy):
    return Videos(comfy)


@pytest.fixture(scope="module")
def load(comfy):
    node = comfy.NODE_CLASS_MAPPINGS["Mirage_LoadWalkFrames"]
    return lambda folder, first, last, vae=None: node.execute(str(folder), first, last, vae).result


@pytest.fixture
def saved(walked, long, extras):
    """A walk that was saved: its folder, its video frames, and its VAE."""

    def run(mode):
        here = long(mode, frames=FRAMES)
        made = walked(mode, here, save_as=f"loaded/{mode}").result
        folder = Path(made[4].splitlines()[0].removeprefix("saved in "))
        return folder, made[1], extras["branch" if here.splat.shape[1] == 48 else "vace"]["vae"]

    return run


@pytest.fixture
def folder(videos, tmp_path_factory):
    """A folder below the output folder that holds a video alone, and its pictures."""
    import folder_paths

    folder = tmp_path_factory.mktemp("walk", numbered=True)
    target = Path(folder_paths.get_output_directory()) / "videos" / folder.name
    target.mkdir(parents=True)
    shown = pictures(18)
    videos.grown(target / "walk.mp4", shown)
    return target, shown


@pytest.mark.parametrize("mode", ["blend", "per-token"])
def test_latents_are_decoded_to_the_frames_of_the_walk(load, saved, mode):
    """Wan 2.1 with its own VAE, exactly; Wan 2.2 with the small one, as near as its context lets it be."""
    folder, frames, vae = saved(mode)
    for first, last in RANGES:
        loaded, report = load(folder, first, last, vae)
        last = FRAMES - 1 if last == -1 else last
        assert loaded.shape == (last + 1 - first, *frames.shape[1:])
        torch.testing.assert_close(loaded, frames[first : last + 1], rtol=0, atol=1e-4)
        assert report == f"video frames {first} to {last} of 25, decoded from latents"


def test_only_the_latents_that_are_needed_are_read(load, saved, videos, monkeypatch):
    folder, _, vae = saved("blend")
    files, latents = videos.module("mirage_core.latent_frames").SavedLatents, []
    read = files.__getitem__
    monkeypatch.setattr(files, "__getitem__", lambda self, rows: latents.append(read(self, rows)) or latents[-1])
    load(folder, 0, 0, vae)
    assert 0 < sum(map(len, latents)) < 7


@pytest.mark.parametrize(("first", "last"), [(0, 17), (9, 9), (4, 12), (17, -1)])
def test_the_video_gives_what_was_encoded(load, folder, first, last):
    walk, shown = folder
    loaded, report = load(walk, first, last)
    last = 17 if last == -1 else last
    assert_shows(loaded, shown[first : last + 1])
    assert report == f"video frames {first} to {last} of 18, from the video"


def test_a_folder_may_be_named_from_the_output_folder_on(load, folder):
    walk, shown = folder
    assert_shows(load(f"videos/{walk.name}", 0, -1)[0], shown)


def test_what_has_grown_is_loaded_again(comfy, folder, videos):
    node, (walk, shown) = comfy.NODE_CLASS_MAPPINGS["Mirage_LoadWalkFrames"], folder
    given = {"folder": str(walk), "first_frame": 0, "last_frame": -1}
    before = node.fingerprint_inputs(**given)
    assert node.fingerprint_inputs(**given) == before
    videos.begun(walk / "walk.mp4", source=walk / "walk.mp4", frames=18).append(shown[:3])
    assert node.fingerprint_inputs(**given) != before
    assert len(node.execute(**given).result[0]) == 21


@pytest.mark.parametrize(("first", "last"), [(0, 18), (18, -1), (5, 4), (30, 40)])
def test_video_frames_that_the_walk_lacks_are_refused(load, folder, videos, first, last):
    said = 17 if last == -1 else last
    with pytest.raises(videos.error, match=f"must be in order, .*video frames 0 to 17; got {first} to {said}"):
        load(folder[0], first, last)


def test_more_than_fits_into_memory_is_refused_before_it_is_read(load, folder, videos, monkeypatch):
    import comfy.model_management

    one = 48 * 80 * 3 * 4
    monkeypatch.setattr(comfy.model_management, "get_free_memory", lambda device: 7 * one)
    assert len(load(folder[0], 2, 8)[0]) == 7
    (folder[0] / "walk.mp4").open("r+b").write(bytes(0))
    monkeypatch.setattr(videos.file.VideoFile, "pictures", None)  # would fail
    with pytest.raises(videos.error, match=r"8 of 80 x 48 pixels take 360 KiB, and 315 KiB are free. Load at most 7"):
        load(folder[0], 2, 9)


def test_a_folder_without_a_walk_is_refused(load, folder, videos, extras):
    walk, _ = folder
    with pytest.raises(videos.error, match=r"folder: must hold the chunks of a walk; there is no chunk_0000"):
        load(walk, 0, -1, extras["vace"]["vae"])
    (walk / "walk.mp4").unlink()
    with pytest.raises(videos.error, match=r"folder: must hold the video of a walk, walk\.mp4; .*Connect"):
        load(walk, 0, -1)
    for outside in ("", "../..", "/"):
        with pytest.raises(videos.error, match="folder: must name a folder inside the output folder"):
            load(outside, 0, -1)


def test_another_vae_is_refused(load, saved, videos, extras):
    folder, _, _ = saved("blend")
    with pytest.raises(videos.error, match=r"vae: must make the latents of the walk, .*; it makes "):
        load(folder, 0, -1, extras["branch"]["vae"])
