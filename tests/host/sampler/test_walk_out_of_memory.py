"""A walk that runs out of memory: what is freed, what is said, and that a second run goes on."""

import gc
import re
import weakref
from pathlib import Path

import pytest
import torch
from test_scene_walk import Moge

ON_THE_CPU = "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


def on_the_card():
    return torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB.")


@pytest.fixture
def raising(models, monkeypatch):
    """Let the network of per-token and branch raise in its n-th call; what it was given then is kept weakly."""

    def arm(error, call):
        network, calls = models["wan22_ti2v"].model.diffusion_model, []
        forward = network.forward_orig

        def failing(x, *args, **kwargs):
            calls.append(weakref.ref(x))
            if len(calls) == call:
                raise error
            return forward(x, *args, **kwargs)

        monkeypatch.setattr(network, "forward_orig", failing)
        return calls

    return arm


def same(one, other):
    assert torch.equal(one.result[0]["samples"], other.result[0]["samples"])
    assert torch.equal(one.result[1], other.result[1])
    ours, theirs = (output.result[2].as_one_block() for output in (one, other))
    assert torch.equal(ours.features, theirs.features) and torch.equal(ours.xyz, theirs.xyz)


def loaded():
    """The models that ComfyUI still holds for their owners; a fixture's copy may outlive the patcher it came with."""
    import comfy.model_management as management

    return [model for model in management.current_loaded_models if not model.is_dead()]


def failed(pack, run, *given, **others):
    """The error of a walk that runs out of memory."""
    with pytest.raises(pack.core.MirageError) as raised:
        run(*given, **others)
    return raised.value


@pytest.mark.parametrize("name", ["per-token", "branch"])
def test_sampling_that_runs_out_of_memory_loses_nothing(name, pack, long, walked, raising, monkeypatch):
    import comfy.model_management as management
    import folder_paths

    here, into = long(name), f"memory/{name}"
    undisturbed = walked(name, here)
    given = raising(on_the_card(), 3)  # two steps per chunk
    error = failed(pack, walked, name, here, save_as=into)
    (folder,) = (Path(folder_paths.get_output_directory()) / into).iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["chunk_0000.safetensors", "walk.mp4"]
    message = str(error)
    device = management.get_torch_device()
    memory = "RAM" if management.is_device_cpu(device) else "VRAM"
    assert message.startswith(f"chunk 2 of 2, sampling: must fit into {memory}, which has run out (CUDA out of memory.")
    assert re.search(r"ComfyUI estimates [\d.]+ [KM]iB to sample a chunk, beside [\d.]+ [KM]iB of weights\.", message)
    lower = "Lower, in order of effect: chunk_frames, to 5 or less; width and height"
    assert lower + ("; references and preceding." if name == "branch" else ".") in message
    launch = "launch ComfyUI with a larger --reserve-vram, or " if memory == "VRAM" else ""
    assert f"The chunk before it is saved in {folder}: {launch}close other programs that use {memory}, run" in message
    assert "the walk goes on with chunk 2. With what is to be lowered it is another walk" in message
    assert management.is_oom(error)  # so ComfyUI says and does what it does of its own
    assert loaded() == []
    gc.collect()
    assert len(given) == 3 and given[-1]() is None  # although the error is still there, with its traceback
    monkeypatch.undo()
    again = walked(name, here, save_as=into)
    assert "chunks taken from there, made before: 1 of 2" in again.result[4]
    same(again, undisturbed)


def test_with_other_settings_it_is_another_walk_as_the_message_says(pack, long, walked, raising, monkeypatch):
    here = long("per-token")
    raising(on_the_card(), 3)
    message = str(failed(pack, walked, "per-token", here, save_as="memory/other"))
    folder = re.search(r"saved in (\S+):", message).group(1)
    monkeypatch.undo()
    shorter = walked("per-token", here, save_as="memory/other", chunk_frames=5)
    assert "made before" not in shorter.result[4] and len(shorter.ui["mirage_walk"][0]["chunks"]) == 4
    with pytest.raises(pack.core.MirageError, match="must be of a walk with the same walk"):
        walked("per-token", here, save_as="memory/other", chunk_frames=5, keep_from=folder, keep_chunks=1)


class Blind(Moge):
    """A geometry model of other code, that runs out of memory when it is asked for the n-th time; 0 = never."""

    def __init__(self, error, call):
        self.error, self.calls = error, call

    def infer(self, *args, **kwargs):
        self.calls -= 1
        if not self.calls:
            raise self.error
        return super().infer(*args, **kwargs)


@pytest.mark.parametrize("error", [RuntimeError(ON_THE_CPU), MemoryError("Unable to allocate 2.5 GiB")])
def test_depth_that_runs_out_of_ram_is_said_and_gone_on_with(error, pack, long, walked):
    here, into = long("per-token"), f"memory/{type(error).__name__}"
    undisturbed = walked("per-token", here, moge_model=Blind(error, 0))
    raised = failed(pack, walked, "per-token", here, moge_model=Blind(error, 2), save_as=into)
    assert str(raised).startswith("chunk 2 of 2, depth: must fit into RAM, which has run out (")
    assert re.search(r"ComfyUI estimates [\d.]+ MiB to decode a chunk\.", str(raised))
    assert "Or connect a smaller MoGe model." in str(raised) and "references" not in str(raised)
    assert loaded() == []
    assert "run again with the same settings, this folder in keep_from and 1 in keep_chunks, and the" in str(raised)
    kept = dict(keep_from=re.search(r"saved in (\S+):", str(raised)).group(1), keep_chunks=1)
    same(walked("per-token", here, moge_model=Blind(error, 0), save_as=into, **kept), undisturbed)


def test_what_is_saved_is_said_as_it_is(pack, long, walked, raising, monkeypatch):
    here = long("per-token")
    raising(on_the_card(), 1)
    first = failed(pack, walked, "per-token", here, save_as="memory/first")
    assert str(first).startswith("chunk 1 of 2, sampling: ") and "so nothing is lost." in str(first)
    monkeypatch.undo()
    raising(on_the_card(), 3)
    unsaved = failed(pack, walked, "per-token", here)
    assert "The chunk before it is lost, as save_as is empty: give it a name" in str(unsaved)


@pytest.mark.parametrize(
    "method, doing, kept",
    [
        ("decoded", "chunk 2 of 2, decoding: ", "The chunk before it is"),
        ("close", "chunk 2 of 2, closing the video: ", "The 2 chunks before it are"),
    ],
)
def test_decoding_and_closing_the_video_can_run_out_of_memory_too(method, doing, kept, pack, long, walked, monkeypatch):
    here, recording, calls = long("per-token"), pack.module("nodes.host.walk.recording").Recording, []
    run = getattr(recording, method)

    def full(*given):
        calls.append(1)
        if method == "close" or len(calls) == 2:
            raise on_the_card()
        return run(*given)

    with monkeypatch.context() as patch:
        patch.setattr(recording, method, full)
        error = failed(pack, walked, "per-token", here, save_as=f"memory/{method}")
    assert str(error).startswith(doing) and f"{kept} saved in " in str(error)
    chunks = kept.count("2") + 1
    assert f"made before: {chunks} of 2" in walked("per-token", here, save_as=f"memory/{method}").result[4]


def test_other_errors_stay_as_they_are(long, walked, raising):
    raising(RuntimeError("mat1 and mat2 shapes cannot be multiplied"), 1)
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2 shapes cannot be multiplied$"):
        walked("per-token", long("per-token"))
