"""Models behind ComfyUI's compiling node, which drops every guard on transformer options."""

import pytest
import torch
from remembered import MODELS, settings

USES_COMPILED = {"per-token": True, "branch": False, "uni3c": False}


@pytest.fixture
def graphs():
    """Compiled graphs, each time they run."""
    torch._dynamo.reset()
    yield []
    torch._dynamo.reset()


def compiled(model, graphs):
    """What `TorchCompileModel` makes of a model, with a backend that needs no compiler."""
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    def backend(graph, inputs):
        return lambda *args: (graphs.append(graph), graph(*args))[1]

    clone = model.clone(disable_dynamic=True)
    kept = {"guard_filter_fn": lambda entries: ["transformer_options" not in entry.name for entry in entries]}
    set_torch_compile_wrapper(model=clone, backend=backend, options=kept)
    return clone


@pytest.mark.parametrize("names", [("per-token", "branch"), ("uni3c",)], ids=" ".join)
def test_of_what_was_compiled_for_one_run_nothing_stays_in_another(names, scene, sampled, pack, graphs):
    """First without the memory, then with it, then in a part of the schedule, and without it again."""
    plain = pack.model(MODELS[names[0]])
    network = plain.get_model_object("diffusion_model")
    network.blocks = network.blocks[:1]  # tracing takes seconds a block
    model, here = compiled(plain, graphs), scene(names[0])
    off, part = {"strength": 0.0}, {"start_percent": 0.3, "end_percent": 0.7}
    for name in names:
        for number, (others, window) in enumerate(((off, {}), ({}, {}), ({"strength": 0.5}, part), (off, {}))):
            graphs.clear()
            given = {**others, **settings(name, **window)}
            made = sampled(name, here, model=model, **given)
            assert bool(graphs) == (others == off or USES_COMPILED[name]), (name, number)
            torch.testing.assert_close(made, sampled(name, here, model=plain, **given), atol=1e-5, rtol=0)
