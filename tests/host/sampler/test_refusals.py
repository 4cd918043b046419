"""What does not fit is told in words before anything is sampled."""

import pytest
import torch
from remembered import MODELS, SAMPLER, mode, settings, text, world


@pytest.fixture
def refused(pack, models, monkeypatch):
    """Assert that both nodes refuse the inputs with a message, and that no model was called."""
    import comfy.samplers

    def run(model, inputs, message):
        monkeypatch.setattr(comfy.samplers.KSampler, "sample", lambda *_, **__: pytest.fail("it went on to sample"))
        for node, more in (("Mirage_ApplyMemory", {}), ("Mirage_MemorySampler", SAMPLER)):
            with pytest.raises(pack.core.MirageError, match=message):
                pack.node(node).execute(model=models.get(model, model), **inputs, **more)

    return run


@pytest.mark.parametrize(
    "name, model, message",
    [
        ("per-token", "wan21_vace", "mode per-token: .*timesteps per token.* WAN21_Vace.* can choose: vace, blend"),
        ("per-token", "wan21_t2v", "mode per-token: .* WAN21.* can choose: blend"),
        ("vace", "wan21_t2v", "mode vace: needs a Wan VACE model; this is WAN21"),
        ("vace", "wan22_ti2v", "mode vace: .*can choose: per-token, blend"),
        ("concat", "wan21_t2v", "mode concat: needs a Wan image-to-video .*; this is WAN21 without picture channels"),
        ("branch", "wan22_ti2v", "mode branch: needs a branch; connect Load Mirage Branch"),
        ("uni3c", "wan21_t2v", "mode uni3c: needs a Uni3C patch; connect Load Model Patch to uni3c"),
        ("fade", "wan21_t2v", "mode: .*auto, branch, vace.*fade"),
    ],
)
def test_a_mode_that_the_model_cannot_take(pack, refused, name, model, message):
    here = world(pack, 48 if model == "wan22_ti2v" else 16)
    refused(model, here.inputs(**mode(name)), message)


def test_a_uni3c_patch_for_another_model(pack, refused, extras):
    patch = extras["uni3c"]["uni3c"]
    here = world(pack, 48)
    refused("wan22_ti2v", here.inputs(uni3c=patch, **mode("uni3c")), "for a Wan model of width 128 with 16 .*with 48")
    refused("wan22_ti2v", here.inputs(uni3c=patch), "mode auto, uni3c because one is connected")
    wrong = extras["branch"]["branch"].patcher
    refused("wan21_t2v", world(pack, 16).inputs(uni3c=wrong, **mode("uni3c")), "a Uni3C patch; got BranchNetwork")


@pytest.mark.parametrize("name", MODELS)
def test_auto_picks_what_the_model_is_for(name, pack, scene, models, extras):
    output = pack.node("Mirage_ApplyMemory").execute(model=models[MODELS[name]], **scene(name).inputs(**extras[name]))
    assert output.ui["mirage_conditioning"][0]["mode"] == name
    assert output.ui["mirage_conditioning"][0]["known"] == pytest.approx(
        scene(name).known.float().mean(dim=(1, 2)).tolist(), abs=1e-4
    )


@pytest.mark.parametrize("name, shade", [("vace", "grey"), ("concat", "grey"), ("branch", "white")])
def test_a_missing_vae(name, shade, scene, refused, extras):
    inputs = scene(name).inputs(**{**extras[name], **settings(name), "vae": None})
    refused(MODELS[name], inputs, f"vae: mode {name} .*a {shade} clip; connect the model's VAE")


def test_a_vae_of_another_model(scene, refused, extras):
    inputs = scene("vace").inputs(vae=extras["branch"]["vae"], **mode("vace"))
    refused("wan21_vace", inputs, "vae: must make the latents that the memory holds, .*16 channels.*wan22, 48 channels")


@pytest.mark.parametrize(
    "channels, others, message",
    [
        (
            16,
            {},
            "memory: must hold the latents of this model, Wan22 with 48 channels, 16 px, 4 video .*16 channels",
        ),
        (48, {"temporal": 1}, "memory: .*48 channels, 16 px, 1 frames"),
        (48, {"name": "patch-codec"}, "memory: .*it holds patch-codec, 48 channels"),
    ],
)
def test_a_memory_of_other_latents(pack, refused, channels, others, message):
    refused("wan22_ti2v", world(pack, channels, **others).inputs(), message)


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(width=168), "width, height: must be multiples of 16, the pixels of a token of this memory; got 168 x 96"),
        (dict(height=90), "width, height: must be multiples of 16.*got 160 x 90"),
        (dict(width=0), "width, height: must be multiples"),
        (dict(height=160), r"width, height: must have the shape .* 1\.667 : 1; got 160 x 160, 1\.000 : 1"),
        (mode("auto", 0.7, 0.3), r"start_percent, end_percent: must rise within 0 \.\. 1; got 0\.7 and 0\.3"),
    ],
)
def test_sizes_and_windows_that_do_not_fit(scene, refused, change, message):
    refused("wan22_ti2v", scene("per-token").inputs(**change), message)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_a_number_of_cameras_that_no_video_has(scene, refused, count):
    here = scene("per-token")
    message = rf"cameras: must be 1 \+ 4 n video frames.* \({(count - 1) // 4 * 4 + 1}, .*got {count}\."
    refused("wan22_ti2v", here.inputs(cameras=here.cameras[:count]), message)


@pytest.mark.parametrize(
    "name, start, message",
    [
        ("per-token", torch.zeros(1, 48, 4, 6, 10), "start: must not be longer than the path, 3 latent frames; got 4"),
        (
            "per-token",
            torch.zeros(1, 48, 1, 6, 8),
            r"start: must be latents of 48 channels and 10 x 6 .*1, 48, 1, 6, 8",
        ),
        ("per-token", torch.zeros(1, 16, 1, 6, 10), "start: must be latents of 48 channels"),
        ("blend", torch.zeros(1, 16, 1, 12, 20), "start: must be latents of 16 channels and 10 x 6 tokens"),
    ],
)
def test_start_frames_that_do_not_fit(name, start, message, scene, refused):
    refused(MODELS[name], scene(name).inputs(start={"samples": start}), message)


@pytest.mark.parametrize("shape", [(9, 96, 160), (1, 1, 3, 6, 10), (1, 1, 9, 6, 10), (1, 1, 1, 12, 20)])
def test_a_noise_mask_that_comfyui_would_squeeze_in_time(shape, scene, refused):
    start = {"samples": torch.zeros(1, 48, 1, 6, 10), "noise_mask": torch.zeros(shape)}
    message = r"start: its noise mask must be \(1, 1, 1, 6, 10\), per latent frame and token; got"
    refused("wan22_ti2v", scene("per-token").inputs(start=start), message)


def test_references_in_another_mode_or_as_a_batch(scene, refused, extras):
    reference = {"samples": torch.zeros(1, 48, 1, 6, 10)}
    here = scene("per-token")
    refused("wan22_ti2v", here.inputs(reference=reference), "reference: is for mode branch; the mode is per-token")
    several = {"samples": torch.zeros(2, 48, 1, 6, 10)}
    inputs = here.inputs(**{**extras["branch"], **settings("branch"), "reference": several})
    refused("wan22_ti2v", inputs, "reference: must be one video of remembered frames; got a batch of 2")


def test_a_batch_of_videos_for_a_picture_model(pack, refused):
    here = world(pack, 16, temporal=1)
    start = {"samples": torch.zeros(2, 16, 9, 6, 10)}
    refused(pack.model("sd3"), here.inputs(start=start), "start: must be one row of pictures for a picture model")


def test_context_windows(scene, refused, models):
    model = models["wan22_ti2v"].clone()
    model.model_options["context_handler"] = object()
    refused(model, scene("per-token").inputs(), "model: context windows cannot be combined with a memory")


@pytest.mark.parametrize("name", ["branch", "per-token"])
def test_other_in_context_latents(name, pack, scene, models, extras):
    """They reach the network by another way, so this is told when it is called first."""
    here, positive = scene(name), text(1)
    positive[0][1]["time_dim_concat"] = torch.zeros(1, 48, 1, 6, 10)
    inputs = here.inputs(**{**extras[name], **settings(name), "positive": positive, **SAMPLER})
    with pytest.raises(pack.core.MirageError, match=f"{name}: other in-context latents cannot be combined"):
        pack.node("Mirage_MemorySampler").execute(model=models["wan22_ti2v"], **inputs)


@pytest.mark.parametrize("name", MODELS)
def test_a_latent_of_another_size_than_the_memory_was_read_for(name, pack, scene, models, extras):
    """Apply Memory to Model, and then another latent for the sampler."""
    here, model = scene(name), models[MODELS[name]]
    inputs = here.inputs(**{**extras[name], **settings(name)})
    patched, positive, negative, *_ = pack.node("Mirage_ApplyMemory").execute(model=model, **inputs).result
    channels = here.splat.shape[1]
    message = rf"latent: must be .* 3 latent frames of \(6, 10\) .*; the sampler brings \(1, {channels}, 2, 6, 10\)"
    other = {"samples": torch.zeros(1, channels, 2, 6, 10)}
    with pytest.raises(pack.core.MirageError, match=message):
        pack.host_nodes.KSampler().sample(patched, 1, 2, 1.0, "euler", "simple", positive, negative, other, 1.0)


def test_an_empty_memory(pack, scene, refused):
    here = scene("per-token")
    nothing = pack.core.LatentMemory(here.memory.spec)
    refused("wan22_ti2v", here.inputs(memory=nothing), "memory: must hold points; it is empty")
