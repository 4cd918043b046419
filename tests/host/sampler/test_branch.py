"""The trained branch: published numbers, files, and life inside ComfyUI."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from remembered import FRAMES, MODELS, Captured, T, normal, settings, world
from safetensors.torch import load_file, save_file
from tiny_models import DIM, branch_shapes, random_weights

GOLDEN = Path(__file__).parent.parent.parent / "golden" / "branch"
CASES = json.loads((GOLDEN.parent / "branch.json").read_text())["cases"]


@pytest.fixture(scope="module")
def code(pack):
    return pack.module("nodes.host.steering.branch")


@pytest.fixture(scope="module")
def golden(comfy, code):
    import comfy.sd

    with torch.inference_mode():
        model = comfy.sd.load_diffusion_model(str(GOLDEN / "dit.safetensors"), model_options={"dtype": torch.float32})
        return model, code.load_branch(GOLDEN / "branch.safetensors"), load_file(GOLDEN / "cases.safetensors")


def flow(model, target, timestep, context):
    """Through the wrappers of the patched model, as ComfyUI calls it."""
    options = {**model.model_options["transformer_options"], "wrappers": model.wrappers}
    return model.model.diffusion_model(target, timestep, context, transformer_options=options)


@pytest.mark.parametrize("strength, key", [(1.0, "flow"), (0.0, "flow_without_branch")])
@pytest.mark.parametrize("case", CASES)
def test_the_flow_is_that_of_the_published_code(code, golden, case, strength, key):
    model, branch, cases = golden
    given = {name.split(".")[1]: value for name, value in cases.items() if name.startswith(f"{case}.")}
    around = {name: given.get(name) for name in ("reference", "preceding")}
    patched = code.attach_branch(model, branch, given["scene"], given["score"], **around, strength=strength)
    first = 0 if around["reference"] is None else around["reference"].shape[2]
    timestep = given["timestep"][None, first : first + given["target"].shape[2]]
    made = flow(patched, given["target"], timestep, given["context"])
    torch.testing.assert_close(made, given[key], atol=1e-5, rtol=0)
    assert (given["flow"] - given["flow_without_branch"]).abs().max() > 0.1  # so that the test can fail
    of_all = flow(patched, given["target"], given["timestep"][None], given["context"])  # timesteps of the whole
    torch.testing.assert_close(of_all, made)


def test_samples_with_splats_of_their_own_are_as_each_alone(code, golden, pack):
    model, branch, cases = golden
    given = {name.split(".")[1]: value for name, value in cases.items() if name.startswith("plain.")}
    splat, score = (given[name].reshape(1, *given[name].shape[-4:]) for name in ("scene", "score"))
    splats, timestep = torch.cat([splat, torch.zeros_like(splat)]), given["timestep"][None]

    def made(splat, count):
        patched = code.attach_branch(model, branch, splat, score.expand(len(splat), -1, -1, -1, -1))
        many = (value.expand(count, *value.shape[1:]) for value in (given["target"], timestep, given["context"]))
        return flow(patched, *many)

    together = made(splats, 2)
    assert (together[0] - together[1]).abs().max() > 0.1
    for number in range(2):
        torch.testing.assert_close(together[number : number + 1], made(splats[[number]], 1), atol=1e-5, rtol=0)
    both_texts = together.repeat(2, 1, 1, 1, 1)  # ComfyUI samples with and without text in one batch
    torch.testing.assert_close(made(splats, 4), both_texts, atol=1e-5, rtol=0)
    with pytest.raises(pack.core.MirageError, match="the memory was read for 2 samples; the sampler brings 3"):
        made(splats, 3)


@pytest.mark.parametrize(
    "blocks, layers, places",
    [
        (15, 30, range(0, 30, 2)),
        (8, 30, range(0, 32, 4)),
        (8, 40, range(0, 40, 5)),
        (2, 4, (0, 2)),
        (1, 30, (0,)),
        (30, 30, range(30)),
    ],
)
def test_branch_blocks_are_spread_over_the_layers(code, blocks, layers, places):
    assert code.branch_layers(SimpleNamespace(name="b", blocks=blocks), layers) == tuple(places)


@pytest.mark.parametrize("blocks, layers", [(31, 30), (20, 30)])
def test_branch_blocks_that_find_no_place_are_refused(code, pack, blocks, layers):
    with pytest.raises(pack.core.MirageError, match=f"its {blocks} blocks, .* the model has {layers}"):
        code.branch_layers(SimpleNamespace(name="b", blocks=blocks), layers)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "pipe.vace.", "vace.", "module.model.", "model.vace."])
def test_prefixes_of_trainers_are_taken_off(code, tmp_path, prefix):
    weights = random_weights(branch_shapes(), 1)
    save_file({prefix + key: value for key, value in weights.items()}, tmp_path / "b.safetensors")
    branch = code.load_branch(tmp_path / "b.safetensors")
    assert (branch.blocks, branch.dim, branch.channels) == (2, DIM, 96)
    loaded = branch.network.state_dict()
    assert loaded.keys() == weights.keys() and all(torch.equal(loaded[key], weights[key]) for key in weights)


@pytest.fixture
def dynamic_loader(monkeypatch, comfy):
    """ComfyUI's default on NVIDIA: layers have no weights before they are loaded. Its reader of files needs a GPU."""
    import comfy.memory_management
    import comfy.utils

    monkeypatch.setattr(comfy.memory_management, "aimdo_enabled", True)
    monkeypatch.setattr(comfy.utils, "load_safetensors", lambda path: (load_file(path), {}))


def test_the_dynamic_loader_takes_the_same_branch(code, golden, dynamic_loader):
    model, branch, cases = golden
    lazy = code.load_branch(GOLDEN / "branch.safetensors")
    wanted, loaded = branch.network.state_dict(), lazy.network.state_dict()
    assert loaded.keys() == wanted.keys() and all(torch.equal(loaded[key], wanted[key]) for key in wanted)
    given = {name.split(".")[1]: value for name, value in cases.items() if name.startswith("plain.")}
    patched = code.attach_branch(model, lazy, given["scene"], given["score"])
    made = flow(patched, given["target"], given["timestep"][None], given["context"])
    torch.testing.assert_close(made, given["flow"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("tables", [("vace",), ("state_dict",), ("state_dict", "vace"), ("generator", "vace")])
def test_weights_are_found_in_tables_of_their_own(code, tmp_path, tables):
    weights = random_weights(branch_shapes(), 1)
    table = {f"module.{key}": value for key, value in weights.items()}
    for name in reversed(tables):
        table = {name: table}
    torch.save(table, tmp_path / "b.pt")
    assert code.load_branch(tmp_path / "b.pt").network.state_dict().keys() == weights.keys()


def without(key):
    return lambda weights: weights.pop(key)


def another(key, value):
    return lambda weights: weights.update({key: value})


@pytest.mark.parametrize(
    "change, message",
    [
        (without("vace_blocks.1.after_proj.bias"), r"lacks vace_blocks\.1\.after_proj\.bias"),
        (without("vace_patch_embedding.weight"), r"must hold vace_patch_embedding\.weight"),
        (without("vace_patch_embedding.bias"), r"lacks vace_patch_embedding\.bias"),
        (another("vace_blocks.0.extra.weight", torch.ones(2)), r"no branch block takes: vace_blocks\.0\.extra\.weight"),
        (another("vace_blocks.7.norm3.bias", torch.ones(DIM)), r"lacks vace_blocks\.2\.after_proj\.bias"),
        (another("blocks.0.norm3.bias", torch.ones(DIM)), r"only; it has blocks\.0\.norm3\.bias"),
        (another("vace_blocks.1.norm3.bias", torch.ones(3)), r"vace_blocks\.1\.norm3\.bias must be \(128,\).*\(3,\)"),
        (another("model.vace_patch_embedding.bias", torch.ones(DIM)), "comes under several prefixes"),
        (another("vace_patch_embedding.weight", torch.ones(DIM, 96)), r"must have 5 axes; got float32 \(128, 96\)"),
        (another("vace_blocks.1.ffn.0.weight", torch.ones(3, DIM)), r"ffn\.0\.weight must be \(\d+, 128\).*\(3, 128\)"),
    ],
)
@pytest.mark.parametrize("lazy", [False, True], ids=["", "dynamic loader"])
def test_a_file_that_is_no_branch_is_refused_by_name(code, pack, tmp_path, change, message, lazy, request):
    if lazy:
        request.getfixturevalue("dynamic_loader")
    weights = random_weights(branch_shapes(), 1)
    change(weights)
    save_file(weights, tmp_path / "wrong.safetensors")
    with pytest.raises(pack.core.MirageError, match=f"wrong.safetensors: .*{message}"):
        code.load_branch(tmp_path / "wrong.safetensors")


@pytest.mark.parametrize(
    "shapes, model, message",
    [
        (branch_shapes(dim=256), "wan22_ti2v", "its width is 256, this model needs 128"),
        (branch_shapes(channels=32), "wan22_ti2v", "its number of context channels is 32, this model needs 96"),
        (branch_shapes(), "wan21_t2v", "its number of context channels is 96, this model needs 32"),
        (branch_shapes(blocks=5), "wan22_ti2v", "its 5 blocks"),
        (branch_shapes(), "wan21_vace", r"a plain Wan model .* got WAN21_Vace \(VaceWanModel\)"),
    ],
)
def test_a_branch_that_does_not_fit_the_model_is_refused(code, pack, models, tmp_path, shapes, model, message):
    save_file(random_weights(shapes, 1), tmp_path / "other.safetensors")
    branch = code.load_branch(tmp_path / "other.safetensors")
    here = world(pack, 48 if model == "wan22_ti2v" else 16)
    with pytest.raises(pack.core.MirageError, match=f"other.safetensors: .*{message}"):
        here_inputs = here.inputs(branch=branch, **settings("branch"))
        pack.node("Mirage_ApplyMemory").execute(model=models[model], **here_inputs)


def test_two_branches_on_one_model_are_refused(pack, scene, models, extras):
    apply, here = pack.node("Mirage_ApplyMemory"), scene("branch")
    inputs = here.inputs(**{**extras["branch"], **settings("branch")})
    once = apply.execute(model=models["wan22_ti2v"], **inputs).result[0]
    with pytest.raises(pack.core.MirageError, match="carries a branch already"):
        apply.execute(model=once, **inputs)


def test_a_walk_encodes_the_white_clip_once_for_all_its_chunks(long, walked, extras, monkeypatch):
    here, vae, encoded = long("branch", frames=25), extras["branch"]["vae"], []
    encode = vae.encode
    monkeypatch.setattr(vae, "encode", lambda pixels: (encoded.append(tuple(pixels.shape)), encode(pixels))[1])
    assert len(walked("branch", here, preceding=0).ui["mirage_walk"][0]["chunks"]) == 3
    still = (5, *here.size, 3)  # the start, as two latent frames show it: by these colours are held
    assert encoded == [still, (FRAMES, *here.size, 3)]


def test_references_come_first_clean_and_labelled_0(scene, models, sampled, monkeypatch):
    here, model = scene("branch"), models["wan22_ti2v"]
    reference = {"samples": torch.randn(1, 48, 2, 6, 10, generator=torch.Generator().manual_seed(4))}
    seen = Captured(model, monkeypatch)
    made = sampled("branch", here, reference=reference)
    assert made.shape == here.splat.shape
    for call in seen.calls:
        assert call["x"].shape == (2, 48, 2 + T, 6, 10)
        expected = normal(model, reference["samples"]).expand(2, -1, -1, -1, -1)
        torch.testing.assert_close(call["x"][:, :, :2], expected)
        assert (call["t"][:, :2] == 0).all() and (call["t"][:, 2:] == call["t"].max()).all() and call["t"].max() > 0
    assert (made - sampled("branch", here)).abs().max() > 1e-3


def test_comfyui_loads_and_unloads_the_branch_with_the_model(scene, models, sampled, extras):
    import comfy.model_management

    here, patcher = scene("branch"), extras["branch"]["branch"].patcher
    first = sampled("branch", here)
    assert any(loaded.model is patcher for loaded in comfy.model_management.current_loaded_models)
    comfy.model_management.unload_all_models()
    assert not any(loaded.model is patcher for loaded in comfy.model_management.current_loaded_models)
    assert torch.equal(sampled("branch", here), first)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float8_e4m3fn])
def test_small_branch_weights_stay_as_they_are(code, scene, sampled, tmp_path, extras, dtype):
    weights = random_weights(branch_shapes(), 20)
    save_file({key: value.to(dtype) for key, value in weights.items()}, tmp_path / "half.safetensors")
    branch = code.load_branch(tmp_path / "half.safetensors")
    assert branch.network.vace_blocks[1].ffn[0].weight.dtype == dtype
    here = scene("branch")
    half, full = sampled("branch", here, branch=branch), sampled("branch", here)
    assert 0 < (half - full).abs().mean() < 0.1 * full.abs().mean()


@pytest.mark.parametrize("weight_dtype", ["fp8_e4m3fn", "fp8_e5m2"])
@pytest.mark.parametrize("name", MODELS)
def test_every_mode_works_with_fp8_weights(name, weight_dtype, pack, scene, sampled):
    made = sampled(name, scene(name), model=pack.model(MODELS[name], weight_dtype))
    assert torch.isfinite(made).all()


@pytest.mark.parametrize("name", MODELS)
def test_patches_that_are_on_the_model_stay(name, scene, models, sampled):
    """A block replacement, an attention patch, a wrapper and another shift, all put on before the memory."""
    import comfy.patcher_extension

    here, model, calls = scene(name), models[MODELS[name]].clone(), []

    def replacement(args, extra):
        calls.append("block")
        return extra["original_block"](args)

    def attention(q, k, v, **options):
        calls.append("attention")
        return {"q": q, "k": k, "v": v}

    def wrapper(executor, *args, **kwargs):
        calls.append("wrapper")
        return executor(*args, **kwargs)

    for block in range(4):
        model.set_model_patch_replace(replacement, "dit", "double_block", block)
    model.set_model_sampler_post_cfg_function(lambda args: (calls.append("post_cfg"), args["denoised"])[1])
    model.add_wrapper_with_key(comfy.patcher_extension.WrappersMP.DIFFUSION_MODEL, "other", wrapper)
    patched = sampled(name, here, model=model)
    assert {kind: calls.count(kind) for kind in set(calls)} == {"block": 12, "post_cfg": 3, "wrapper": 3}
    assert torch.equal(patched, sampled(name, here))  # they did nothing but count
