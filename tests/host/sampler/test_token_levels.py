"""per-token at part strength: a model that knows the answer reaches it, with nothing left of the noise."""

import pytest
import torch
from remembered import T, empty, normal, settings


@pytest.fixture
def oracle(models, scene, monkeypatch):
    """A network whose flow leads from the noise of a seed to a video it knows: what the memory shows, else zeros."""
    model, here = models["wan22_ti2v"], scene("per-token", tokens=(6, 10))
    known = here.known[None, None]
    answer = torch.where(known, normal(model, here.splat), 0.0)
    noise = torch.randn(answer.shape, generator=torch.manual_seed(3))  # of the sampler's seed, 3
    labels = []

    def flow(x, t, *args, **kwargs):
        labels.append(t.clone())
        return (noise - answer).repeat(len(x), 1, 1, 1, 1).to(x)

    monkeypatch.setattr(model.get_model_object("diffusion_model"), "forward_orig", flow)
    return here, known, labels


@pytest.mark.parametrize("sampler_name", ["euler", "dpmpp_2m"])
@pytest.mark.parametrize("steps", [4, 20])
@pytest.mark.parametrize("strength", [1.0, 0.75, 0.5, 0.1])
def test_known_tokens_reach_what_the_model_predicts_at_every_strength(oracle, sampled, strength, steps, sampler_name):
    here, known, labels = oracle
    made = sampled("per-token", here, strength=strength, steps=steps, sampler_name=sampler_name)
    patches = known[0, 0].unflatten(1, (3, 2)).unflatten(3, (5, 2)).all(dim=(2, 4))  # bool (T, h / 2, w / 2)
    whole = patches.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)  # as the network sees them
    torch.testing.assert_close(made[0][:, whole], here.splat[0][:, whole], atol=2e-4, rtol=0)
    assert torch.isfinite(made).all() and patches.any()
    highest = labels[0].amax(dim=1)
    torch.testing.assert_close(labels[0][0][patches.flatten()], ((1 - strength) * highest[0]).expand(patches.sum()))


def test_a_start_that_is_kept_in_part_reaches_what_the_model_predicts(oracle, sampled, models):
    """Frames of a noise mask of halves, token by token, beside another mode."""
    here, known, _ = oracle
    kept = torch.ones(1, 1, T, 6, 10)
    kept[..., :4] = 0.5  # the left of every frame
    model = models["wan22_ti2v"]
    start = {"samples": torch.where(known, here.splat, empty(model, here)), "noise_mask": kept}
    made = sampled("blend", here, model=model, start=start, strength=0.01, **settings("blend", end_percent=0.0))
    left = known[0, 0].clone()
    left[..., 4:] = False
    torch.testing.assert_close(made[0][:, left], here.splat[0][:, left], atol=2e-4, rtol=0)
