"""Names of content: the same after a restart and in whatever state ComfyUI has a model, others for other content."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from named_models import __file__ as script
from named_models import names, small_models

ROOT = Path(__file__).parents[3]


@pytest.fixture
def name(pack):
    """The name of one thing, all of which is known."""

    def of(value):
        naming = pack.module("nodes.host.walk.naming").Naming()
        found = naming.of(value)
        assert not naming.unknown
        return found

    return of


@pytest.fixture
def patched(pack):
    """A fresh model with a LoRA of some strength."""
    return lambda strength=0.5: pack.node("Mirage_LoadLora").execute(
        pack.model("wan22_ti2v"), "branch_lora.safetensors", strength
    ).result[0]  # fmt: skip


def test_a_fresh_process_gives_the_same_names(pack, host):
    import folder_paths

    here = names(pack, small_models(pack))
    assert here["unknown"] == []
    done = subprocess.run(
        [sys.executable, script, host, ROOT, folder_paths.base_path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},  # another order of sets
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == here


def loaded(model):
    model.patch_model(model.load_device)


def loaded_in_part(model):
    model.patch_model(model.load_device, lowvram_model_memory=300_000)
    assert model.model.model_lowvram and model.model.lowvram_patch_counter


def loaded_as_another_clone(model):
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    other = ModelSamplingSD3().patch(model, 9.0)[0]
    other.add_patches({"diffusion_model.head.head.bias": (torch.ones(192),)}, 2.0)
    other.add_object_patch("diffusion_model.text_embedding", torch.nn.Sequential(torch.nn.Linear(2, 2)))
    other.patch_model(other.load_device)


def cast_by_the_loader(model):
    """As the dynamic loader casts weights that are no layer's, without keeping what they were."""
    for module in model.model.diffusion_model.modules():
        if hasattr(module, "modulation"):
            module.modulation.data = module.modulation.data.to(module.modulation_comfy_model_dtype)


@pytest.mark.parametrize("load", [loaded, loaded_in_part, loaded_as_another_clone, cast_by_the_loader])
def test_a_model_has_the_same_name_however_it_is_loaded(load, patched, name):
    model = patched()
    if load is cast_by_the_loader:
        for module in model.model.diffusion_model.modules():
            if hasattr(module, "modulation"):
                module.modulation_comfy_model_dtype = torch.float16
    before = name(model)
    load(model)
    assert name(model) == before
    model.unpatch_model(model.offload_device)
    assert name(model) == before == name(model.clone())


def test_a_model_of_the_dynamic_loader_has_the_same_name(pack, name, monkeypatch):
    import comfy.memory_management
    import comfy.sd
    import comfy.utils
    import folder_paths

    weights = comfy.utils.load_torch_file(folder_paths.get_full_path("diffusion_models", "wan22_ti2v.safetensors"))
    expected = name(pack.model("wan22_ti2v"))
    monkeypatch.setattr(comfy.memory_management, "aimdo_enabled", True)  # its layers have no weights at first
    model = comfy.sd.load_diffusion_model_state_dict(weights)
    assert model.model.diffusion_model.blocks[0].ffn[0].comfy_need_lazy_init_bias
    assert name(model) == expected


def test_every_part_of_a_model_has_a_share_in_its_name(patched, name):
    from comfy_extras.nodes_torch_compile import TorchCompileModel

    model, found = patched(), {}
    found["as it is"] = name(model)
    for key in ("diffusion_model.blocks.3.ffn.2.bias", "diffusion_model.blocks.0.modulation"):
        weights = model.model.state_dict()[key].view(-1)
        last = weights[-1].clone()
        weights[-1] += 1.0
        found[key] = name(model)
        weights[-1] = last
    assert name(model) == found["as it is"]
    for what, change in {
        "option": lambda m: m.model_options["transformer_options"].update(cut=1),
        "wrapper": lambda m: m.add_wrapper_with_key("apply_model", "key", torch.nn.functional.relu),
        "dtype": lambda m: m.set_model_compute_dtype(torch.bfloat16),
        "object": lambda m: m.add_object_patch("diffusion_model.head", torch.nn.Linear(2, 2)),
        "strength": lambda m: m.patches.update({k: [(0.7, *v[0][1:])] for k, v in m.patches.items()}),
        "addition": lambda m: m.set_additional_models("more", [patched(0.25)]),
    }.items():
        other = model.clone()
        change(other)
        found[what] = name(other)
    found["compiled"] = name(TorchCompileModel.execute(model, "eager").result[0])
    assert len(set(found.values())) == len(found)


def test_a_compiled_model_keeps_its_name_when_it_is_loaded(patched, name):
    from comfy_extras.nodes_torch_compile import TorchCompileModel

    model = TorchCompileModel.execute(patched(), "eager").result[0]
    before = name(model)
    loaded(model)
    assert name(model) == before
    assert name(TorchCompileModel.execute(patched(0.25), "eager").result[0]) != before


def test_of_a_large_weight_a_part_is_read_that_no_other_training_leaves_as_it_is(name, pack):
    import comfy.model_patcher

    generator = torch.Generator().manual_seed(0)
    network = torch.nn.Linear(1500, 900)
    network.weight = torch.nn.Parameter(torch.randn(900, 1500, generator=generator), requires_grad=False)
    assert network.weight.numel() > pack.module("nodes.host.walk.naming").MOST
    model = comfy.model_patcher.ModelPatcher(network, torch.device("cpu"), torch.device("cpu"))
    before = name(model)
    for change in (
        lambda w: w + 1e-4 * torch.randn(w.shape, generator=generator),  # trained on
        lambda w: w + 1e-3 * torch.outer(*(torch.randn(n, generator=generator) for n in w.shape)),  # a merged LoRA
        lambda w: w.half(),
        lambda w: w.to(torch.float8_e4m3fn),
        lambda w: w.view(1500, 900),
    ):
        changed = comfy.model_patcher.ModelPatcher(torch.nn.Linear(1, 1), torch.device("cpu"), torch.device("cpu"))
        changed.model.weight = torch.nn.Parameter(change(network.weight), requires_grad=False)
        changed.model.bias = network.bias
        assert name(changed) != before


@pytest.fixture
def moge(monkeypatch):
    """A depth model of ComfyUI's class, with one small layer."""
    import comfy.ldm.moge.model
    import comfy.model_patcher

    def build(network, **own):
        monkeypatch.setattr(comfy.ldm.moge.model, "build_from_state_dict", lambda *given, **options: network)
        model = comfy.ldm.moge.model.MoGeModel({})
        vars(model).update(own)
        return model

    return build


def test_a_depth_model_is_named_by_its_weights_and_settings_however_it_is_loaded(moge, name):
    layers = [torch.nn.Linear(3, 2) for _ in range(2)]
    before = name(moge(layers[0]))
    assert name(moge(layers[1])) != before != name(moge(layers[0], mask_threshold=0.75))
    model = moge(layers[0])
    loaded(model.patcher)
    assert name(model) == before


def test_a_quantised_weight_is_named_by_what_it_is_made_of(name):
    from comfy.quant_ops import QuantizedTensor

    values = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
    one, same, other = (
        QuantizedTensor.from_float(value, "TensorCoreFP8E4M3Layout") for value in (values, values.clone(), values * 2)
    )
    assert name(one) == name(same) != name(other)  # twice the values: another scale


@pytest.mark.parametrize("value", [object(), lambda: 0, type("Mine", (), {})(), torch.Generator()])
def test_what_other_code_brings_is_unknown_and_said(value, pack):
    naming = pack.module("nodes.host.walk.naming").Naming()
    naming.of([{"thing": value}])
    assert len(naming.unknown) == 1


def test_things_that_hold_themselves_end(name):
    inner = {"a": 1}
    inner["self"] = inner
    other = {"a": 2}
    other["self"] = other
    assert name(inner) != name(other)


def test_equal_content_is_named_alike_and_kinds_are_told_apart(name):
    assert name({"a": 1, "b": [2.0]}) == name({"b": [2.0], "a": 1})
    assert name(torch.ones(2, 3)) == name(torch.ones(3, 2).T)
    different = [None, False, 0, 0.0, "0", b"0", [], {}, torch.zeros(1), torch.zeros(1).half(), torch.zeros(1, 1)]
    assert len({name(value) for value in different}) == len(different)
