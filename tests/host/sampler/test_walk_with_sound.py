"""Scene Walk with LTX-2 and MiniMax H3: sound beside the video, chunk after chunk, and chunks of clips."""

from pathlib import Path

import pytest
import torch
from families import Read, ltx, ltx_with_sound, minimax_h3, short_texts
from remembered import WALK, WALK_SAMPLER, first, mode, world
from tiny_vaes import tiny_vae

LTX, H3 = "ltx", "minimax_h3"


class Walk:
    """A model, its memory, and a path of several chunks that goes to the right and back."""

    def __init__(self, pack, name):
        self.pack = pack
        if name == LTX:
            self.here = world(pack, 128, temporal=8, frames=33, name=LTX)
            self.model, texts, chunk = ltx_with_sound(), short_texts(width=64), 17
            sound = torch.zeros(1, 8, 33, 16)
        else:
            self.here = world(pack, 24, temporal=4, frames=39, clip=5, name=H3)
            self.model, texts, chunk, sound = minimax_h3(), short_texts(), 22, None
        there = self.here.cameras.cam2world
        there[:, 0, 3] = 0.6 - (torch.linspace(-0.6, 0.6, len(there))).abs()
        self.here.cameras = pack.core.Cameras(there, self.here.cameras.K[0])
        self.given = {**WALK_SAMPLER, **WALK, **texts, **mode("auto"), "chunk_frames": chunk, "start": first(self.here)}
        self.given |= {
            "sound": None if sound is None else {"samples": sound},
            "vae": tiny_vae({LTX: "ltx", H3: "h3"}[self.here.memory.spec.name]),
        }

    def run(self, **others):
        inputs = self.here.inputs(**{**self.given, **others})
        return self.pack.node("Mirage_SceneWalk").execute(model=self.model, **inputs).result


@pytest.fixture(params=[LTX, H3])
def walk(request, pack):
    return Walk(pack, request.param)


def test_a_walk_of_two_chunks_has_its_sound(walk):
    latent, frames, memory, *_ = walk.run()
    video, sound = latent["samples"].unbind()
    path = walk.pack.core.LatentPath.of(walk.here.cameras, walk.here.memory.spec, *reversed(walk.here.size))
    assert tuple(video.shape[2:]) == path.size and len(frames) == len(walk.here.cameras)
    expected = (1, 8, 33, 16) if walk.model.model.__class__.__name__ == "LTXAV" else (1, 32, 2, 65)
    assert sound.shape == expected and all(
        part.abs().max() > 0 for part in sound.chunk(4, dim=2 if expected[1] == 8 else 3)
    )
    torch.testing.assert_close(video[:, :, :1], first(walk.here)["samples"])
    assert torch.isfinite(video).all() and memory.num_points >= walk.here.memory.num_points


def test_what_is_known_is_exact_when_the_camera_is_back(walk):
    """At the end the camera stands where it began, and sees the remembered picture as it was written."""
    latent, *_ = walk.run()
    video = latent["samples"].unbind()[0]
    known = walk.here.known[0]
    torch.testing.assert_close(video[0, :, -1][:, known], walk.here.splat[0, :, 0][:, known], atol=1e-4, rtol=0)


def test_the_second_chunk_hears_the_end_of_the_first(walk, monkeypatch):
    read = Read(walk.model, monkeypatch)
    latent, *_ = walk.run()
    video, sound = latent["samples"].unbind()
    _, sound_in = read.calls[-1]["x"]
    if walk.given["sound"] is not None:  # LTX: the noise mask keeps what was made, and its tokens are told so
        assert torch.equal(sound_in[:, :, :1], sound[:, :, 16:17])
        assert float(read.calls[-1]["t"][1].reshape(1, -1)[0, 0]) == 0.0
    else:
        (keyframe,) = read.calls[-1]["minimax_payload"]["keyframes"]
        torch.testing.assert_close(keyframe["latent"], video[:, :, 5:6])


def test_a_walk_that_was_interrupted_goes_on_with_the_same_sound(walk):
    whole = walk.run(save_as=f"walks/{walk.here.memory.spec.name}")
    folder = Path(whole[4].splitlines()[0].removeprefix("saved in "))
    files = sorted(folder.glob("*.safetensors"))
    assert len(files) == 2
    files[1].unlink()
    again = walk.run(save_as=f"walks/{walk.here.memory.spec.name}")
    for ours, before in zip(again[0]["samples"].unbind(), whole[0]["samples"].unbind(), strict=True):
        assert torch.equal(ours, before)


def test_chunks_of_minimax_h3_are_written_from_latents_of_one_video_frame_first(pack):
    walk = Walk(pack, H3)
    memory = walk.run()[2]
    written = torch.cat([block.frame for block in memory.blocks[len(walk.here.memory.blocks) :]]).tolist()
    assert not written or written[0] % 5 == 0


def test_a_chunk_of_another_length_is_refused_by_the_lengths_that_fit(pack):
    walk = Walk(pack, H3)
    with pytest.raises(pack.core.MirageError, match=r"chunk_frames: must be 5 \+ 17 n .* \(22, 39, \.\.\.\); got 33"):
        walk.run(chunk_frames=33)


def test_ltx_walks_in_silence_without_a_sound(pack):
    walk = Walk(pack, LTX)
    latent, *_ = walk.run(sound=None)
    assert latent["samples"].shape == (1, 128, 5, 6, 10)


def test_sound_that_is_masked_stays(pack):
    walk = Walk(pack, LTX)
    sound, mask = torch.randn(1, 8, 33, 16), torch.ones(1, 1, 33, 1)
    mask[:, :, 10:20] = 0.0
    latent, *_ = walk.run(sound={"samples": sound, "noise_mask": mask})
    made = latent["samples"].unbind()[1]
    torch.testing.assert_close(made[:, :, 10:20], sound[:, :, 10:20])
    assert (made[:, :, 20:] - sound[:, :, 20:]).abs().mean() > 0.1


def test_sound_for_a_model_that_makes_none_is_refused(pack):
    walk = Walk(pack, LTX)
    walk.model = ltx()
    with pytest.raises(pack.core.MirageError, match="sound: must not be given to LTXV, which makes none"):
        walk.run(**short_texts(torch.int64))


@pytest.mark.parametrize("name, shape, channels", [(LTX, (1, 32, 2, 55), 8), (H3, (1, 8, 33, 16), 32)])
def test_sound_of_another_model_is_refused(pack, name, shape, channels):
    with pytest.raises(
        pack.core.MirageError, match=rf"sound: must be latents of {channels} channels.*got float32 \(1, "
    ):
        Walk(pack, name).run(sound={"samples": torch.zeros(shape)})


def test_the_empty_latent_of_minimax_h3_is_the_sound_of_a_walk(pack):
    walk = Walk(pack, H3)
    (empty,) = pack.host_nodes.NODE_CLASS_MAPPINGS["EmptyMiniMaxH3LatentAV"].execute(160, 96, 39).result
    for ours, plain in zip(
        walk.run(sound=empty)[0]["samples"].unbind(), walk.run()[0]["samples"].unbind(), strict=True
    ):
        assert torch.equal(ours, plain)
