"""Small models on the CPU: no more threads than their work is worth, and all of them again afterwards."""

import pytest
import torch
from remembered import MODELS, SAMPLER, settings


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def used(models, monkeypatch):
    """The threads that torch has whenever the network runs."""
    network, counts = models["wan21_t2v"].model.diffusion_model, []
    forward = network.forward_orig

    def forward_orig(*given, **options):
        counts.append(torch.get_num_threads())
        return forward(*given, **options)

    monkeypatch.setattr(network, "forward_orig", forward_orig)
    return counts


def test_a_small_model_is_sampled_with_one_thread(four_threads, used, scene, sampled):
    sampled("blend", scene("blend"))
    assert set(used) == {1} and torch.get_num_threads() == 4


def test_so_it_is_by_a_sampler_of_comfyui(four_threads, used, scene, pack, models, extras, plain):
    here = scene("blend")
    inputs = here.inputs(**settings("blend"))
    model, *_, latent, _, _ = pack.node("Mirage_ApplyMemory").execute(model=models[MODELS["blend"]], **inputs).result
    plain(model, latent)
    assert set(used) == {1} and len(used) == SAMPLER["steps"]
    plain(models[MODELS["blend"]], {"samples": latent["samples"]})
    assert used[-1] == torch.get_num_threads() == 4  # the model itself is not changed


def test_a_walk_decodes_and_writes_with_one_thread_too(four_threads, used, long, walked, pack, monkeypatch):
    walking, decoding = pack.module("nodes.host.walk.models"), []
    monkeypatch.setattr(walking, "depth_of_memory", counted(decoding, walking.depth_of_memory))
    walked("blend", long("blend"))
    assert set(used) == set(decoding) == {1} and torch.get_num_threads() == 4


def counted(counts, call):
    return lambda *given: (counts.append(torch.get_num_threads()), call(*given))[1]


def test_all_threads_are_there_again_after_an_error(four_threads, long, walked, pack, monkeypatch):
    walking = pack.module("nodes.host.walk.models")
    monkeypatch.setattr(walking, "depth_of_memory", lambda readout: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        walked("blend", long("blend"))
    assert torch.get_num_threads() == 4


def test_large_work_gets_all_threads_and_work_between_some(four_threads, models, pack, monkeypatch):
    of, model = pack.module("nodes.host.threads").worthwhile, models["wan21_t2v"]
    network = model.model.diffusion_model
    layers = [weight.numel() for weight in network.parameters() if weight.ndim > 1]
    each = 2 * sum(layers) / len(layers) / 4  # per latent token: four of them are one of the network's
    assert of(model, (1, 2, int(3.5 * 4e9 / each) // 2)) == 3
    assert of(model, (1, 2, int(9e9 * 9 / each))) == 4
    monkeypatch.setattr(model, "load_device", torch.device("cuda"))
    assert of(model, (3, 6, 10)) == 4  # the CPU has little to do
