"""The LoRA that comes with a branch: published keys, what does not fit, and both together."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import DIM, FFN, lora_weights


def test_a_lora_in_published_keys_is_as_comfyuis_own(pack, models, tmp_path):
    layers = {"blocks.0.self_attn.q": (DIM, DIM), "blocks.3.ffn.2": (DIM, FFN), "blocks.1.cross_attn.v": (DIM, DIM)}
    code, model = pack.module("nodes.host.lora"), models["wan22_ti2v"]
    save_file(lora_weights(layers, prefix="diffusion_model."), tmp_path / "host.safetensors")
    import comfy.sd

    hosts = comfy.sd.load_lora_for_models(model, None, load_file(tmp_path / "host.safetensors"), 0.8, 0.0)[0]
    for prefix in ("pipe.dit.", "dit.", "base_model.model.", "base_model.model.pipe.dit.", ""):
        for ending in (".weight", ".default.weight"):
            save_file(lora_weights(layers, prefix=prefix, ending=ending), tmp_path / "ours.safetensors")
            ours = code.load_lora(model, tmp_path / "ours.safetensors", 0.8)
            assert ours.patches.keys() == hosts.patches.keys() and len(ours.patches) == 3
            for key in ours.patches:
                weight = model.model.state_dict()[key]
                merged = [comfy.lora.calculate_weight(m.patches[key], weight.clone(), key) for m in (ours, hosts)]
                assert torch.equal(*merged) and not torch.equal(merged[0], weight)
    assert not model.patches


@pytest.mark.parametrize(
    "layers, extra, message",
    [
        ({"blocks.9.self_attn.q": (DIM, DIM)}, {}, r"blocks\.9\.self_attn\.q must be a layer of the model"),
        ({"blocks.0.self_attn.q": (DIM, 64)}, {}, r"self_attn\.q must be for a \(128, 128\) weight.*\(128, 64\)"),
        ({}, {"dit.blocks.0.self_attn.q.lora_A.weight": torch.ones(4, DIM)}, "one of them is missing"),
        ({}, {"dit.blocks.0.norm3.weight": torch.ones(DIM)}, "must end with lora_A, lora_B or alpha; got dit.blocks"),
    ],
)
def test_a_lora_that_does_not_fit_is_refused_by_name(pack, models, tmp_path, layers, extra, message):
    save_file({**lora_weights(layers, prefix="dit."), **extra}, tmp_path / "wrong.safetensors")
    with pytest.raises(pack.core.MirageError, match=f"wrong.safetensors: .*{message}"):
        pack.module("nodes.host.lora").load_lora(models["wan22_ti2v"], tmp_path / "wrong.safetensors", 1.0)


def test_the_lora_and_the_branch_work_together(pack, scene, models, sampled):
    here, model = scene("branch"), models["wan22_ti2v"]
    (with_lora,) = pack.node("Mirage_LoadLora").execute(model, "branch_lora.safetensors", 1.0).result
    made = sampled("branch", here, model=with_lora)
    assert (made - sampled("branch", here)).abs().max() > 1e-4
    (without_lora,) = pack.node("Mirage_LoadLora").execute(model, "branch_lora.safetensors", 0.0).result
    assert torch.equal(sampled("branch", here, model=without_lora), sampled("branch", here))
