"""What the other models of the Wan family read of a memory."""

from dataclasses import replace

import pytest
import torch
from families import Read, wan
from remembered import SAMPLER, empty, mode, normal, text, world

pytestmark = pytest.mark.filterwarnings("ignore:Using torch.cross without specifying the dim")  # ComfyUI's


@pytest.fixture
def made(pack, extras):
    """Latents of Memory-Conditioned Sampler, and the mode that it used."""

    def run(model, here, **others):
        inputs = here.inputs(**{"vae": extras["vace"]["vae"], **SAMPLER, "steps": 2, **others})
        output = pack.node("Mirage_MemorySampler").execute(model=model, **inputs)
        return output.result[0]["samples"], output.ui["mirage_conditioning"][0]["mode"]

    return run


def seen_by(model, monkeypatch, made, here, **others):
    """What ComfyUI hands to the network, call after call."""
    with monkeypatch.context() as patch:
        read = Read(model, patch)
        made(model, here, **others)
    return read.calls


def texts_with(**values):
    """Both texts, holding these values too."""
    return {"positive": [[text(1)[0][0], dict(values)]], "negative": [[text(2)[0][0], dict(values)]]}


def fun_camera(version):
    if version == "2.1":
        return wan("CameraWanModel", model_type="camera", in_dim=32)
    return wan("CameraWanModel", model_type="camera_2.2", in_dim=36)


def cameras_of(call):
    return call["camera_conditions"]


@pytest.mark.parametrize("version", ["2.1", "2.2"])
@pytest.mark.parametrize("name", ["concat", "blend"])
def test_fun_camera_is_told_the_cameras_that_the_memory_is_read_for(pack, made, monkeypatch, version, name):
    here, model = world(pack, 16), fun_camera(version)
    calls = seen_by(model, monkeypatch, made, here, **mode(name))
    depth = float(here.readout.depth[here.known].median())
    node = pack.node("Mirage_PathToWanCamera")
    expected = node.execute(here.cameras, here.size[1], here.size[0], 1.0 / depth).result[0]
    assert depth == 2.0  # so that the scale does matter
    for call in calls:
        torch.testing.assert_close(cameras_of(call), expected.expand(2, -1, -1, -1, -1))
        if name == "concat":
            picture = torch.where(here.known, normal(model, here.splat), call["x"][:, -16:])
            assert torch.equal(call["x"][:, -16:], picture)


def test_the_embedding_does_not_depend_on_the_units_of_the_scene(pack, made, monkeypatch):
    here, model = world(pack, 16), fun_camera("2.2")
    (block,) = here.memory.blocks
    larger = replace(block, xyz=block.xyz * 8, footprint=block.footprint * 8)
    scaled = {
        "memory": replace(here.memory, blocks=(larger,)),
        "cameras": here.cameras.transformed(scale=8.0),
    }
    small, large = (seen_by(model, monkeypatch, made, here, **others)[0] for others in ({}, scaled))
    torch.testing.assert_close(cameras_of(large), cameras_of(small))
    assert torch.equal(large["x"][:, 16:], small["x"][:, 16:])


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_cameras_of_the_texts_stay_and_the_node_says_so(pack, made, monkeypatch, extras, strength):
    here, model = world(pack, 16), fun_camera("2.2")
    theirs = torch.randn(1, 24, 3, *here.size)
    given = {**texts_with(camera_conditions=theirs), "strength": strength, "vae": extras["vace"]["vae"]}
    for call in seen_by(model, monkeypatch, made, here, **given):
        assert torch.equal(cameras_of(call), theirs.expand(2, -1, -1, -1, -1))
    (said,) = pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**given)).ui["mirage_notes"]
    assert said.startswith("positive, negative: hold a camera embedding of their own" if strength else "strength: 0")


def test_at_strength_0_fun_camera_is_the_plain_model(pack, made, plain):
    here, model = world(pack, 16), fun_camera("2.2")
    expected = plain(model, {"samples": empty(model, here)}, steps=2)
    assert torch.equal(made(model, here, strength=0.0)[0], expected)


def test_other_wan_models_are_told_no_cameras(pack, models, made, monkeypatch):
    calls = seen_by(models["wan22_i2v_high"], monkeypatch, made, world(pack, 16))
    assert not any("camera_conditions" in call for call in calls)


def test_odd_token_grids_of_fun_camera_are_padded_as_the_network_pads_its_latents(pack, made, monkeypatch):
    here = world(pack, 16, tokens=(5, 9))
    call = seen_by(fun_camera("2.2"), monkeypatch, made, here)[0]
    assert here.size == (40, 72) and tuple(cameras_of(call).shape) == (2, 24, 3, 48, 80)


def test_cameras_of_another_video_are_refused_in_words(pack, made):
    here, texts = world(pack, 16), texts_with(camera_conditions=torch.zeros(1, 24, 5, 48, 80))
    message = r"camera embedding .* path's 3 latent frames of \(48, 80\) pixels.* it is for 5 of \(48, 80\)"
    with pytest.raises(pack.core.MirageError, match=message):
        made(fun_camera("2.2"), here, **texts)


def test_every_chunk_of_a_walk_has_the_cameras_of_its_own_part(pack, long, walked, monkeypatch):
    here, model = long("concat"), fun_camera("2.2")
    with monkeypatch.context() as patch:
        read = Read(model, patch)
        walked("concat", here, model=model)
    first, *_, last = (cameras_of(call) for call in read.calls)
    assert first.shape == last.shape == (1, 24, 3, *here.size)
    assert not first[:, :12, 0].any() and not last[:, :12, 0].any()  # each begins at its own first camera
    assert first[:, :12, 1:].abs().max() > 0.01 and last[:, :12, 1:].abs().max() > 0.01
    with pytest.raises(pack.core.MirageError, match="must hold no camera embedding for a walk of several chunks"):
        walked("concat", here, model=model, **texts_with(camera_conditions=first))


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
    pack, made, extras, monkeypatch, version
):
    here, model = world(pack, 16), fun_control(version)
    texts = control_texts(pack, extras, here, version)
    theirs = normal(model, texts["positive"][0][1]["concat_latent_image"][:, :16].clone())
    expected = torch.where(here.known, normal(model, here.splat), 0.0)
    assert made(model, here, **texts)[1] == "concat"
    for call in seen_by(model, monkeypatch, made, here, **texts):
        control, start, mask = parts(call, version)
        torch.testing.assert_close(control, theirs.expand_as(control))
        torch.testing.assert_close(start, expected.expand_as(start), atol=1e-6, rtol=1e-6)
        assert_masked(mask, here.known)
    for call in seen_by(model, monkeypatch, made, here):  # and without a control video: nothing is said of it
        control, start, mask = parts(call, version)
        torch.testing.assert_close(control, torch.zeros_like(control), atol=1e-6, rtol=0)
        torch.testing.assert_close(start, expected.expand_as(start), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_the_start_picture_of_fun_control_stays(pack, made, extras, monkeypatch, version):
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
    _, start, mask = parts(seen_by(model, monkeypatch, made, here, **texts)[0], version)
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


def test_fun_5b_inp_is_shown_the_splat_and_told_the_timestep_of_every_token(pack, made, extras, monkeypatch):
    here, model = world(pack, 48), wan("WanModel", in_dim=100, out_dim=48)
    grey = normal(model, extras["branch"]["vae"].encode(torch.full((9, *here.size, 3), 0.5)))
    shown, whole = torch.where(here.known, normal(model, here.splat), grey), whole_patches(here.known)
    assert made(model, here, vae=extras["branch"]["vae"])[1] == "concat"
    calls = seen_by(model, monkeypatch, made, here, vae=extras["branch"]["vae"])
    for call in calls:
        x, mask, picture = call["x"].split((48, 4, 48), dim=1)
        torch.testing.assert_close(picture, shown.expand_as(picture), atol=1e-5, rtol=1e-5)
        assert torch.equal(mask, here.known.float().expand_as(mask))
        torch.testing.assert_close(x[0][:, whole], normal(model, here.splat)[0][:, whole], atol=1e-5, rtol=0)
        t = call["t"].view(2, 3, 3, 5).repeat_interleave(2, 2).repeat_interleave(2, 3)
        assert torch.equal(t == 0, whole.expand_as(t)) and len(t.unique()) == 2
    first = calls[0]["x"][0][:48][:, ~whole]
    assert first.std() == pytest.approx(1.0, abs=0.1)  # noise, of all of the unknown


def test_a_start_of_fun_5b_inp_that_is_kept_in_part_is_told_once(pack, made, extras, monkeypatch):
    """Told twice, its prediction would be moved back twice."""
    here, model = world(pack, 48), wan("WanModel", in_dim=100, out_dim=48)
    mask = torch.ones(1, 1, 3, 6, 10)
    mask[:, :, :, :4] = 0.5
    start = {"samples": torch.randn(1, 48, 3, 6, 10), "noise_mask": mask}
    given = {"start": start, "vae": extras["branch"]["vae"]}
    t = seen_by(model, monkeypatch, made, here, **given)[0]["t"].view(2, 3, 3, 5)
    t = t.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert bool((t[:, (mask[0, 0] == 0.5) & ~whole_patches(here.known)] == 500.0).all())
    patched = pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**given)).result[0]
    assert len(patched.wrappers["apply_model"]["mirage_token_timesteps"]) == 1
