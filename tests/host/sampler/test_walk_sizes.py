"""What a walk is said to take, against what ComfyUI and the disk say when it runs."""

import math
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from remembered import MODELS, mode
from test_scene_walk import Moge
from test_walk_with_sound import H3, LTX, Walk

GIB = 2**30


@pytest.fixture
def seen(pack, comfy, monkeypatch):
    """What ComfyUI estimates and loads in a walk, and what was said before."""
    import comfy.model_management as management
    import comfy.sampler_helpers as helpers

    seen = SimpleNamespace(given=(), said=None, estimates=[], loaded=[])
    sizes = pack.module("nodes.host.walk.sizes").WalkSizes
    of, estimate, load = sizes.of, helpers.estimate_memory, management.load_models_gpu

    def say(*given):
        seen.given, seen.said = given, of(*given)
        seen.estimates.clear()  # those of what was said itself
        return seen.said

    def estimated(*given):
        seen.estimates.append(estimate(*given))
        return seen.estimates[-1]

    def loading(models, memory_required=0, **others):
        seen.loaded.append((list(models), memory_required))
        return load(models, memory_required=memory_required, **others)

    monkeypatch.setattr(sizes, "of", say)
    monkeypatch.setattr(helpers, "estimate_memory", estimated)
    monkeypatch.setattr(management, "load_models_gpu", loading)
    return seen


def most(estimates, one):
    return math.ceil(max(pair[one] for pair in estimates))


@pytest.mark.parametrize("cfg", [1.0, 3.0])
@pytest.mark.parametrize("name", MODELS)
def test_sampling_takes_what_comfyui_estimates_in_every_mode(name, cfg, long, walked, models, seen):
    walked(name, long(name), references=1, cfg=cfg)
    assert len(seen.estimates) == 2
    assert seen.said.sampling.working == most(seen.estimates, one=cfg == 1)
    assert seen.said.sampling.least == most(seen.estimates, one=True)
    wanted = {pair[0] for pair in seen.estimates}
    sampled = next(together for together, needed in seen.loaded if needed in wanted)
    every = {id(one): one for model in sampled for one in (model, *model.model_patches_models())}
    assert seen.said.sampling.weights == sum(one.model_size() for one in every.values())
    assert len(every) == (2 if name in ("branch", "uni3c") else 1)


def test_comfyui_makes_room_for_the_frames_that_a_branch_is_given(long, walked, seen):
    walked("branch", long("branch"), references=1)
    (first, _), (second, _) = seen.estimates
    assert second / first == pytest.approx((3 + 1 + 2) / 3)  # target, reference, preceding
    walked("branch", long("branch"), references=1, strength=0.0)
    assert seen.estimates[0] == seen.estimates[1] and seen.said.sampling.least == most(seen.estimates, one=True)


@pytest.mark.parametrize("name", [LTX, H3])
@pytest.mark.parametrize("how", ["auto", "guides"])
def test_sound_and_guides_are_counted_as_comfyui_counts_them(name, how, pack, seen):
    walk = Walk(pack, name)
    report = walk.run(**mode(how))[4]
    said, real = seen.said.sampling.least, most(seen.estimates, one=True)
    assert said == real if (name, how) != (H3, "guides") else 0.7 * said < real < said  # of patches, the known ones
    assert re.search(r"[\d.]+ [KM]iB to decode it", report)
    if how == "guides":
        walk.run(**mode("blend"))
        assert most(seen.estimates, one=True) < real


def test_decoding_takes_what_the_vae_estimates(long, walked, extras, seen):
    vae = extras["branch"]["vae"]
    walked("per-token", long("per-token"), moge_model=Moge())
    estimated = [needed for models, needed in seen.loaded if models == [vae.patcher]]
    assert seen.said.decoding == math.ceil(estimated[0]) + vae.patcher.model_size()


def test_chunks_take_the_space_that_was_said(pack, long, walked, seen):
    made = walked("per-token", long("per-token", frames=33), save_as="sizes/disk")
    files = sorted(Path(made.result[4].splitlines()[0].removeprefix("saved in ")).glob("*.safetensors"))
    real, points = [], []
    for file in files:
        _, tensors = pack.module("mirage_core.storage").read_file(file)
        points.append(sum(one.nbytes for key, one in tensors.items() if key.startswith("memory.")))
        real.append(file.stat().st_size - points[-1])
    inputs, settings, plan, expected, *_ = seen.given
    without_points = replace(expected, nbytes=inputs.request.memory.nbytes)
    _, said = pack.module("nodes.host.walk.sizes").file_bytes(inputs, settings, plan, without_points)
    assert sum(real) == pytest.approx(said, rel=0.2)
    assert max(real) < seen.said.chunk_file and sum(real) < seen.said.files


def test_the_whole_walk_as_pictures_and_latents_is_held_in_ram(pack, long, walked, seen):
    frames, *_ = walked("per-token", long("per-token")).result[1:]
    sizes = pack.module("nodes.host.walk.sizes")
    inputs, _, plan, expected, _, outputs = seen.given
    alone = sizes.ram_bytes(inputs, plan, expected, replace(outputs, frames=False))
    assert sizes.ram_bytes(inputs, plan, expected, outputs) - alone == frames.nbytes


def test_pictures_that_do_not_fit_are_refused_with_the_numbers(pack, monkeypatch):
    import comfy.model_management as management

    monkeypatch.setattr(management, "get_free_memory", lambda device=None: 18 * GIB)
    sizes = pack.module("nodes.host.walk.sizes")
    said = (
        r"frames: must fit into memory; 4,097 video frames of 1280 x 704 take 41\.3 GiB, 18\.0 GiB are free\. "
        r"Disconnect frames: "
    )
    with pytest.raises(pack.core.MirageError, match=said):
        sizes.require_room("frames", 4097, (704, 1280))
    sizes.require_room("frames", 1000, (704, 1280))


def test_what_does_not_fit_is_said_before_the_walk_begins(long, walked, seen, monkeypatch):
    import shutil

    import comfy.model_management as management

    report = walked("per-token", long("per-token"), save_as="sizes/fits").result[4]
    assert "Careful" not in report and "Needs about " in report and " of RAM to sample a chunk (" in report
    monkeypatch.setattr(management, "get_total_memory", lambda device=None: 1000)
    monkeypatch.setattr(management, "get_free_memory", lambda device=None: 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2048))
    disk, ram = "Careful: the chunks to come may take", "Careful: the walk itself may hold"
    lines = seen.said.warnings()
    assert lines[0].startswith("Careful: sampling a chunk takes")
    assert lines[0].endswith("Lower chunk_frames to 5 or less, or width and height.")
    assert lines[1].startswith(ram) and lines[2].startswith(disk) and "2.0 KiB are free" in lines[2]
    assert not any(line.startswith(disk) for line in seen.said.warnings(finished=2))
    assert replace(seen.said, shorter=None).warnings()[0].endswith("1,000 bytes. Lower width and height.")


def test_a_device_of_its_own_memory_is_said_with_it(seen, long, walked, monkeypatch):
    import comfy.model_management as management
    import torch

    walked("per-token", long("per-token"))
    monkeypatch.setattr(management, "get_total_memory", lambda device=None: 24 * GIB)
    sampling = replace(seen.said.sampling, working=3 * GIB, weights=6 * GIB)
    on_card = replace(seen.said, device=torch.device("cuda"), sampling=sampling, decoding=2 * GIB, ram=GIB)
    assert on_card.text.startswith(
        "Needs about 9.0 GiB of VRAM to sample a chunk (6.0 GiB of it weights, which may stay in RAM in part; the "
        "device has 24.0 GiB), 2.0 GiB to decode it, and at most 1.0 GiB of RAM for the walk itself."
    )
    video = replace(on_card.outputs, video=True)
    saved = replace(on_card, folder=Path("walks"), chunk_file=35 * 2**20, files=GIB, outputs=video).text
    assert saved.endswith(
        "Saves at most 35.0 MiB on the disk per chunk, 1.0 GiB in all. How large the video will be is not known before."
    )


@pytest.mark.parametrize("frames, shorter", [(33, 29), (13, 9), (9, 5), (5, None)])
def test_the_next_smaller_length_of_a_chunk(frames, shorter, pack, long, walked, seen):
    walked("per-token", long("per-token", frames=9))
    inputs = seen.given[0]
    plan = pack.module("mirage_core.chunks").plan_chunks(frames, inputs.request.path.timing, frames)
    assert pack.module("nodes.host.walk.sizes").shorter_chunk(inputs, plan) == shorter


def test_what_a_chunk_takes_and_what_is_left_is_said_after_the_first_one(pack, models, monkeypatch):
    progress = pack.module("nodes.host.walk.progress")
    clock, said = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(progress.WalkProgress, "_say", lambda self, text: said.append(text.splitlines()))
    walk = progress.WalkProgress(models["wan22_ti2v"], 128, 4, 2, None, ["a note"])

    def chunk(number, seconds):
        walk.stage("sampling")
        clock[0] += seconds
        walk.finished(number)

    for number, seconds in ((5, 300.0), (6, 84.0), (7, 80.0)):
        chunk(number, seconds)
    walk.stage("sampling")
    clock[0] += 60.0
    walk.stage("depth")
    assert said[0] == ["chunk 5 of 128: sampling", "a note"]
    assert said[1] == ["chunk 6 of 128: sampling", "about 5.0 min a chunk, 10 h 15 min left", "a note"]
    assert said[3] == ["chunk 8 of 128: sampling", "about 1.4 min a chunk, 2 h 49 min left", "a note"]
    assert said[4] == ["chunk 8 of 128: depth", "about 1.4 min a chunk, 2 h 48 min left", "a note"]
    walk.finished(128)
    walk.ending()
    assert said[-1] == ["chunk 128 of 128: closing the video", "a note"]
