"""A memory in MiniMax H3: clips of 17 video frames, sound beside the video, keyframes, and rows of known patches."""

from dataclasses import replace

import pytest
import torch
from families import Read, minimax_h3, short_texts
from remembered import SAMPLER, mode, world

FRAMES = 22  # video frames: latents of 0, 4, 8, 12, 16, 17 and 21
SOUND = (1, 32, 2, 37)  # 22 frames at 24 a second, 40 latents a second


@pytest.fixture(scope="module")
def model():
    return minimax_h3()


@pytest.fixture
def here(pack):
    return world(pack, 24, temporal=4, frames=FRAMES, clip=5, name="minimax_h3")


@pytest.fixture
def made(pack, model):
    """Video and sound of Memory-Conditioned Sampler."""

    def run(here, **others):
        inputs = here.inputs(**{**SAMPLER, **short_texts(), **others})
        latent = pack.node("Mirage_MemorySampler").execute(model=model, **inputs).result[0]
        return latent["samples"].unbind()

    return run


@pytest.fixture
def empty(pack):
    (latent,) = pack.host_nodes.NODE_CLASS_MAPPINGS["EmptyMiniMaxH3LatentAV"].execute(160, 96, FRAMES).result
    return latent


def other(here):
    (block,) = here.memory.blocks
    return {"memory": replace(here.memory, blocks=(replace(block, features=-block.features),))}


def assert_known(video, here):
    torch.testing.assert_close(video[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)


def test_the_camera_of_a_latent_is_the_one_of_its_own_video_frame(here):
    assert here.splat.shape == (1, 24, 7, 6, 10)


def test_auto_holds_what_is_known_and_makes_sound_beside_it(here, made, model):
    video, sound = made(here)
    assert video.shape == (1, 24, 7, 6, 10) and sound.shape == SOUND and sound.abs().max() > 0
    assert_known(video, here)
    assert (video - made(here, **other(here))[0])[0][:, ~here.known].abs().max() > 1e-5


@pytest.mark.parametrize("name", ["blend", "guides"])
def test_strength_0_is_the_plain_model(pack, here, made, model, empty, name):
    texts = short_texts().values()
    plain = pack.host_nodes.KSampler().sample(model, 3, 3, 3.0, "euler", "simple", *texts, empty)[0]["samples"].unbind()
    for ours, theirs in zip(made(here, strength=0.0, **mode(name)), plain, strict=True):
        assert torch.equal(ours, theirs)


def test_an_empty_latent_of_comfyui_may_be_the_start(here, made, empty):
    for ours, theirs in zip(made(here, start=empty), made(here), strict=True):
        assert torch.equal(ours, theirs)


def test_a_start_is_kept_and_told_as_the_first_keyframe(here, made, model, monkeypatch):
    start = torch.randn(1, 24, 1, 6, 10, generator=torch.Generator().manual_seed(2))
    read = Read(model, monkeypatch)
    for strength in (1.0, 0.0):
        read.calls.clear()
        video, _ = made(here, start={"samples": start}, strength=strength)
        torch.testing.assert_close(video[:, :, :1], start, atol=1e-5, rtol=0)
        for call in read.calls:
            (keyframe,) = call["minimax_payload"]["keyframes"]
            assert keyframe["resolved_frame_index"] == 0 and torch.equal(keyframe["latent"], start)


@pytest.mark.parametrize("name", ["blend", "guides"])
def test_an_odd_number_of_tokens_may_have_a_start_and_guides(pack, made, name):
    odd = world(pack, 24, (5, 9), temporal=4, frames=FRAMES, clip=5, name="minimax_h3")
    start = torch.randn(1, 24, 1, 5, 9, generator=torch.Generator().manual_seed(2))
    video, _ = made(odd, start={"samples": start}, **mode(name))
    torch.testing.assert_close(video[:, :, :1], start, atol=1e-5, rtol=0)


def test_a_chunk_begins_with_its_own_start_and_not_with_that_of_the_text(here, made, model, monkeypatch):
    start, theirs = torch.randn(2, 1, 24, 1, 6, 10, generator=torch.Generator().manual_seed(2))
    texts = short_texts()
    texts["positive"][0][1].update(
        minimax_keyframes=[{"resolved_frame_index": 0, "latent": theirs}], minimax_frame_count=FRAMES
    )
    read = Read(model, monkeypatch)
    made(here, start={"samples": start}, **texts)
    for call in read.calls:
        assert torch.equal(call["minimax_payload"]["keyframes"][0]["latent"], start)


def test_a_last_frame_for_another_length_is_refused(pack, here, made):
    texts = short_texts()
    last = {"resolved_frame_index": 38, "latent": torch.zeros(1, 24, 1, 6, 10)}
    texts["positive"][0][1].update(minimax_keyframes=[last], minimax_frame_count=39)
    with pytest.raises(pack.core.MirageError, match="must be made for the path's 22 video frames; they are for 39"):
        made(here, **texts)


def test_known_patches_are_rows_at_the_places_of_their_own(here, made, model, monkeypatch):
    from comfy.ldm.minimax.model import patchify_video

    read = Read(model, monkeypatch)
    network, rows = model.get_model_object("diffusion_model"), []
    own = network._cond_video_rows

    def spy(payload, device):
        rows.append((own(payload, device), payload["layout"]))
        return rows[-1][0]

    monkeypatch.setattr(network, "_cond_video_rows", spy)
    first, _ = made(here, **mode("guides"), start={"samples": torch.ones(1, 24, 1, 6, 10)})
    whole = here.known.view(7, 3, 2, 5, 2).permute(0, 1, 3, 2, 4).flatten(3).all(dim=3)  # (T, h / 2, w / 2)
    whole[0] = False  # the start says what is there
    given, layout = rows[0]
    count = int(whole.sum())
    assert len(given) == count + 15 and read.calls  # and the 15 patches of the keyframe
    text = read.first["minimax_payload"]["layout"].segments[0][1]
    places, of_video = layout.position_ids[text : text + count], layout.position_ids[-whole.numel() :]
    assert torch.equal(places, of_video[whole.flatten()])
    patches = here.splat[0].view(24, 7, 3, 2, 5, 2).permute(1, 2, 4, 0, 3, 5)[whole]  # (N, C, 2, 2)
    clean = patchify_video(patches.permute(1, 2, 0, 3).reshape(1, 24, 1, 2, -1))
    both = torch.stack([given[:count].flatten(), clean.flatten()])
    assert torch.corrcoef(both)[0, 1] > 0.9  # ComfyUI adds a little noise to all condition rows
    second, _ = made(here, **mode("guides"), start={"samples": torch.ones(1, 24, 1, 6, 10)}, **other(here))
    assert (first - second).abs().max() > 1e-5


def test_rows_hold_in_a_part_of_the_schedule(here, made, model, monkeypatch):
    network, counts = model.get_model_object("diffusion_model"), []
    own = network._cond_video_rows

    def spy(payload, device):
        counts.append(len(payload.get("cond_video_latents", ())))
        return own(payload, device)

    monkeypatch.setattr(network, "_cond_video_rows", spy)
    made(here, **mode("guides", 0.0, 0.5), steps=4, cfg=1.0)
    assert counts[0] == 1 and counts[-1] == 0


def test_lengths_that_the_model_does_not_make_are_refused(pack, here, made):
    with pytest.raises(pack.core.MirageError, match=r"cameras: must be 5 \+ 17 n video frames.*\(5, 22, .*got 21"):
        made(here, cameras=here.cameras[:21])


def test_rows_work_inside_a_compiled_network_which_is_left_uncompiled(pack, here, made, model):
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    compiled = model.clone()
    set_torch_compile_wrapper(model=compiled, backend="eager")
    inputs = here.inputs(**{**SAMPLER, **short_texts(), **mode("guides")})
    output = pack.node("Mirage_MemorySampler").execute(model=compiled, **inputs)
    said = "model: is compiled, which has no effect: the mode is guides, which works inside the network."
    assert said in output.ui["mirage_notes"]
    for ours, plain in zip(output.result[0]["samples"].unbind(), made(here, **mode("guides")), strict=True):
        assert torch.equal(ours, plain)
