"""The recipe at full size, on tiny shapes: a real gradient step at each stage, and its files in ComfyUI."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from remembered import CHANNELS, SAMPLER, mode, world
from safetensors.torch import load_file, save_file

from mirage_core.camera_files import write_cameras

SIZE, FRAMES = (64, 96), 17


@pytest.fixture(scope="module")
def clips(training, tmp_path_factory) -> Path:
    """Two videos of rooms, in the layout of the published code; one has a caption."""
    root = tmp_path_factory.mktemp("clips")
    for seed in range(2):
        folder = root / f"room_{seed}"
        (folder / "frames").mkdir(parents=True)
        room, walks = training("rooms").make_room(seed), training("walks")
        cameras = walks.make_walk(room, FRAMES + 3, SIZE, seed)
        pictures, depth = room.seen(cameras, SIZE)
        write_cameras(_mirage(cameras), folder / "geometry.npz", "published", SIZE)
        with np.load(folder / "geometry.npz") as file:
            whole = dict(file)
        np.savez(folder / "geometry.npz", **{**whole, "depths": depth.numpy().astype(np.float16)})
        for n, picture in enumerate(pictures):
            Image.fromarray((picture * 255).byte().numpy()).save(folder / "frames" / f"{n:05}.png")
    save_file({"context": torch.randn(7, 4096)}, root / "room_0" / "text.safetensors")
    return root


def _mirage(cameras):
    from mirage_core import Cameras  # the tests' own copy of the package, not the one that ComfyUI has loaded

    return Cameras(cameras.cam2world, cameras.K)


@pytest.fixture(scope="module")
def recipe(training, clips):
    import folder_paths

    models = Path(folder_paths.models_dir)
    return training("recipe").Recipe(
        model=models / "diffusion_models" / "wan22_ti2v.safetensors",
        vae=models / "vae" / "taew22.safetensors",
        clips=clips,
        steps=2,
        frames=FRAMES,
        image_size=SIZE,
        branch_blocks=2,
        rank=4,
        rate=1e-3,
        ema=0.0,
        dtype=torch.float32,
    )


@pytest.fixture(scope="module")
def branch(training, recipe, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stage1")
    with torch.inference_mode(False):
        assert training("recipe").train_branch(recipe, folder)
    return folder / "branch.safetensors"


@pytest.fixture(scope="module")
def lora(training, recipe, branch, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stage2")
    with torch.inference_mode(False):
        assert training("recipe").train_lora(recipe, branch, folder)
    return folder / "lora.safetensors"


def test_clips_are_read_with_their_cameras_and_depth(training, clips):
    folders = training("clips").clip_folders(clips, FRAMES)
    assert [folder.path.name for folder in folders] == ["room_0", "room_1"]
    clip = folders[0].clip(2, 5, (32, 48))
    assert clip.pictures.shape == (5, 32, 48, 3) and clip.depth.shape == (5, 32, 48) and len(clip.cameras) == 5
    assert clip.text.shape == (7, 4096) and folders[1].clip(0, 1, SIZE).text is None
    room = training("rooms").make_room(0)
    cameras = training("walks").make_walk(room, FRAMES + 3, SIZE, 0)
    torch.testing.assert_close(clip.cameras.cam2world, cameras.cam2world[2:7], atol=1e-5, rtol=0)
    _, depth = room.seen(cameras[slice(2, 7)], SIZE)
    torch.testing.assert_close(clip.depth, depth[:, ::2, ::2], rtol=1e-3, atol=1e-3)  # float16 in the file


def test_pictures_and_folders_come_in_the_order_in_which_people_count(training, clips, tmp_path):
    for name in ("room_10", "room_2"):
        shutil.copytree(clips / "room_0", tmp_path / name)
        for frame in (tmp_path / name / "frames").iterdir():
            frame.rename(frame.with_name(f"r_{int(frame.stem)}.png"))
    folders = training("clips").clip_folders(tmp_path, FRAMES)
    assert [folder.path.name for folder in folders] == ["room_2", "room_10"]
    assert [frame.name for frame in folders[0].frames] == [f"r_{n}.png" for n in range(FRAMES + 3)]


def test_rgbd_with_poses_is_read_as_the_published_layout_is(training, pack, clips, tmp_path):
    published = training("clips").clip_folders(clips, FRAMES)[0]
    folder = tmp_path / "room"
    shutil.copytree(published.path / "frames", folder / "frames")
    write_cameras(_mirage(published.cameras), folder / "cameras.json", "nerfstudio", SIZE)
    whole = published.clip(0, FRAMES + 3, SIZE)
    (folder / "depth").mkdir()
    for n, depth in enumerate(whole.depth):
        Image.fromarray((depth.numpy() * 5000).round().astype(np.uint16)).save(folder / "depth" / f"{n:05}.png")
    (found,) = training("clips").clip_folders(tmp_path, FRAMES, depth_scale=5000.0)
    one, other = found.clip(2, 5, (32, 48)), published.clip(2, 5, (32, 48))
    assert torch.equal(one.pictures, other.pictures) and one.text is None
    torch.testing.assert_close(one.depth, other.depth, atol=2e-4, rtol=0)
    torch.testing.assert_close(one.cameras.cam2world, other.cameras.cam2world, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.cameras.K, other.cameras.K, atol=1e-5, rtol=0)
    Image.new("L", (96, 64)).save(folder / "depth" / "00003.png")
    with pytest.raises(pack.core.MirageError, match=r"00003\.png: depth must be a 16-bit grey picture; its mode is L"):
        found.clip(2, 5, SIZE)
    for names in ((), ("cameras.json", "cameras.txt")):
        shutil.rmtree(tmp_path / "other", ignore_errors=True)
        shutil.copytree(folder, tmp_path / "other", ignore=shutil.ignore_patterns("cameras.*"))
        for name in names:
            shutil.copy(folder / "cameras.json", tmp_path / "other" / name)
        with pytest.raises(
            pack.core.MirageError, match=rf"other: must hold one file cameras\.\*; it holds {len(names)}"
        ):
            training("clips").clip_folders(tmp_path, FRAMES)
    shutil.rmtree(tmp_path / "other")
    with pytest.raises(pack.core.MirageError, match="depth_scale"):
        training("clips").clip_folders(tmp_path, FRAMES, depth_scale=0.0)
    (folder / "depth" / "00000.png").unlink()
    with pytest.raises(pack.core.MirageError, match="depth must hold a picture per pose; it holds 19 for 20"):
        training("clips").clip_folders(tmp_path, FRAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "frames" / "00000.png").unlink(), "must hold a picture per pose; it holds 19 for 20"),
        (lambda folder: (folder / "geometry.npz").unlink(), r"must hold folders with frames and geometry\.npz"),
    ],
)
def test_folders_that_hold_no_clip_are_refused(training, pack, clips, tmp_path, change, message):
    shutil.copytree(clips / "room_1", tmp_path / "room")
    change(tmp_path / "room")
    with pytest.raises(pack.core.MirageError, match=message):
        training("clips").clip_folders(tmp_path, FRAMES)


def test_stage_one_changes_the_branch_alone(training, recipe, branch):
    torch.manual_seed(recipe.seed)
    before = training("network").new_branch(load_file(recipe.model), recipe.branch_blocks)
    after = load_file(branch)
    assert before.keys() == after.keys()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert "vace_blocks.0.after_proj.weight" in changed and "vace_blocks.1.after_proj.weight" in changed
    assert "vace_patch_embedding.weight" in changed


def test_a_new_branch_does_nothing(training, recipe, tmp_path):
    save_file(training("network").new_branch(load_file(recipe.model), 2), tmp_path / "b.safetensors")
    network = training("network").Network.load(recipe.model, tmp_path / "b.safetensors")
    sample = _sample(training)
    with torch.no_grad(), training("network").training_mode():
        noisy, sigma = torch.randn_like(sample.latents), torch.tensor([0.7])
        one = network.flow(noisy, sigma, sample)
        other = network.flow(noisy, sigma, replace(sample, splat=-sample.splat, known=1 - sample.known))
    assert torch.equal(one, other) and float(one.abs().max()) > 0


def _sample(training):
    shape = (1, 3, 48, 4, 6)
    known = (torch.rand(1, 3, 1, 4, 6) > 0.5).float()
    return training("samples").Sample(torch.randn(shape), torch.randn(shape), known, torch.zeros(1, 3, 3, 4, 6))


def test_stage_two_gives_a_lora_that_comfyui_adds_exactly(training, pack, recipe, branch, lora):
    """The network with the trained additions by hooks, and ComfyUI's model with the exported file: one flow."""
    network_module, sample = training("network"), _sample(training)
    hooked = network_module.Network.load(recipe.model, branch)
    layers = training("recipe").LoraLayers(hooked.modules[0], recipe.rank)
    table = load_file(lora)
    for half, weights in (("lora_A", layers.down), ("lora_B", layers.up)):
        for key, value in weights.items():
            value.data = table.pop(f"diffusion_model.{key.replace('/', '.')}.{half}.weight")
    assert not table and any(float(value.detach().abs().max()) > 0 for value in layers.up.values())
    plain = network_module.Network.load(recipe.model, branch)
    loader = pack.module("nodes.host.lora")
    patched = loader.load_lora(plain.model, lora, 1.0)
    patched.patch_model()
    noisy, sigma = torch.randn_like(sample.latents), torch.tensor([0.7])
    try:
        with torch.no_grad(), network_module.training_mode():
            before = hooked.flow(noisy, sigma, sample)
            after = plain.flow(noisy, sigma, sample)  # patching is in place, until it is undone
    finally:
        patched.unpatch_model()
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)


def test_the_files_of_both_stages_run_in_the_nodes(pack, branch, lora):
    import shutil

    import folder_paths

    models = Path(folder_paths.models_dir)
    shutil.copy(branch, models / "model_patches" / "stage1.safetensors")
    shutil.copy(lora, models / "loras" / "stage2.safetensors")
    with torch.inference_mode():
        model = pack.model("wan22_ti2v")
        (given,) = pack.node("Mirage_LoadBranch").execute("stage1.safetensors").result
        (model,) = pack.node("Mirage_LoadLora").execute(model, "stage2.safetensors", 1.0).result
        here = world(pack, CHANNELS["wan22_ti2v"])
        inputs = here.inputs(branch=given, **mode("branch", score="mask, offset and scale"), **SAMPLER)
        made = pack.node("Mirage_MemorySampler").execute(model=model, **inputs).result[0]["samples"]
    assert bool(made.isfinite().all())


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"frames": 18}, r"frames: must be 1 \+ 4 n"), ({"frames": 65}, "65 frames; there is none")],
)
def test_a_recipe_that_cannot_run_is_refused_in_words(training, pack, recipe, branch, tmp_path, changes, message):
    with pytest.raises(pack.core.MirageError, match=message):
        training("recipe").train_lora(replace(recipe, **changes), branch, tmp_path)
