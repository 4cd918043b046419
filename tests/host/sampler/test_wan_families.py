"""What Fun-Control, Fun-5B, VACE, SCAIL-2 and Bernini, all of the Wan family, read of a memory."""

import pytest
import torch
from families import wan
from remembered import Captured, mode, normal, texts_with, world


def fun_control(version):
    if version == "2.1":  # 48 channels: x, control, start
        return wan("WanModel", model_type="i2v", in_dim=48)
    return wan("WanModel", in_dim=52, in_dim_ref_conv=16)  # and a mask of the start before it


def control_texts(pack, extras, here, version, **pictures):
    """As ComfyUI's node hands them on, with a control video."""
    (H, W), node = here.size, "WanFunControlToVideo" if version == "2.1" else "Wan22FunControlToVideo"
    video = torch.rand(9, H, W, 3, generator=torch.Generator().manual_seed(4))
    output = pack.node(node).execute(
        **texts_with(), vae=extras["vace"]["vae"], width=W, height=H, length=9, batch_size=1, control_video=video,
        **pictures,
    )  # fmt: skip
    return dict(zip(("positive", "negative"), output.result, strict=False))


def parts(call, version):
    """Control, start and the mask of the start (1 = given) that Fun-Control reads."""
    if version == "2.1":
        control, start = call["x"][:, 16:].split((16, 16), dim=1)
        return control, start, None
    control, mask, start = call["x"][:, 16:].split((16, 4, 16), dim=1)
    return control, start, mask


def assert_masked(mask, given):
    if mask is not None:
        assert torch.equal(mask, given.float().expand_as(mask))


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_fun_control_reads_the_control_of_its_texts_and_the_splat_as_its_start(
    pack, network_reads, made, extras, version
):
    here, model = world(pack, 16), fun_control(version)
    texts = control_texts(pack, extras, here, version)
    theirs = normal(model, texts["positive"][0][1]["concat_latent_image"][:, :16].clone())
    expected = torch.where(here.known, normal(model, here.splat), 0.0)
    assert made(model, here, **texts)[1] == "concat"
    for call in network_reads(model, here, **texts):
        control, start, mask = parts(call, version)
        torch.testing.assert_close(control, theirs.expand_as(control))
        torch.testing.assert_close(start, expected.expand_as(start), atol=1e-6, rtol=1e-6)
        assert_masked(mask, here.known)
    for call in network_reads(model, here):  # and without a control video: nothing is said of it
        control, start, mask = parts(call, version)
        torch.testing.assert_close(control, torch.zeros_like(control), atol=1e-6, rtol=0)
        torch.testing.assert_close(start, expected.expand_as(start), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_the_start_picture_of_fun_control_stays(pack, network_reads, extras, version):
    here, model = world(pack, 16), fun_control(version)
    pictures = {"start_image": torch.rand(1, *here.size, 3, generator=torch.Generator().manual_seed(1))}
    if version == "2.2":  # whose node has no socket for it
        texts = control_texts(pack, extras, here, "2.1", **pictures)
        mask = torch.ones(1, 4, 3, 6, 10)
        mask[:, :, 0] = 0.0
        for entries in texts.values():
            entries[0][1].update(concat_mask=mask, concat_mask_index=16)
    else:
        texts = control_texts(pack, extras, here, version, **pictures)
    theirs = normal(model, texts["positive"][0][1]["concat_latent_image"][:, 16:].clone())
    first = (torch.arange(3) == 0)[:, None, None]
    expected = torch.where(here.known & ~first, normal(model, here.splat), theirs)
    _, start, mask = parts(network_reads(model, here, **texts)[0], version)
    torch.testing.assert_close(start, expected.expand_as(start), atol=1e-6, rtol=1e-6)
    assert_masked(mask, here.known | first)


def test_start_pictures_for_all_of_fun_control_leave_nothing_to_the_memory(pack, made, extras):
    here = world(pack, 16)
    texts = control_texts(pack, extras, here, "2.1", start_image=torch.rand(9, *here.size, 3))
    with pytest.raises(pack.core.MirageError, match="pictures that they hold must leave something to the memory"):
        made(fun_control("2.1"), here, **texts)


def whole_patches(known):
    """bool ``(T, h, w)``: cells of patches of 2 x 2 tokens that are wholly known."""
    T, h, w = known.shape
    whole = known.view(T, h // 2, 2, w // 2, 2).all(4).all(2)
    return whole.repeat_interleave(2, 1).repeat_interleave(2, 2)


def test_fun_5b_inp_is_shown_the_splat_and_told_the_timestep_of_every_token(pack, network_reads, made, extras):
    here, model = world(pack, 48), wan("WanModel", in_dim=100, out_dim=48)
    grey = normal(model, extras["branch"]["vae"].encode(torch.full((9, *here.size, 3), 0.5)))
    shown, whole = torch.where(here.known, normal(model, here.splat), grey), whole_patches(here.known)
    assert made(model, here, vae=extras["branch"]["vae"])[1] == "concat"
    calls = network_reads(model, here, vae=extras["branch"]["vae"])
    for call in calls:
        x, mask, picture = call["x"].split((48, 4, 48), dim=1)
        torch.testing.assert_close(picture, shown.expand_as(picture), atol=1e-5, rtol=1e-5)
        assert torch.equal(mask, here.known.float().expand_as(mask))
        torch.testing.assert_close(x[0][:, whole], normal(model, here.splat)[0][:, whole], atol=1e-5, rtol=0)
        t = call["t"].view(2, 3, 3, 5).repeat_interleave(2, 2).repeat_interleave(2, 3)
        assert torch.equal(t == 0, whole.expand_as(t)) and len(t.unique()) == 2
    first = calls[0]["x"][0][:48][:, ~whole]
    assert first.std() == pytest.approx(1.0, abs=0.1)  # noise, of all of the unknown


def test_a_start_of_fun_5b_inp_that_is_kept_in_part_is_told_once(pack, network_reads, extras):
    """Told twice, its prediction would be moved back twice."""
    here, model = world(pack, 48), wan("WanModel", in_dim=100, out_dim=48)
    mask = torch.ones(1, 1, 3, 6, 10)
    mask[:, :, :, :4] = 0.5
    start = {"samples": torch.randn(1, 48, 3, 6, 10), "noise_mask": mask}
    given = {"start": start, "vae": extras["branch"]["vae"]}
    t = network_reads(model, here, **given)[0]["t"].view(2, 3, 3, 5)
    t = t.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert bool((t[:, (mask[0, 0] == 0.5) & ~whole_patches(here.known)] == 500.0).all())
    patched = pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**given)).result[0]
    assert len(patched.wrappers["apply_model"]["mirage_token_timesteps"]) == 1


def vace_texts(pack, extras, here, reference: bool):
    """Of WanVaceToVideo, with a control video of its own (depth, say)."""
    H, W = here.size
    pictures = torch.rand(10, H, W, 3, generator=torch.Generator().manual_seed(4))
    output = pack.node("WanVaceToVideo").execute(
        **texts_with(), vae=extras["vace"]["vae"], width=W, height=H, length=9, batch_size=1, strength=0.6,
        control_video=pictures[:9], reference_image=pictures[9:] if reference else None,
    )  # fmt: skip
    return dict(zip(("positive", "negative"), output.result, strict=False))


@pytest.mark.parametrize("reference", [False, True])
def test_vace_fun_reads_a_second_control_and_the_memory_in_both_of_its_stages(
    pack, models, extras, monkeypatch, reference
):
    """Wan 2.2 VACE-Fun is a model for high and one for low noise, with the channels of Wan 2.1 VACE."""
    here, stages = (
        world(pack, 16),
        [models["wan21_vace"], wan("VaceWanModel", in_dim=16, vace_layers=1, vace_in_dim=96)],
    )
    texts, front = vace_texts(pack, extras, here, reference), int(reference)
    grey = normal(stages[0], extras["vace"]["vae"].encode(torch.full((9, *here.size, 3), 0.5)))[0]
    theirs = texts["positive"][0][1]["vace_frames"][0].clone()
    theirs = torch.cat([normal(stages[0], half) for half in theirs.split(16, dim=1)], dim=1)[0]
    for model in stages:
        inputs = here.inputs(vae=extras["vace"]["vae"], **texts)
        patched, positive, negative, latent, *_ = pack.node("Mirage_ApplyMemory").execute(model=model, **inputs).result
        seen = Captured(model, monkeypatch)
        pack.host_nodes.KSampler().sample(patched, 1, 1, 1.0, "euler", "simple", positive, negative, latent, 1.0)
        assert latent["samples"].shape[2] == seen.first["x"].shape[2] == 3 + front
        assert seen.first["vace_strength"] == [0.6, 1.0]
        control, memory = seen.first["vace_context"][0]  # each (96, R + T, h, w)
        torch.testing.assert_close(control[:32], theirs)
        inactive, reactive, unknown = memory[:, front:].split((16, 16, 64))
        torch.testing.assert_close(inactive, torch.where(here.known, normal(model, here.splat)[0], grey))
        torch.testing.assert_close(reactive, grey)
        assert torch.equal(unknown == 0, here.known.expand(64, -1, -1, -1))
        assert bool((memory[32:, :front] == 1).all())  # nothing is said of the reference


def scail2():
    return wan("SCAIL2WanModel", in_dim=20)


def test_scail_2_reads_the_memory_as_its_history(pack, network_reads, made):
    here, model = world(pack, 16), scail2()
    latents, chosen = made(model, here)
    assert chosen == "per-token"
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    splat = normal(model, here.splat)[0][:, here.known]
    for call in network_reads(model, here):
        x, history = call["x"].split((16, 4), dim=1)
        assert torch.equal(history, here.known.float().expand_as(history))
        for video in x:
            torch.testing.assert_close(video[:, here.known], splat, atol=1e-5, rtol=0)  # clean at every step
        assert (x[0] - normal(model, here.splat)[0])[:, ~here.known].abs().mean() > 0.1


def test_the_history_of_scail_2_begins_with_the_start_and_weighs_the_memory(pack, network_reads):
    here, model = world(pack, 16), scail2()
    start = torch.randn(1, 16, 1, 6, 10, generator=torch.Generator().manual_seed(9))
    first = (torch.arange(3) == 0)[:, None, None]
    for strength in (0.0, 0.25, 1.0):
        call = network_reads(model, here, start={"samples": start}, strength=strength)[-1]
        x, history = call["x"].split((16, 4), dim=1)
        expected = torch.where(first, 1.0, strength * here.known)
        torch.testing.assert_close(history, expected.expand_as(history))
        torch.testing.assert_close(x[0][:, 0], normal(model, start)[0][:, 0], atol=1e-5, rtol=0)


def test_a_part_of_the_schedule_is_refused_where_the_history_is_the_same_at_every_step(pack, made):
    with pytest.raises(pack.core.MirageError, match="start_percent, end_percent: must be 0 and 1 in mode per-token"):
        made(scail2(), world(pack, 16), **mode("per-token", 0.0, 0.8))


def test_the_videos_of_bernini_stay_beside_the_memory(pack, models, network_reads, made):
    here, model = world(pack, 16), models["wan21_t2v"]
    generator = torch.Generator().manual_seed(6)
    context = [torch.randn(1, 16, frames, 6, 10, generator=generator) for frames in (3, 1)]  # to edit, and a picture
    texts = texts_with(context_latents=context)
    latents, chosen = made(model, here, **texts)
    assert chosen == "blend"
    torch.testing.assert_close(latents[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)
    assert not torch.equal(latents, made(model, here)[0])
    for call in network_reads(model, here, **texts):
        assert call["x"].shape == (2, 16, 3, 6, 10) and len(call["context_latents"]) == 2
        for found, given in zip(call["context_latents"], context, strict=True):
            torch.testing.assert_close(found, normal(model, given).expand_as(found))
