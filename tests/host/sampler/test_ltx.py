"""A memory in LTX models: a timestep for every token, guides, and sound."""

from dataclasses import replace

import pytest
import torch
from families import Read, ltx, ltx_with_sound, short_texts
from remembered import SAMPLER, mode, normal, world

SOUND = (1, 8, 5, 16)
MODELS = {
    "without sound": (ltx, lambda: short_texts(torch.int64)),
    "with": (ltx_with_sound, lambda: short_texts(width=64)),
}


@pytest.fixture(params=MODELS)
def family(request):
    """A model, and its texts."""
    build, texts = MODELS[request.param]
    return build(), texts()


@pytest.fixture
def here(pack):
    return world(pack, 128, temporal=8, frames=17, name="ltx")


@pytest.fixture
def made(pack):
    def run(model, here, **others):
        return pack.node("Mirage_MemorySampler").execute(model=model, **here.inputs(**{**SAMPLER, **others})).result[0]

    return run


@pytest.fixture
def applied(pack):
    """Model, texts and latent of Apply Memory to Model."""

    def run(model, here, **others):
        return pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**others)).result[:4]

    return run


@pytest.fixture
def sampled(pack):
    def run(model, positive, negative, latent, steps=3):
        return pack.host_nodes.KSampler().sample(model, 3, steps, 3.0, "euler", "simple", positive, negative, latent)[0]

    return run


def video(latent):
    samples = latent["samples"]
    return samples.unbind()[0] if samples.is_nested else samples


def timesteps(call, here):
    """Of the first sample's video: ``(T, h, w)``."""
    t = call["t"][0] if isinstance(call["t"], (list, tuple)) else call["t"]
    return t[0].reshape(-1)[: here.known.numel()].view(here.known.shape)


def seen(call):
    x = call["x"]
    return x[0] if isinstance(x, (list, tuple)) else x


def silence():
    from comfy.nested_tensor import NestedTensor

    return {"samples": NestedTensor((torch.zeros(1, 128, 3, 6, 10), torch.zeros(SOUND)))}


def assert_known(latents, here):
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-4, rtol=0)


def test_known_tokens_enter_clean_and_are_told_so(family, here, made, monkeypatch):
    model, texts = family
    read = Read(model, monkeypatch)
    assert_known(video(made(model, here, **texts)), here)
    for call in read.calls:
        t = timesteps(call, here)
        assert not t[here.known].any() and bool((t[~here.known] > 0).all())
        torch.testing.assert_close(seen(call)[0][:, here.known], normal(model, here.splat)[0][:, here.known])


def test_a_part_of_the_schedule_is_told_with_its_own_timesteps(family, here, made, monkeypatch):
    model, texts = family
    read = Read(model, monkeypatch)
    made(model, here, **texts, **mode("per-token", 0.0, 0.5), steps=4)
    shares = [float((timesteps(call, here) == 0).float().mean()) for call in read.calls]
    known = float(here.known.float().mean())
    assert shares[0] == pytest.approx(known) and shares[-1] == 0.0
    clean = normal(model, here.splat)[0][:, here.known]
    assert (seen(read.calls[-1])[0][:, here.known] - clean).abs().mean() > 0.01


@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_below_strength_1_a_prediction_ends_at_the_level_of_its_token(family, here, made, monkeypatch, strength):
    """A network that answers with the flow of a known video ends exactly in it, whatever the levels of its tokens."""
    model, texts = family
    target = normal(model, here.splat)
    network = model.get_model_object("diffusion_model")

    def flow(x, timestep, *_, **__):
        own = x[0] if isinstance(x, (list, tuple)) else x
        t = timestep[0] if isinstance(timestep, (list, tuple)) else timestep
        level = t[:, : here.known.numel()].reshape(len(own), 1, *here.known.shape)
        out = (own - target) / level.clamp(min=1e-6)
        return out

    monkeypatch.setattr(network, "forward", flow)
    latents = video(made(model, here, **texts, strength=strength, steps=4, cfg=1.0))
    assert_known(latents, here)


@pytest.mark.parametrize("name", ["per-token", "blend", "guides"])
def test_two_memories_make_two_videos_and_strength_0_the_plain_one(family, here, made, sampled, name):
    model, texts = family
    first = video(made(model, here, **texts, **mode(name)))
    (block,) = here.memory.blocks
    other = {"memory": replace(here.memory, blocks=(replace(block, features=-block.features),))}
    second = video(made(model, here, **texts, **mode(name), **other))
    assert (first - second)[0][:, ~here.known].abs().max() > 1e-4
    plain = sampled(model, *texts.values(), {"samples": torch.zeros(1, 128, 3, 6, 10)})
    assert torch.equal(video(made(model, here, **texts, **mode(name), strength=0.0)), video(plain))


@pytest.mark.parametrize("name", ["per-token", "blend", "guides"])
def test_sound_goes_through_both_nodes(here, made, applied, sampled, name):
    model, texts = ltx_with_sound(), short_texts(width=64)
    latent = made(model, here, **texts, **mode(name), start=silence())
    frames, sound = latent["samples"].unbind()
    assert frames.shape == (1, 128, 3, 6, 10) and sound.shape == SOUND and sound.abs().max() > 0
    if name != "guides":
        assert_known(frames, here)
    patched, positive, negative, latent = applied(model, here, **texts, **mode(name), start=silence())
    again, same = sampled(patched, positive, negative, latent)["samples"].unbind()
    assert torch.equal(again[:, :, :3], frames) and torch.equal(same, sound)


@pytest.mark.parametrize("name", ["per-token", "blend"])
def test_sound_may_be_added_to_the_latent_that_comes_out(pack, here, applied, sampled, name):
    model = ltx_with_sound()
    patched, positive, negative, latent = applied(model, here, **short_texts(width=64), **mode(name, 0.0, 0.6))
    concat = pack.host_nodes.NODE_CLASS_MAPPINGS["LTXVConcatAVLatent"]
    (both,) = concat.execute(latent, {"samples": torch.zeros(SOUND)}).result
    frames, sound = sampled(patched, positive, negative, both)["samples"].unbind()
    assert torch.isfinite(frames).all() and sound.abs().max() > 0


def test_sound_for_a_model_that_makes_none_is_refused(pack, here, made):
    with pytest.raises(pack.core.MirageError, match="sound: must not be given to LTXV, which makes none"):
        made(ltx(), here, **short_texts(torch.int64), start=silence())


def guided(here, positive, negative, latent, mask=None):
    from comfy_extras.nodes_lt import LTXVAddGuide

    guide = torch.randn(1, 128, 1, 6, 10, generator=torch.Generator().manual_seed(5))
    mask = torch.ones(1, 1, latent.shape[2], 6, 10) if mask is None else mask
    made = LTXVAddGuide.append_keyframe(positive, negative, 8, latent, mask, guide, 1.0, (8, 32, 32))
    return made, guide


@pytest.mark.parametrize("name", ["per-token", "blend", "guides"])
def test_guides_that_were_added_before_stay(pack, here, made, applied, sampled, name):
    from comfy_extras.nodes_lt import LTXVCropGuides

    model, texts = ltx(), short_texts(torch.int64)
    (positive, negative, latent, mask), guide = guided(here, *texts.values(), torch.zeros(1, 128, 3, 6, 10))
    given = {"positive": positive, "negative": negative, "start": {"samples": latent, "noise_mask": mask}}
    frames = made(model, here, **given, **mode(name))["samples"]
    assert frames.shape == (1, 128, 3, 6, 10)
    assert not torch.equal(frames, made(model, here, **texts, **mode(name))["samples"])
    patched, positive, negative, latent = applied(model, here, **given, **mode(name))
    torch.testing.assert_close(latent["samples"][:, :, 3:4], guide)
    out = sampled(patched, positive, negative, latent)
    cropped = LTXVCropGuides.execute(positive, negative, out).result[2]["samples"]
    assert torch.equal(cropped, frames)


def test_guides_without_the_latent_that_came_with_them_are_refused(pack, here, made):
    (positive, negative, *_), _ = guided(here, *short_texts(torch.int64).values(), torch.zeros(1, 128, 3, 6, 10))
    with pytest.raises(pack.core.MirageError, match="start: must be the latent that came with the guides"):
        made(ltx(), here, positive=positive, negative=negative)


@pytest.mark.parametrize("name", ["per-token", "blend"])
def test_guides_may_be_added_to_what_comes_out(here, applied, sampled, name):
    model = ltx()
    patched, positive, negative, latent = applied(model, here, **short_texts(torch.int64), **mode(name, 0.0, 0.9))
    mask = latent.get("noise_mask")
    (positive, negative, samples, mask), _ = guided(here, positive, negative, latent["samples"], mask)
    out = sampled(patched, positive, negative, {"samples": samples, "noise_mask": mask})["samples"]
    assert out.shape[2] == 4 and torch.isfinite(out).all()


def test_remembered_tokens_are_guides_of_one_video_frame_and_unknown_ones_are_left_out(here, made, monkeypatch, family):
    model, texts = family
    network, inputs = model.get_model_object("diffusion_model"), []
    process = network._process_input

    def spy(*args, **kwargs):
        x, places, more = process(*args, **kwargs)
        sound = isinstance(x, (list, tuple))
        inputs.append((x[0] if sound else x, places[0] if sound else places))
        return x, places, more

    monkeypatch.setattr(network, "_process_input", spy)
    assert video(made(model, here, **texts, **mode("guides"))).shape == (1, 128, 3, 6, 10)
    known = int(here.known.sum())
    tokens, places = inputs[0]
    assert tokens.shape[1] == here.known.numel() + known
    spans = places[0, 0, -known:]  # start and end, in video frames or seconds
    lengths = (spans[:, 1] - spans[:, 0]).unique()
    assert len(lengths) == 1 and len(spans[:, 0].unique()) == 3
    own = places[0, 0, : here.known.numel()]
    assert float((own[-1, 1] - own[-1, 0]) / lengths[0]) == pytest.approx(8.0)


def test_guides_cannot_hold_in_a_part_of_the_schedule(pack, here, made):
    with pytest.raises(pack.core.MirageError, match="start_percent, end_percent: must be 0 and 1 in mode guides"):
        made(ltx(), here, **short_texts(torch.int64), **mode("guides", 0.0, 0.5))
