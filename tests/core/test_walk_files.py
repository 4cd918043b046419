"""Walks that are saved, killed and taken up again."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, on_grid, ramp

from mirage_core import MirageError
from mirage_core.latent_frames import SavedLatents
from mirage_core.storage import packed
from mirage_core.walk import walk
from mirage_core.walk_files import chunk_path, load_chunks, save_chunk, saved_chunks, saved_frames

ABOUT = {"width": "60", "mode": "blend"}


@pytest.fixture
def cameras():
    return ramp(0, 90, 180, 270)


@pytest.fixture
def states(cameras, tmp_path):
    """A finished walk of three chunks, saved."""

    def keep(before, after):
        return save_chunk(tmp_path, before, after, ABOUT, {"seed": str(after.finished)})

    return list(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth, keep=keep))


def same(one, other):
    for name in ("latents", "shown", "left_out"):
        assert torch.equal(getattr(one, name), getattr(other, name))
    assert torch.equal(one.memory.column("xyz"), other.memory.column("xyz"))
    assert torch.equal(one.memory.as_one_block().features, other.memory.as_one_block().features)
    assert one.memory.spec == other.memory.spec and len(one.memory.keyframes) == len(other.memory.keyframes)
    assert all(torch.equal(a, b) for a, b in zip(one.seen, other.seen, strict=True))
    assert one.reports == other.reports


@pytest.mark.parametrize("chunks", [0, 1, 2, 3])
def test_a_loaded_walk_is_the_saved_one_after_any_chunk(states, cameras, tmp_path, chunks):
    loaded = load_chunks(tmp_path, begin(cameras), ABOUT, most=chunks)
    assert loaded.finished == chunks
    if chunks:
        same(loaded, states[chunks - 1])


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_walk_taken_up_from_files_equals_one_without_a_break(states, cameras, tmp_path, chunks):
    loaded = load_chunks(tmp_path, begin(cameras), ABOUT, most=chunks)
    *_, finished = walk(loaded, on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth)
    assert torch.equal(finished.latents, states[-1].latents)
    assert torch.equal(finished.memory.as_one_block().features, states[-1].memory.as_one_block().features)


def test_a_file_holds_what_its_chunk_added_and_latents_stay_in_it(states, cameras, tmp_path):
    """Over the same circle again nothing is new, so that its files are smaller, and no latents are in memory."""
    frames = states[-1].frames
    assert all(isinstance(piece, SavedLatents) for piece in frames.pieces) and len(frames) == 13
    again = tmp_path / "again"
    cameras = ramp(0, 180, 360, 540, 720, 900)
    path = on_grid(cameras)
    keep = partial(save_chunk, again, settings=ABOUT, own={})
    *_, last = walk(begin(cameras), path, SETTINGS, Denoiser(), exact_depth, keep=keep)
    sizes = [chunk_path(again, number).stat().st_size for number in range(5)]
    assert max(sizes[2:]) < 1.1 * min(sizes[2:]) and sizes[4] < 0.8 * sizes[0]
    same(load_chunks(again, begin(cameras), ABOUT, most=5), last)


def test_files_of_the_version_before_are_read(states, cameras, tmp_path):
    """Which held the whole memory, and what it had shown of the whole chunk."""
    for number, state in enumerate(states):
        path = chunk_path(tmp_path, number)
        with safe_open(path, framework="pt") as file:
            header = {**file.metadata(), "version": "1"}
            tensors = {name: file.get_tensor(name) for name in file.keys() if not name.startswith("memory.")}
        of_memory, memory_header = packed(state.memory)
        tensors |= {f"memory.{name}": tensor for name, tensor in of_memory.items()}
        report = json.loads(header["report"])
        del report["given"]
        save_file(tensors, path, metadata={**header, **memory_header, "report": json.dumps(report)})
    loaded = load_chunks(tmp_path, begin(cameras), ABOUT, most=2)
    same(replace(loaded, reports=states[1].reports), states[1])
    *_, finished = walk(loaded, on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth)
    assert torch.equal(finished.latents, states[-1].latents)


def test_all_latents_of_a_saved_walk_are_found_by_its_folder(states, tmp_path):
    frames, spec = saved_frames(tmp_path)
    assert torch.equal(frames[:], states[-1].latents) and spec == states[-1].memory.spec
    assert torch.equal(frames[3:6], states[-1].latents[3:6])
    with pytest.raises(MirageError, match=r"folder: must hold the chunks of a walk; there is no chunk_0000\.safet"):
        saved_frames(tmp_path / "elsewhere")


def test_a_chunk_that_was_not_finished_is_not_there(states, cameras, tmp_path):
    whole = chunk_path(tmp_path, 2).read_bytes()
    chunk_path(tmp_path, 2).with_suffix(".safetensors.partial").write_bytes(whole[:1000])
    chunk_path(tmp_path, 2).unlink()
    assert saved_chunks(tmp_path) == 2
    same(load_chunks(tmp_path, begin(cameras), ABOUT, most=9), states[1])


def test_chunks_behind_a_gap_do_not_count(states, tmp_path):
    chunk_path(tmp_path, 1).unlink()
    assert saved_chunks(tmp_path) == 1


def test_other_settings_are_refused_by_name(states, cameras, tmp_path):
    with pytest.raises(MirageError, match=r"chunk_0000\.safetensors: .* same width; .* with 60, now it is 64\. Set"):
        load_chunks(tmp_path, begin(cameras), {**ABOUT, "width": "64"}, most=3)
    own = [{"seed": "1"}, {"seed": "5"}, {"seed": "3"}]
    with pytest.raises(MirageError, match=r"chunk_0001\.safetensors: .* same seed; it was made with 2, now it is 5"):
        load_chunks(tmp_path, begin(cameras), ABOUT, most=3, own=own)
    assert load_chunks(tmp_path, begin(cameras), ABOUT, most=1, own=own).finished == 1


def test_a_chunk_that_does_not_say_what_it_was_made_with_is_refused(states, cameras, tmp_path):
    with pytest.raises(MirageError, match=r"chunk_0000\.safetensors: must say with which LoRA it was made; it does"):
        load_chunks(tmp_path, begin(cameras), {**ABOUT, "LoRA": "1f2e"}, most=1)


@pytest.mark.parametrize("version, message", [("3", "of version 2 at most; it is of 3"), ("x", "number")])
def test_a_state_of_another_version_is_refused_in_words(states, cameras, tmp_path, version, message):
    from safetensors.torch import load_file, save_file

    path = chunk_path(tmp_path, 0)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    save_file(load_file(path), path, metadata={**header, "version": version})
    with pytest.raises(MirageError, match=message):
        load_chunks(tmp_path, begin(cameras), ABOUT, most=1)


def test_another_file_is_refused(cameras, tmp_path):
    chunk_path(tmp_path, 0).write_text("not a chunk")
    with pytest.raises(MirageError, match=r"must be a whole \.safetensors file"):
        load_chunks(tmp_path, begin(cameras), ABOUT, most=1)


def test_a_walk_that_cannot_be_saved_says_why_and_what_is_kept(states, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(MirageError, match=r"chunk 2: must be saved to .*file, but: .* the 2 chunks before it are kept"):
        save_chunk(blocked, states[-2], states[-1], ABOUT, {})


def test_the_report_in_the_file_is_plain_json(states, tmp_path):
    with safe_open(chunk_path(tmp_path, 1), framework="pt") as file:
        report = json.loads(file.metadata()["report"])
    assert report["number"] == 1 and report["frames"] == [17, 32] and len(report["views"]) == 4
