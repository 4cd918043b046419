"""Causal Wan reads the memory block after block, in ComfyUI's sampler of its own."""

import pytest
import torch
from families import Read, wan
from remembered import mode, normal, world


def causal():
    return wan("WanModel", in_dim=16, transformer={"causal_ar": True})


@pytest.fixture
def in_blocks(pack):
    """Latents of SamplerARVideo on what Apply Memory to Model hands on."""

    def run(model, here, frames, cfg=1.0, latent=None, **others):
        node = pack.node("Mirage_ApplyMemory")
        patched, positive, negative, ours, *_ = node.execute(model=model, **here.inputs(**others)).result
        (sampler,) = pack.node("SamplerARVideo").execute(frames).result
        (sigmas,) = pack.node("BasicScheduler").execute(patched, "simple", 2, 1.0).result
        latent = ours if latent is None else {"samples": latent}
        custom = pack.node("SamplerCustom")
        return custom.execute(patched, True, 3, cfg, positive, negative, sampler, sigmas, latent).result[0]["samples"]

    return run


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_causal_wan_finds_what_is_known_in_every_block_that_it_makes(pack, in_blocks, monkeypatch, frames):
    here, model = world(pack, 16), causal()
    with monkeypatch.context() as patch:
        read = Read(model, patch)
        latents = in_blocks(model, here, frames)
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    assert (latents - here.splat)[0][:, ~here.known].abs().mean() > 0.1
    read_again = [call["x"] for call in read.calls if not call["t"].any()]  # each block, clean, for those after it
    assert [x.shape[2] for x in read_again] == {1: [1, 1, 1], 2: [2, 1], 3: [3]}[frames]
    clean = torch.cat(read_again, dim=2)
    torch.testing.assert_close(clean[0][:, here.known], normal(model, here.splat)[0][:, here.known], atol=1e-5, rtol=0)


def test_causal_wan_in_the_memory_sampler_and_beside_its_own_start_picture(pack, made, in_blocks, monkeypatch):
    here, model = world(pack, 16), causal()
    latents, chosen = made(model, here, cfg=1.0, sampler_name="ar_video")
    assert chosen == "blend"
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    picture = torch.randn(1, 16, 1, 6, 10, generator=torch.Generator().manual_seed(9))
    begun = model.clone()  # as ARVideoI2V leaves it
    begun.model_options["transformer_options"]["ar_config"] = {"initial_latent": picture}
    latents = in_blocks(begun, here, 1)
    torch.testing.assert_close(latents[:, :, :1], picture, atol=1e-5, rtol=0)
    later = here.known & (torch.arange(3) > 0)[:, None, None]
    torch.testing.assert_close(latents[0][:, later], here.splat[0][:, later], atol=1e-5, rtol=0)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_causal_wan_reads_its_start_before_the_first_block(pack, in_blocks, monkeypatch, strength):
    here, model = world(pack, 16), causal()
    start = {"samples": torch.randn(1, 16, 1, 6, 10, generator=torch.Generator().manual_seed(9))}
    with monkeypatch.context() as patch:
        read = Read(model, patch)
        latents = in_blocks(model, here, 2, start=start, strength=strength)
    first = read.first
    assert not first["t"].any() and torch.equal(first["x"], normal(model, start["samples"]))
    torch.testing.assert_close(latents[:, :, :1], start["samples"], atol=1e-5, rtol=0)
    assert "ar_config" not in model.model_options["transformer_options"]  # the model that came in is as it was


def test_what_the_sampler_of_blocks_cannot_do_is_told_in_words(pack, in_blocks, extras):
    here, model = world(pack, 16), causal()
    with pytest.raises(pack.core.MirageError, match=r"cfg: must be 1 with the sampler ar_video.*; got 3"):
        in_blocks(model, here, 1, cfg=3.0)
    with pytest.raises(pack.core.MirageError, match="mode uni3c: has no effect in the sampler ar_video"):
        in_blocks(model, here, 1, **extras["uni3c"], **mode("uni3c"))
    for frames in (2, 5):
        with pytest.raises(
            pack.core.MirageError, match=rf"latent: must be the one .*brings \(1, 16, {frames}, 6, 10\)"
        ):
            in_blocks(model, here, 1, latent=torch.zeros(1, 16, frames, 6, 10))
