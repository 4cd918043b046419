"""What a memory does, or is told that it cannot do, with families of models beside plain Wan."""

from dataclasses import replace

import pytest
import torch
from families import Read, cogvideox, hunyuan, hunyuan15, ltx, short_texts, wan
from families_by_configuration import mochi
from remembered import SAMPLER, empty, mode, normal, settings, text, world


@pytest.fixture
def made(pack):
    """Latents of Memory-Conditioned Sampler, and the mode that it used."""

    def run(model, here, **others):
        output = pack.node("Mirage_MemorySampler").execute(model=model, **here.inputs(**{**SAMPLER, **others}))
        return output.result[0]["samples"], output.ui["mirage_conditioning"][0]["mode"]

    return run


@pytest.fixture
def refused(pack, monkeypatch):
    """Assert that both nodes refuse with a message, and that no model was called."""
    import comfy.samplers

    def run(model, inputs, message):
        with monkeypatch.context() as patch:
            patch.setattr(comfy.samplers.KSampler, "sample", lambda *_, **__: pytest.fail("it went on to sample"))
            for node, more in (("Mirage_ApplyMemory", {}), ("Mirage_MemorySampler", SAMPLER)):
                with pytest.raises(pack.core.MirageError, match=message):
                    pack.node(node).execute(model=model, **inputs, **more)

    return run


def other(here):
    """The same world with other latents in it."""
    (block,) = here.memory.blocks
    return {"memory": replace(here.memory, blocks=(replace(block, features=-block.features),))}


@pytest.mark.parametrize("channels, name", [(33, "HunyuanVideoI2V"), (32, "HunyuanVideoSkyreelsI2V")])
def test_the_picture_channels_of_hunyuan_hold_the_start_and_nothing_that_is_remembered(
    pack, made, monkeypatch, channels, name
):
    model, here = hunyuan(channels), world(pack, 16, name="hunyuanvideo")
    assert type(model.model).__name__ == name
    seen = Read(model, monkeypatch)
    latents, chosen = made(model, here, **short_texts())
    assert chosen == "blend"
    assert all(not call["x"][:, 16:].any() for call in seen.calls)
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    start = {"samples": torch.randn(1, 16, 1, 6, 10, generator=torch.Generator().manual_seed(9))}
    for strength in (1.0, 0.0):
        seen.calls.clear()
        latents, _ = made(model, here, start=start, strength=strength, **short_texts())
        for call in seen.calls:
            picture, given = call["x"][:, 16:32], call["x"][:, 32:]
            torch.testing.assert_close(picture[:1, :, :1], normal(model, start["samples"]))
            assert not picture[:, :, 1:].any() and not given[:, :, 1:].any() and bool((given[:, :, :1] == 1).all())
        torch.testing.assert_close(latents[:, :, :1], start["samples"], atol=1e-4, rtol=0)


def test_a_picture_that_a_hunyuan_text_holds_already_stays(pack, made, monkeypatch):
    model, here, texts = hunyuan(33), world(pack, 16), short_texts()
    picture, mask = torch.randn(1, 16, 1, 6, 10), torch.ones(1, 1, 3, 6, 10)
    mask[:, :, :1] = 0.0
    for entries in texts.values():
        entries[0][1].update(concat_latent_image=picture, concat_mask=mask)
    seen = Read(model, monkeypatch)
    made(model, here, **texts)
    torch.testing.assert_close(seen.first["x"][:1, 16:32, :1], normal(model, picture))
    assert bool((seen.first["x"][:, 32, 0] == 1).all()) and not seen.first["x"][:, 32, 1:].any()


def test_humo_is_not_given_a_picture_that_it_would_write_over(pack, made, refused, extras):
    model, here = wan("HumoWanModel", in_dim=36), world(pack, 16)
    inputs = {**extras["concat"]}
    latents, chosen = made(model, here, **inputs)
    assert chosen == "blend"
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    assert not torch.equal(made(model, here, **inputs, **other(here))[0], latents)
    message = "mode concat: .*this is WAN21_HuMo without picture channels to fill.* can choose: blend"
    refused(model, here.inputs(**inputs, **mode("concat")), message)


def test_uni3c_reads_the_memory_beside_pictures_of_phantom(pack, models, made, extras, monkeypatch):
    here, model = world(pack, 16), models["wan21_t2v"]
    network, inputs = extras["uni3c"]["uni3c"].model, []
    process = network.process_input
    monkeypatch.setattr(network, "process_input", lambda x: (inputs.append(x.clone()), process(x))[1])
    positive, negative = text(1), text(2)
    positive[0][1]["time_dim_concat"] = torch.randn(1, 16, 2, 6, 10)  # of two subjects; the negative text has none
    given = {**extras["uni3c"], **settings("uni3c"), "positive": positive, "negative": negative}
    latents, _ = made(model, here, **given)
    assert sorted({x.shape[2] for x in inputs}) == [3, 5]
    expected = normal(model, torch.where(here.known, here.splat, empty(model, here)))
    for x in inputs:
        torch.testing.assert_close(x[:, 20:, :3], expected)
        assert not x[:, 20:, 3:].any()
    assert not torch.equal(made(model, here, **{**given, **other(here)})[0], latents)


@pytest.mark.parametrize(
    "build, channels, name, what",
    [
        (lambda: wan("WanModel", in_dim=16, transformer={"model_type": "flow_rvs"}), 16, "WAN21_FlowRVS", "works on"),
        (lambda: hunyuan15(98), 32, "HunyuanVideo15_SR_Distilled", "makes a video larger"),
    ],
)
@pytest.mark.parametrize("strength", [1.0, 0.0])
def test_models_that_a_memory_cannot_steer(pack, refused, build, channels, name, what, strength):
    inputs = world(pack, channels).inputs(strength=strength)
    refused(build(), inputs, f"model: must make pictures or video from noise.*; {name} {what}.* Choose another model")


def test_animate_takes_no_mode_by_itself_and_keeps_its_reference_picture(pack, refused, made, extras, monkeypatch):
    model, here = wan("AnimateWanModel", "model_animate", in_dim=36, num_layers=5), world(pack, 16)
    refused(model, here.inputs(**extras["concat"]), "mode auto: .*WAN22_Animate, whose first latent frame is its refer")
    positive, negative = text(1), text(2)
    picture, mask = torch.randn(1, 16, 3, 6, 10), torch.ones(1, 4, 3, 6, 10)
    mask[:, :, :1] = 0.0
    for entries in (positive, negative):
        entries[0][1].update(concat_latent_image=picture, concat_mask=mask)
    seen = Read(model, monkeypatch)
    made(model, here, positive=positive, negative=negative, **extras["concat"], **mode("concat"))
    expected = torch.where(here.known & (torch.arange(3) > 0)[:, None, None], here.splat, picture)
    torch.testing.assert_close(seen.first["x"][:1, 20:], normal(model, expected))


@pytest.mark.parametrize("name", ["", "ltx"])
def test_ltx_has_32_pixels_to_a_token_and_8_frames_to_a_latent(pack, made, refused, name):
    model, here = ltx(), world(pack, 128, temporal=8, frames=17, name=name)
    latents, chosen = made(model, here, **short_texts(torch.int64))
    assert chosen == "per-token" and latents.shape == (1, 128, 3, 6, 10)
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    message = r"cameras: must be 1 \+ 8 n video frames.* \(9, 17, \.\.\.\); got 13"
    refused(model, here.inputs(cameras=here.cameras[:13], **short_texts(torch.int64)), message)
    message = "width, height: must be multiples of 32.*got 304 x 192. Near them are 288 or 320 and 192"
    refused(model, here.inputs(width=304, **short_texts(torch.int64)), message)


def test_a_start_of_ltx_may_have_a_mask_of_whole_frames(pack, made):
    here, start = world(pack, 128, temporal=8, frames=17), torch.randn(1, 128, 3, 6, 10)
    mask = torch.ones(1, 1, 3, 1, 1)
    mask[:, :, :1] = 0.0
    latents, _ = made(ltx(), here, start={"samples": start, "noise_mask": mask}, **short_texts(torch.int64))
    torch.testing.assert_close(latents[:, :, :1], start[:, :, :1], atol=1e-4, rtol=0)
    assert (latents[:, :, 1:] - start[:, :, 1:]).abs().mean() > 0.1


def test_another_latent_than_the_one_with_the_start_is_refused_at_strength_0_too(pack, models):
    here, start = world(pack, 16), {"samples": torch.randn(1, 16, 1, 6, 10)}
    given = here.inputs(start=start, strength=0.0)
    patched, positive, negative, *_ = pack.node("Mirage_ApplyMemory").execute(model=models["wan21_t2v"], **given).result
    with pytest.raises(pack.core.MirageError, match="latent: must be the one that comes with the conditioned model"):
        longer = {"samples": torch.zeros(1, 16, 5, 6, 10)}
        pack.host_nodes.KSampler().sample(patched, 1, 2, 1.0, "euler", "simple", positive, negative, longer, 1.0)


def test_mochi_has_6_frames_to_a_latent(pack, made, refused):
    model, here = mochi(), world(pack, 12, temporal=6, frames=13, name="mochi")
    latents, _ = made(model, here, **short_texts(torch.bool))
    assert latents.shape == (1, 12, 3, 6, 10)
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    longer = world(pack, 12, temporal=6, frames=33)
    message = r"cameras: must be 1 \+ 6 n.*\(31, 37, \.\.\.\); got 33"
    refused(model, longer.inputs(**short_texts(torch.bool)), message)


def test_cogvideox_is_left_to_a_sampler_of_its_own(pack, made):
    model, here = cogvideox(), world(pack, 16, name="cogvideox")
    with pytest.raises(pack.core.MirageError, match="CogVideoX needs one of its own"):
        made(model, here, **short_texts())
    output = pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**short_texts()))
    assert output.result[3]["samples"].shape == here.splat.shape


@pytest.mark.parametrize("held, channels", [("hunyuanvideo", 16), ("cogvideox", 16), ("seedvr2", 16), ("flux", 16)])
def test_wan_refuses_a_memory_of_another_format_of_its_shape(pack, models, refused, held, channels):
    inputs = world(pack, channels, name=held).inputs()
    refused(models["wan21_t2v"], inputs, f"memory: must hold the latents of this model, Wan21 .*; it holds {held}, 16")


def test_hunyuan_refuses_a_memory_of_wan_and_a_vae_of_wan(pack, refused, extras):
    model, texts = hunyuan(), short_texts()
    refused(model, world(pack, 16, name="wan21").inputs(**texts), "memory: .*HunyuanVideo .*; it holds wan21, 16")
    unnamed = world(pack, 16).inputs(vae=extras["vace"]["vae"], **texts)
    refused(model, unnamed, "vae: must make the latents that the memory holds, unnamed, .*; it makes wan21, 16")


def test_a_memory_that_does_not_know_its_format_is_taken_and_the_log_says_so(pack, models, made, caplog):
    made(models["wan21_t2v"], world(pack, 16, name="wan21"))
    assert "does not say which VAE" not in caplog.text
    made(models["wan21_t2v"], world(pack, 16))
    assert "does not say which VAE its latents are of; they are taken for Wan21" in caplog.text


class FunControl:
    """Wan2.2-Fun-5B-Control with a reference picture in its texts."""

    TOKENS = 15  # 3 x 5 patches of a frame

    def __init__(self):
        self.model = wan("WanModel", in_dim=148, out_dim=48, in_dim_ref_conv=48, num_layers=4)
        reference = torch.randn(1, 48, 1, 6, 10, generator=torch.Generator().manual_seed(5))
        self.texts = {"positive": text(1), "negative": text(2)}
        for entries in self.texts.values():
            entries[0][1]["reference_latents"] = [reference]


@pytest.mark.parametrize("name", ["per-token", "blend"])
def test_the_reference_of_fun_control_is_labelled_like_the_rest_of_the_video(pack, made, monkeypatch, name):
    control, here = FunControl(), world(pack, 48)
    start = {"samples": torch.randn(1, 48, 1, 6, 10)}
    labels, network = [], control.model.get_model_object("diffusion_model")
    original = network.forward_orig
    monkeypatch.setattr(
        network, "forward_orig", lambda x, t, *args, **kwargs: (labels.append(t), original(x, t, *args, **kwargs))[1]
    )
    latents, _ = made(control.model, here, start=start, **control.texts, **mode(name))
    assert torch.isfinite(latents).all()
    torch.testing.assert_close(latents[:, :, :1], start["samples"], atol=1e-4, rtol=0)
    for t in labels:
        reference, frames = t[:, : control.TOKENS], t[:, control.TOKENS :].view(len(t), 3, control.TOKENS)
        assert bool((reference == frames.amax()).all()) and bool((frames[:, 0] == 0).all())
        assert bool((frames[:, 1:] == 0).any()) is (name == "per-token")


def test_the_branch_refuses_fun_control_whose_picture_channels_it_knows_nothing_of(pack, refused, extras):
    control = FunControl()
    inputs = world(pack, 48).inputs(**{**extras["branch"], **settings("branch"), **control.texts})
    refused(control.model, inputs, "branch.*: must be attached to a model that takes noise alone")
