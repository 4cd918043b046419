"""What each conditioning mode puts in front of the network, in ComfyUI's own process."""

import pytest
import torch
from remembered import FRAMES, MODELS, SAMPLER, Captured, T, empty, mode, normal, settings


@pytest.mark.parametrize("name", MODELS)
def test_strength_0_is_the_plain_model(name, scene, models, sampled, plain):
    here, model = scene(name), models[MODELS[name]]
    expected = plain(model, {"samples": empty(model, here)})
    assert torch.equal(sampled(name, here, strength=0.0), expected)


@pytest.mark.parametrize("name", MODELS)
def test_the_memory_changes_what_is_made_and_the_input_model_does_not_change(name, scene, models, sampled, plain):
    here, model = scene(name), models[MODELS[name]]
    latent = {"samples": empty(model, here)}
    before = plain(model, latent)
    steered = sampled(name, here)
    assert torch.isfinite(steered).all()
    assert (steered - before).abs().max() > 1e-2
    assert torch.equal(plain(model, latent), before)
    assert torch.equal(sampled(name, here), steered)  # and the second run gives what the first one gave


def captured(models, monkeypatch, name):
    return Captured(models[MODELS[name]], monkeypatch)


def cells(known):
    """bool ``(T, h, w)`` as ``(1, 1, T, h, w)``."""
    return known[None, None]


def spread(tokens, size):
    """Values of tokens ``(B, T h/2 w/2)`` on the latent grid ``(B, T, h, w)``; odd grids are padded and cut."""
    t, h, w = size
    grid = tokens.view(len(tokens), t, -(-h // 2), -(-w // 2))
    return grid.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :h, :w]


def wholly(known):
    """Cells of patches (2 x 2 tokens; the network pads odd grids with the opposite side) that are wholly known."""
    _, h, w = known.shape
    whole = torch.zeros_like(known)
    for i in range(h):
        for j in range(w):
            rows, columns = (i // 2 * 2, (i // 2 * 2 + 1) % h), (j // 2 * 2, (j // 2 * 2 + 1) % w)
            whole[:, i, j] = known[:, rows][:, :, columns].flatten(1).all(1)
    return whole


@pytest.mark.parametrize("tokens", [(6, 10), (5, 9)], ids=["even", "odd"])
def test_per_token_known_tokens_enter_clean_at_0_and_the_others_at_t(scene, models, sampled, monkeypatch, tokens):
    here, seen = scene("per-token", tokens=tokens), captured(models, monkeypatch, "per-token")
    made = sampled("per-token", here)
    whole = wholly(here.known)
    assert 0.1 < whole.float().mean() < here.known.float().mean() + 1e-6
    splat = normal(models["wan22_ti2v"], here.splat)
    for call in seen.calls:
        t = spread(call["t"], (T, *tokens))  # cond and uncond
        assert len(call["x"]) == 2 and set(t.unique().tolist()) == {0.0, call["t"].max().item()}
        assert call["t"].max() == pytest.approx(1000 * call["sigma"], rel=1e-5)
        for sample, x in zip(t, call["x"][..., : tokens[0], : tokens[1]], strict=True):
            assert torch.equal(sample == 0, whole)
            torch.testing.assert_close(x[:, whole], splat[0][:, whole], atol=1e-5, rtol=0)
    first = seen.first["x"][:, :, :, : tokens[0], : tokens[1]]
    assert first[:, :, ~whole].std() == pytest.approx(1.0, abs=0.1)  # noise, of all of the unknown
    torch.testing.assert_close(made[0][:, whole], here.splat[0][:, whole], atol=1e-4, rtol=0)


def test_per_token_at_half_strength_labels_known_tokens_with_half_the_noise(scene, models, sampled, monkeypatch):
    here, seen = scene("per-token"), captured(models, monkeypatch, "per-token")
    sampled("per-token", here, strength=0.5)
    t = spread(seen.first["t"], here.known.shape)[0]
    whole = wholly(here.known)
    torch.testing.assert_close(t[whole], torch.full_like(t[whole], 500.0))
    torch.testing.assert_close(t[~whole], torch.full_like(t[~whole], 1000.0))


def test_per_token_lets_go_outside_its_window(scene, models, sampled, monkeypatch):
    here, seen = scene("per-token"), captured(models, monkeypatch, "per-token")
    sampled("per-token", here, steps=6, **mode("per-token", 0.0, 0.5))
    middle = models["wan22_ti2v"].model.model_sampling.percent_to_sigma(0.5)
    steers = [bool((call["t"] == 0).any()) for call in seen.calls]
    assert steers == [call["sigma"] >= middle for call in seen.calls]
    assert True in steers and False in steers


def test_vace_reads_splat_and_grey_and_the_mask_of_the_unknown(scene, models, sampled, extras, monkeypatch):
    here, seen = scene("vace"), captured(models, monkeypatch, "vace")
    sampled("vace", here, strength=0.7)
    context = seen.first["vace_context"]  # (2, 1, 96, T, h, w)
    inactive, reactive, mask = context[:, 0].split((16, 16, 64), dim=1)
    model = models["wan21_vace"]
    h, w = here.known.shape[1:]
    grey = normal(model, extras["vace"]["vae"].encode(torch.full((FRAMES, h * 8, w * 8, 3), 0.5)))
    for sample in range(2):
        torch.testing.assert_close(inactive[[sample]], torch.where(cells(here.known), normal(model, here.splat), grey))
        torch.testing.assert_close(reactive[[sample]], grey)
        assert torch.equal(mask[sample] == 0, here.known.expand(64, -1, -1, -1))
    assert seen.first["vace_strength"] == [0.7]


def test_concat_reads_the_splat_on_grey_with_the_mask_of_the_known(scene, models, sampled, extras, monkeypatch):
    here, seen = scene("concat"), captured(models, monkeypatch, "concat")
    sampled("concat", here)
    model = models["wan22_i2v_high"]
    h, w = here.known.shape[1:]
    grey = normal(model, extras["concat"]["vae"].encode(torch.full((FRAMES, h * 8, w * 8, 3), 0.5)))
    expected = torch.where(cells(here.known), normal(model, here.splat), grey)
    for call in seen.calls:
        _, known, picture = call["x"].split((16, 4, 16), dim=1)
        assert torch.equal(known, cells(here.known).float().expand_as(known))  # ComfyUI turns the mask round
        torch.testing.assert_close(picture, expected.expand_as(picture))


def test_uni3c_reads_the_splat_as_its_render_and_encodes_nothing(scene, models, sampled, extras, monkeypatch):
    here = scene("uni3c")
    network, inputs = extras["uni3c"]["uni3c"].model, []
    process = network.process_input
    monkeypatch.setattr(network, "process_input", lambda x: (inputs.append(x.cpu().clone()), process(x))[1])
    sampled("uni3c", here)
    assert len(inputs) == SAMPLER["steps"]
    model = models["wan21_t2v"]
    expected = normal(model, torch.where(cells(here.known), here.splat, empty(model, here)))
    for x in inputs:
        torch.testing.assert_close(x[:, 20:], expected)


def test_blend_at_full_strength_returns_the_splat_where_it_is_known(scene, sampled):
    here = scene("blend")
    made = sampled("blend", here)
    known = here.known
    torch.testing.assert_close(made[0][:, known], here.splat[0][:, known], atol=1e-5, rtol=0)
    assert (made[0][:, ~known] - here.splat[0][:, ~known]).abs().mean() > 0.1


@pytest.mark.parametrize("name", MODELS)
def test_exact_tokens_are_kept_in_every_mode(name, scene, sampled):
    here = scene(name)
    exact = here.readout.exact  # of the first frame, whose camera is the one that wrote them
    assert torch.equal(exact[0], here.known[0]) and not exact[1:].any() and here.known[1:].any()
    kept = sampled(name, here, keep_exact=True)
    torch.testing.assert_close(kept[0][:, exact], here.splat[0][:, exact], atol=1e-5, rtol=0)
    half = sampled(name, here, keep_exact=True, strength=0.5)
    assert (half[0][:, exact] - here.splat[0][:, exact]).abs().max() > 1e-3
    plain = sampled(name, here, strength=0.0)
    torch.testing.assert_close(sampled(name, here, keep_exact=True, strength=0.0), plain)


def test_blend_lets_go_outside_its_window(scene, sampled):
    here = scene("blend")
    released = sampled("blend", here, **mode("blend", 0.0, 0.6))
    assert (released - here.splat)[0][:, here.known].abs().max() > 0.05


@pytest.mark.parametrize("tokens", [(6, 10), (5, 9)], ids=["even", "odd"])
def test_the_branch_reads_the_splat_on_zeros_beside_white(scene, models, sampled, extras, monkeypatch, tokens):
    here, network = scene("branch", tokens=tokens), extras["branch"]["branch"].network
    contexts, embed = [], network.embed
    monkeypatch.setattr(network, "embed", lambda context: (contexts.append(context.cpu().clone()), embed(context))[1])
    sampled("branch", here)
    model = models["wan22_ti2v"]
    h, w = tokens
    white = normal(model, extras["branch"]["vae"].encode(torch.ones(FRAMES, h * 16, w * 16, 3)))
    assert len(contexts) == SAMPLER["steps"]
    for context in contexts:
        splat, score = context.split(48, dim=1)
        expected = torch.where(cells(here.known), normal(model, here.splat), 0.0)
        torch.testing.assert_close(splat, expected.expand(2, -1, -1, -1, -1))
        torch.testing.assert_close(score, white.expand(2, -1, -1, -1, -1))


def test_the_branch_can_read_the_known_mask_as_the_paper_says(scene, sampled, extras, monkeypatch):
    here, network = scene("branch"), extras["branch"]["branch"].network
    contexts, embed = [], network.embed
    monkeypatch.setattr(network, "embed", lambda context: (contexts.append(context.cpu().clone()), embed(context))[1])
    sampled("branch", here, vae=None, **mode("branch", score="known mask"))
    assert torch.equal(contexts[0][0, 48:], here.known.float().expand(48, -1, -1, -1))


def test_the_branch_can_read_where_and_how_large_a_token_was_seen(scene, sampled, extras, monkeypatch):
    here, network = scene("branch"), extras["branch"]["branch"].network
    contexts, embed = [], network.embed
    monkeypatch.setattr(network, "embed", lambda context: (contexts.append(context.cpu().clone()), embed(context))[1])
    sampled("branch", here, vae=None, **mode("branch", score="mask, offset and scale"))
    score = contexts[0][0, 48:]
    assert torch.equal(score[:45], here.known.float().expand(45, -1, -1, -1))
    readout = here.readout
    assert torch.equal(score[45:47], readout.offset.transpose(0, 1))
    known = readout.known
    torch.testing.assert_close(score[47][known], readout.scale[known].log2())
    assert not score[47][~known].any()


@pytest.mark.parametrize("name", ["branch", "uni3c", "vace", "concat"])
def test_every_mode_lets_go_outside_its_window(name, scene, models, sampled, extras, plain):
    """With a window that holds no step, the result is that of the mode without memory: what it says of the unknown."""
    here = scene(name)
    never = sampled(name, here, **settings(name, start_percent=0.999, end_percent=1.0))
    early = sampled(name, here, **settings(name, start_percent=0.0, end_percent=0.5))
    always = sampled(name, here)
    assert (early - always).abs().max() > 1e-4 and (early - never).abs().max() > 1e-4
    if name in ("branch", "uni3c"):
        model = models[MODELS[name]]
        torch.testing.assert_close(never, plain(model, {"samples": empty(model, here)}))


def test_a_strength_between_steers_by_part(scene, sampled):
    for name in ("branch", "uni3c", "vace", "concat", "blend", "per-token"):
        here = scene(name)
        weak, strong = (sampled(name, here, strength=strength) for strength in (0.3, 1.0))
        assert (weak - strong).abs().max() > 1e-3, name
