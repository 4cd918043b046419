"""Start frames, batches, refinement, two samplers in a row, picture models."""

import pytest
import torch
from remembered import MODELS, SAMPLER, Captured, T, empty, normal, settings, text, world


def frames(here, count=1, batch=1):
    """A LATENT of frames to begin with, unlike anything in the memory."""
    shape = (batch, here.splat.shape[1], count, *here.splat.shape[3:])
    return {"samples": torch.randn(shape, generator=torch.Generator().manual_seed(9))}


@pytest.mark.parametrize("cfg", [1.0, 3.0])
@pytest.mark.parametrize("name", MODELS)
def test_start_frames_stay_as_they_are(name, cfg, scene, sampled):
    here = scene(name)
    start = frames(here)
    made = sampled(name, here, start=start, cfg=cfg)
    assert made.shape == here.splat.shape
    torch.testing.assert_close(made[:, :, :1], start["samples"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_starts_gives_a_batch_of_videos(name, scene, sampled):
    here = scene(name)
    start = frames(here, batch=2)
    made = sampled(name, here, start=start)
    assert made.shape == (2, *here.splat.shape[1:])
    torch.testing.assert_close(made[:, :, :1], start["samples"], atol=1e-4, rtol=0)
    assert (made[0, :, 1:] - made[1, :, 1:]).abs().max() > 1e-3


def test_start_frames_enter_wan_2_2_clean_and_labelled_0(scene, models, sampled, monkeypatch):
    for name in ("per-token", "branch", "blend"):
        here, model = scene("per-token"), models["wan22_ti2v"]
        with monkeypatch.context() as patch:
            seen, start = Captured(model, patch), frames(here)
            extra = {} if name != "branch" else {"strength": 0.5}
            inputs = dict(start=start, model=model, **extra)
            if name == "blend":
                inputs |= {**settings("blend")}
            sampled("per-token" if name != "branch" else "branch", here, **inputs)
        expected = normal(model, torch.cat([start["samples"]] * T, dim=2))[:, :, :1]
        for call in seen.calls:
            per_frame = call["t"].view(2, T, -1)
            assert (per_frame[:, 0] == 0).all() and (per_frame[:, 1:].amax(2) > 0).all()
            torch.testing.assert_close(call["x"][:, :, :1], expected.expand(2, -1, -1, -1, -1), atol=1e-5, rtol=0)


def test_the_start_goes_into_vace_and_concat_as_known(scene, models, sampled, monkeypatch):
    for name, read in (
        ("vace", lambda call: call["vace_context"][:, 0, :16]),
        ("concat", lambda call: call["x"][:, 20:]),
    ):
        here = scene(name)
        start = frames(here)
        with monkeypatch.context() as patch:
            seen = Captured(models[MODELS[name]], patch)
            sampled(name, here, start=start)
        expected = normal(models[MODELS[name]], start["samples"])
        torch.testing.assert_close(read(seen.first)[:1, :, :1], expected)


def test_a_half_kept_start_frame_gets_two_timesteps_not_their_mean(scene, models, sampled, monkeypatch):
    """Also in modes that leave timesteps to ComfyUI, which would label the whole frame t / 2."""
    here, model = scene("branch"), models["wan22_ti2v"]
    start = frames(here)
    start["noise_mask"] = torch.ones(1, 1, 1, 6, 10)
    start["noise_mask"][..., :4] = 0.0
    seen = Captured(model, monkeypatch)
    sampled("branch", here, start=start)
    t = seen.first["t"].view(2, T, 3, 5)
    assert (t[:, 0, :, :2] == 0).all() and (t[:, 0, :, 2:] == 1000).all() and (t[:, 1:] == 1000).all()


def begins_with(call, model, shape):
    """The clean latents in the first noisy ones, normalised."""
    import comfy.sample

    noise = comfy.sample.prepare_noise(torch.zeros(shape), SAMPLER["seed"])
    return (call["x"][:1, : shape[1]] - call["sigma"] * noise) / (1.0 - call["sigma"])


def test_a_start_as_long_as_the_path_is_refined(scene, models, sampled, monkeypatch):
    here, model = scene("blend"), models["wan21_t2v"]
    start, seen = frames(here, count=T), Captured(model, monkeypatch)
    made = sampled("blend", here, start=start, denoise=0.2)
    begin = torch.where(here.known, here.splat, start["samples"])
    torch.testing.assert_close(begins_with(seen.first, model, begin.shape), normal(model, begin), atol=1e-4, rtol=0)
    torch.testing.assert_close(made[0][:, here.known], here.splat[0][:, here.known], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["vace", "concat", "uni3c", "branch", "blend"])
def test_without_start_a_low_denoise_begins_with_what_the_memory_shows(name, scene, models, sampled, monkeypatch):
    here, model = scene(name), models[MODELS[name]]
    seen = Captured(model, monkeypatch)
    sampled(name, here, denoise=0.2)
    begin = torch.where(here.known, here.splat, empty(model, here))
    torch.testing.assert_close(begins_with(seen.first, model, begin.shape), normal(model, begin), atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler_name, scheduler", [("uni_pc", "normal"), ("dpmpp_2m", "karras"), ("lcm", "beta")])
@pytest.mark.parametrize("name", MODELS)
def test_any_sampler_and_scheduler_of_comfyui(name, sampler_name, scheduler, scene, sampled):
    here = scene(name)
    made = sampled(name, here, sampler_name=sampler_name, scheduler=scheduler, start=frames(here))
    assert torch.isfinite(made).all()
    torch.testing.assert_close(made[:, :, :1], frames(here)["samples"], atol=0.02, rtol=0)  # uni_pc stops before 0


def test_two_samplers_in_a_row_keep_no_noise_in_the_start_frames(scene, models, extras, pack):
    """High and low noise models: the second sampler starts from what the first leaves."""
    here = scene("concat")
    start = frames(here)
    high, low = models["wan22_i2v_high"], pack.model("wan22_i2v_low")
    inputs = here.inputs(**{**extras["concat"], **settings("concat"), "start": start})
    patched, positive, negative, latent, _, _ = pack.node("Mirage_ApplyMemory").execute(model=high, **inputs).result
    assert "noise_mask" not in latent
    advanced = pack.host_nodes.KSamplerAdvanced()
    common = dict(noise_seed=1, steps=4, cfg=3.0, sampler_name="euler", scheduler="simple")
    common |= dict(positive=positive, negative=negative)
    first = advanced.sample(patched, "enable", latent_image=latent, start_at_step=0, end_at_step=2,
                            return_with_leftover_noise="enable", **common)[0]  # fmt: skip
    second = advanced.sample(low, "disable", latent_image=first, start_at_step=2, end_at_step=10000,
                             return_with_leftover_noise="disable", **common)[0]["samples"]  # fmt: skip
    other = advanced.sample(patched, "disable", latent_image=first, start_at_step=2, end_at_step=10000,
                            return_with_leftover_noise="disable", **common)[0]["samples"]  # fmt: skip
    assert torch.isfinite(second).all()
    torch.testing.assert_close(other[:, :, :1], start["samples"], atol=1e-4, rtol=0)


def test_conditioning_of_two_texts_and_a_range_of_steps_stays_as_it_was(scene, models, sampled, monkeypatch):
    """Entries that end at some step are cut further, not replaced."""
    here = scene("concat")
    first, second = text(5)[0], text(6)[0]
    first[1].update(start_percent=0.0, end_percent=0.4)
    second[1].update(start_percent=0.4, end_percent=1.0)
    seen = Captured(models["wan22_i2v_high"], monkeypatch)
    sampled("concat", here, positive=[first, second], cfg=1.0, steps=8, **settings("concat", end_percent=0.7))
    sampling = models["wan22_i2v_high"].model.model_sampling
    released = [bool((call["x"][:, 16:20] == 0).all()) for call in seen.calls]
    assert len(seen.calls) == 8
    assert released == [call["sigma"] < sampling.percent_to_sigma(0.7) for call in seen.calls]


def test_blend_works_on_a_picture_model(pack):
    model = pack.model("sd3")
    here = world(pack, 16, temporal=1)
    positive, negative = ([[entry[0][0], {"pooled_output": torch.zeros(1, 2048)}]] for entry in (text(1), text(2)))
    inputs = here.inputs(positive=positive, negative=negative)
    output = pack.node("Mirage_MemorySampler").execute(model=model, **inputs, **SAMPLER)
    made = output.result[0]["samples"]
    assert output.ui["mirage_conditioning"][0]["mode"] == "blend"
    splat = here.splat[0].transpose(0, 1)
    assert made.shape == splat.shape  # (T, 16, h, w)
    known = here.known[:, None].expand_as(splat)
    torch.testing.assert_close(made[known], splat[known], atol=1e-5, rtol=0)
    assert (made - splat)[~known].abs().mean() > 0.1


@pytest.mark.parametrize("name", MODELS)
def test_cond_and_uncond_one_after_the_other_give_the_same(name, scene, models, sampled, monkeypatch):
    """As ComfyUI runs them when memory is short."""
    here, model = scene(name), models[MODELS[name]]
    together = sampled(name, here, start=frames(here))
    monkeypatch.setattr(type(model), "get_free_memory", lambda self, device: 0)
    seen = Captured(model, monkeypatch)
    apart = sampled(name, here, start=frames(here))
    assert [len(call["x"]) for call in seen.calls] == [1] * 2 * SAMPLER["steps"]
    torch.testing.assert_close(apart, together, atol=1e-3, rtol=0)
