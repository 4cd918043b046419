"""Families that were trained with whole frames: Kandinsky 5, HunyuanVideo 1.5, Cosmos Predict2, CogVideoX 1.5."""

import pytest
import torch
from families import Read, cogvideox, hunyuan15, short_texts
from families_by_configuration import cosmos_predict2, kandinsky5
from look import assert_same
from remembered import SAMPLER, mode, normal, world


@pytest.fixture
def made(pack):
    def run(model, here, **others):
        inputs = here.inputs(**{**SAMPLER, "steps": 2, **short_texts(), **others})
        return pack.node("Mirage_MemorySampler").execute(model=model, **inputs).result[0]["samples"]

    return run


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(9))


def only(here, frame: int):
    """bool ``(T, h, w)``: one frame of them."""
    where = torch.zeros_like(here.known)
    where[frame] = True
    return where


def test_predict2_is_told_the_frames_that_are_known_all_over(pack, made, monkeypatch):
    model, here = cosmos_predict2(17), world(pack, 16, name="wan21")
    core, spec, (H, W) = pack.core, here.memory.spec, here.size
    geometry = core.Geometry(torch.full((1, H, W), 2.0), here.cameras[[0]])  # of the whole wall, seen from the start
    block = core.lift(noise(1, 16, 6, 10), geometry)
    memory = core.LatentMemory(spec).insert(block, cameras=here.cameras[[0]])
    readout = core.splat(memory, core.LatentPath.of(here.cameras, spec, W, H))
    known, splat = readout.known, readout.latents.transpose(0, 1)[None]
    assert bool(known[0].all()) and not bool(known[1:].flatten(1).all(dim=1).any())
    read = Read(model, monkeypatch)
    video = made(model, here, memory=memory, **mode("per-token"))
    for call in read.calls:
        assert call["t"][0].tolist()[0] == 0 and bool((call["t"][0, 1:] > 0).all())
        assert bool((call["x"][0, 16, 0] == 1).all()) and not call["x"][0, 16, 1:].any()
        assert_same(call["x"][:, :16], normal(model, splat), only(here, 0))
    assert_same(video, splat, known)  # the others are pulled to


def test_a_start_that_keeps_half_a_frame_is_held_where_only_whole_frames_can_be_told(pack, made, monkeypatch):
    model, here = cosmos_predict2(17), world(pack, 16, name="wan21")
    start, mask = noise(1, 16, 3, 6, 10), torch.ones(1, 1, 3, 6, 10)
    mask[:, :, 0, :3] = 0.0
    read = Read(model, monkeypatch)
    video = made(model, here, start={"samples": start, "noise_mask": mask}, strength=0.0)
    assert_same(video, start, mask[0, 0] == 0)
    for call in read.calls:
        assert len(call["t"][0].unique()) == 1 and not call["x"][:, 16].any()


def test_a_part_of_the_schedule_is_refused_where_the_mask_is_told_once(pack, made):
    model, here = cosmos_predict2(17), world(pack, 16, name="wan21")
    with pytest.raises(pack.core.MirageError, match="start_percent, end_percent: must be 0 and 1 in mode per-token"):
        made(model, here, **mode("per-token", 0.0, 0.5))


def inputs_of_kandinsky(model, monkeypatch):
    """What its network works on, after all that is put in its place: ``(B, 33, T, h, w)``, call after call."""
    network, inputs = model.get_model_object("diffusion_model"), []
    original = network.forward_orig
    monkeypatch.setattr(network, "forward_orig", lambda x, *args, **kw: (inputs.append(x), original(x, *args, **kw))[1])
    return inputs


def test_a_start_that_the_text_of_kandinsky_gives_stays_before_what_is_remembered(pack, made, monkeypatch):
    model, here, texts = kandinsky5(), world(pack, 16, name="hunyuanvideo"), short_texts()
    first, mask = noise(1, 16, 1, 6, 10), torch.ones(1, 1, 3, 6, 10)
    mask[:, :, 0] = 0.0
    for entries in texts.values():
        entries[0][1].update(time_dim_replace=first, concat_mask=mask)
    inputs = inputs_of_kandinsky(model, monkeypatch)
    made(model, here, **texts, **mode("concat"))
    shown = torch.where(only(here, 0), first, here.splat)
    for x in inputs:
        assert_same(x[:1, :16], normal(model, shown), here.known | only(here, 0))
        assert torch.equal(x[0, 32], (here.known | only(here, 0)).float())


@pytest.mark.parametrize("strength, end", [(1.0, 0.5), (0.25, 1.0)])
def test_kandinsky_is_shown_as_much_and_as_long_as_asked(pack, made, monkeypatch, strength, end):
    model, here = kandinsky5(), world(pack, 16, name="hunyuanvideo")
    inputs = inputs_of_kandinsky(model, monkeypatch)
    made(model, here, strength=strength, steps=4, cfg=1.0, **mode("concat", 0.0, end))
    told = [round(float(x[0, 32][here.known].mean()), 4) for x in inputs]
    clean = normal(model, here.splat)[0][:, here.known]
    near = [float((x[0, :16][:, here.known] - clean).abs().mean()) for x in inputs]
    if end == 1.0:
        assert told == [strength] * 4 and near[0] > 0.1
    else:
        assert told[0] == 1 and told[-1] == 0 and near[0] < 1e-5 < near[-1]


def test_a_mask_of_another_size_in_the_text_of_kandinsky_is_refused(pack, made):
    texts = short_texts()
    texts["positive"][0][1]["concat_mask"] = torch.ones(1, 1, 3, 4, 4)
    with pytest.raises(pack.core.MirageError, match="positive, negative: the start pictures that they hold must be"):
        made(kandinsky5(), world(pack, 16, name="hunyuanvideo"), **texts, **mode("concat"))


def test_a_picture_in_the_text_of_hunyuanvideo_15_stays(pack, made, monkeypatch):
    model, here, texts = hunyuan15(), world(pack, 32, name="hunyuanvideo15"), short_texts()
    picture, mask = torch.zeros(1, 32, 3, 6, 10), torch.ones(1, 1, 3, 6, 10)
    picture[:, :, 0], mask[:, :, 0] = noise(1, 32, 6, 10), 0.0
    for entries in texts.values():
        entries[0][1].update(concat_latent_image=picture, concat_mask=mask)
    read = Read(model, monkeypatch)
    made(model, here, **texts, **mode("concat"))
    given = here.known | only(here, 0)
    expected = torch.where(only(here, 0), picture, torch.where(here.known, here.splat, 0.0))
    torch.testing.assert_close(read.first["x"][:1, 32:64], normal(model, expected))
    assert torch.equal(read.first["x"][0, 64], given.float())


def applied(pack, model, here, **others):
    """Model, texts and latent of Apply Memory to Model."""
    return pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**short_texts(), **others)).result[:4]


@pytest.mark.parametrize("frames", [9, 17])
def test_cogvideox_15_refuses_a_latent_frame_left_over(pack, frames):
    model, here = cogvideox(32, patch_size_t=2, ofs_embed_dim=32), world(pack, 16, name="cogvideox", frames=frames)
    message = rf"cameras: must be 5 \+ 8 n video frames .*reads 2 latent frames as one \({frames - 4}, .*; got {frames}"
    with pytest.raises(pack.core.MirageError, match=message):
        applied(pack, model, here)
    applied(pack, cogvideox(), here)  # the first generation reads each alone


@pytest.mark.parametrize("in_channels, others", [(32, {}), (32, {"patch_size_t": 2, "ofs_embed_dim": 32})])
def test_the_picture_channels_of_cogvideox_hold_the_start(pack, monkeypatch, in_channels, others):
    from comfy_extras.nodes_custom_sampler import SamplerCustom
    from comfy_extras.nodes_void import VOIDSampler

    model, here = cogvideox(in_channels, **others), world(pack, 16, name="cogvideox", frames=13)
    start = noise(1, 16, 1, 6, 10)
    patched, positive, negative, latent = applied(pack, model, here, start={"samples": start})
    read = Read(model, monkeypatch)
    sampler, sigmas = VOIDSampler.execute().result[0], torch.tensor([10.0, 1.0, 0.0])
    out = SamplerCustom.execute(patched, True, 3, 1.0, positive, negative, sampler, sigmas, latent).result[0]["samples"]
    assert_same(read.first["x"][:1, 16:], normal(model, start).expand(-1, -1, 4, -1, -1), only(here, 0))
    assert not read.first["x"][:, 16:, 1:].any()
    assert_same(out, here.splat, here.known & ~only(here, 0))
    assert torch.isfinite(out).all()


def test_kandinsky_is_left_uncompiled_where_it_is_shown_tokens_in_place_of_noise(pack, made):
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    model, here = kandinsky5(), world(pack, 16, name="hunyuanvideo")
    expected, compiled = made(model, here, **mode("concat")), model.clone()
    set_torch_compile_wrapper(model=compiled, backend="eager")
    inputs = here.inputs(**{**SAMPLER, "steps": 2, **short_texts(), **mode("concat")})
    output = pack.node("Mirage_MemorySampler").execute(model=compiled, **inputs)
    said = "model: is compiled, which has no effect: the mode is concat, which works inside the network."
    assert said in output.ui["mirage_notes"]
    assert torch.equal(output.result[0]["samples"], expected)
