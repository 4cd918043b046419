"""Walks that are saved: what is handed back was made with just what is connected now."""

from pathlib import Path

import pytest
import torch
from remembered import settings, text

CHANGES = {  # what is changed: the mode, and how it is changed in the inputs of the node
    "seed": ("per-token", dict(seed=4)),
    "steps": ("per-token", dict(steps=3)),
    "cfg": ("per-token", dict(cfg=1.5)),
    "sampler": ("per-token", dict(sampler_name="heun")),
    "scheduler": ("per-token", dict(scheduler="beta")),
    "denoise": ("per-token", dict(denoise=0.9)),
    "strength": ("blend", dict(strength=0.9)),
    "end_percent": ("per-token", settings("per-token", end_percent=0.5)),
    "keep_exact": ("blend", dict(keep_exact=True, strength=0.5)),
    "depth_fit": ("per-token", dict(depth_fit="none")),
    "positive": ("per-token", dict(positive=text(5))),
    "negative": ("per-token", dict(negative=text(5))),
}


def test_every_setting_is_told_apart(long, walked, sampled_chunks):
    for name, (mode, change) in CHANGES.items():
        here, common = long(mode, frames=9), dict(cfg=1.2, save_as=f"told/{mode}")
        if name == "keep_exact":
            common["strength"] = 0.5
        same_only_if_same(walked, sampled_chunks, mode, here, common, change)


@pytest.fixture
def sampled_chunks(pack, monkeypatch):
    """Grows by one for every chunk that is sampled."""
    walking, calls = pack.module("nodes.host.walk.models"), []
    sample = walking.sample
    monkeypatch.setattr(walking, "sample", lambda *given: (calls.append(1), sample(*given))[1])
    return calls


def same_only_if_same(walked, sampled_chunks, mode, here, common, change):
    """A walk with ``change`` is made anew, and equals one that nothing was saved of; without, it is taken up."""
    first = walked(mode, here, **common)
    del sampled_chunks[:]
    again = walked(mode, here, **common)
    assert not sampled_chunks and torch.equal(again.result[0]["samples"], first.result[0]["samples"]), change
    assert "chunks taken from there, made before: 1 of 1" in again.result[4]
    changed = walked(mode, here, **{**common, **change})
    fresh = walked(mode, here, **{**common, **change, "save_as": ""})
    assert len(sampled_chunks) == 2, f"{change} was not noticed"
    assert torch.equal(changed.result[0]["samples"], fresh.result[0]["samples"])
    assert torch.equal(changed.result[2].as_one_block().xyz, fresh.result[2].as_one_block().xyz)
    del sampled_chunks[:]
    walked(mode, here, **{**common, **change})
    assert not sampled_chunks, f"{change} was not taken up again"


def with_other_weights(pack, name):
    """The same checkpoint, but for one bias."""
    model = pack.model(name)
    model.model.diffusion_model.head.head.bias += 0.25
    return model


def shifted(model, shift):
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3

    return ModelSamplingSD3().patch(model, shift)[0]


def rescaled(model, multiplier):
    from comfy_extras.nodes_model_advanced import RescaleCFG

    return RescaleCFG().patch(model, multiplier)[0]


def with_lora(pack, model, strength, factor=1.0):
    (model,) = pack.node("Mirage_LoadLora").execute(model, "branch_lora.safetensors", strength).result
    for patches in model.patches.values():
        for place, (first, adapter, *rest) in enumerate(patches):
            up, down, *others = adapter.weights
            copied = type(adapter)(adapter.loaded_keys, (up * factor, down, *others))
            patches[place] = (first, copied, *rest)
    return model


@pytest.mark.parametrize(
    "before, after",
    [
        ("plain", "other weights"),
        ("plain", "half a LoRA"),
        ("half a LoRA", "a LoRA"),
        ("a LoRA", "another LoRA"),
        ("plain", "shift 3"),
        ("shift 3", "shift 8"),
        ("rescale 0.7", "rescale 0.3"),
        ("plain", "another dtype"),
    ],
)
def test_another_model_makes_another_walk(before, after, pack, long, walked, sampled_chunks, models):
    model = models["wan22_ti2v"]
    make = {
        "plain": lambda: model,
        "other weights": lambda: with_other_weights(pack, "wan22_ti2v"),
        "half a LoRA": lambda: with_lora(pack, model, 0.5),
        "a LoRA": lambda: with_lora(pack, model, 1.0),
        "another LoRA": lambda: with_lora(pack, model, 1.0, factor=1.5),
        "shift 3": lambda: shifted(model, 3.0),
        "shift 8": lambda: shifted(model, 8.0),
        "rescale 0.7": lambda: rescaled(model, 0.7),
        "rescale 0.3": lambda: rescaled(model, 0.3),
        "another dtype": lambda: pack.model("wan22_ti2v", dtype="fp8_e4m3fn"),
    }
    here, common = long("per-token", frames=9), dict(cfg=3.0, save_as="told/models", model=make[before]())
    same_only_if_same(walked, sampled_chunks, "per-token", here, common, dict(model=make[after]()))


def test_another_branch_makes_another_walk(pack, long, walked, sampled_chunks):
    (other,) = pack.node("Mirage_LoadBranch").execute("branch.safetensors").result
    other.network.vace_blocks[0].after_proj.bias += 0.5
    common = dict(save_as="told/branch")
    same_only_if_same(walked, sampled_chunks, "branch", long("branch", 9), common, dict(branch=other))


def test_another_uni3c_patch_makes_another_walk(pack, long, walked, sampled_chunks):
    (other,) = pack.host_nodes.NODE_CLASS_MAPPINGS["ModelPatchLoader"]().load_model_patch("uni3c.safetensors")
    other.model.proj_out[0].bias += 0.5
    common = dict(save_as="told/uni3c")
    same_only_if_same(walked, sampled_chunks, "uni3c", long("uni3c", 9), common, dict(uni3c=other))


def test_another_vae_makes_another_walk(pack, long, walked, sampled_chunks):
    other = pack.vae("wan21_vae")
    other.first_stage_model.conv1.bias += 0.5  # of what it encodes: the grey that VACE is given
    common = dict(save_as="told/vae")
    same_only_if_same(walked, sampled_chunks, "vace", long("vace", 9), common, dict(vae=other))


def patcher_of(value):
    """A model of ComfyUI with one weight."""
    import comfy.model_patcher

    network = torch.nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(value)
    return comfy.model_patcher.ModelPatcher(network, torch.device("cpu"), torch.device("cpu"))


class Depth:
    """In the place of ComfyUI's Depth Anything node: depth by the model's one weight."""

    @classmethod
    def execute(cls, model, images, **others):
        depth = torch.linspace(2.0, 2.0 + float(model.model.weight), images.shape[2]).expand(images.shape[:3])
        return type("Output", (), {"result": ({"depth": depth},)})


class Detect:
    """In the place of ComfyUI's SAM3 node: as many columns of tokens as the model's one weight says."""

    @classmethod
    def execute(cls, model, image, conditioning, threshold):
        masks = torch.zeros(image.shape[:3])
        masks[:, :, : 16 * int(model.model.weight)] = 1.0
        return type("Output", (), {"result": (masks, [])})


def test_another_depth_model_makes_another_walk(long, walked, sampled_chunks, comfy, monkeypatch):
    monkeypatch.setitem(comfy.NODE_CLASS_MAPPINGS, "DA3Inference", Depth)
    common = dict(save_as="told/depth", da3_model=patcher_of(0.1))
    change = dict(da3_model=patcher_of(0.3))
    same_only_if_same(walked, sampled_chunks, "per-token", long("per-token", 9), common, change)


def test_another_sam3_model_or_text_makes_another_walk(long, walked, sampled_chunks, comfy, monkeypatch):
    monkeypatch.setitem(comfy.NODE_CLASS_MAPPINGS, "SAM3_Detect", Detect)
    common = dict(save_as="told/sam3", sam3_model=patcher_of(1), sam3_text=text(8))
    for change in (dict(sam3_model=patcher_of(3)), dict(sam3_text=text(9))):
        same_only_if_same(walked, sampled_chunks, "per-token", long("per-token", 9), common, change)


def test_other_control_makes_another_walk(long, walked, sampled_chunks, monkeypatch):
    """A ControlNet in a conditioning is named by what it holds, not by where it lies."""
    import comfy.controlnet

    base = comfy.controlnet.ControlBase
    monkeypatch.setattr(base, "get_control", lambda *given: None, raising=False)

    def controlled(strength):
        ((tokens, options),) = text(1)
        hint = torch.ones(1, 3, 8, 8)
        return [[tokens, {**options, "control": base().set_cond_hint(hint, strength), "control_apply_to_uncond": True}]]

    common = dict(save_as="told/control", positive=controlled(1.0))
    change = dict(positive=controlled(0.5))
    same_only_if_same(walked, sampled_chunks, "per-token", long("per-token", 9), common, change)


def test_what_cannot_be_compared_is_never_taken_up_by_itself(pack, long, walked, sampled_chunks, models):
    here, factor = long("per-token", 17), [1.0]
    model = models["wan22_ti2v"].clone()
    model.set_model_sampler_post_cfg_function(lambda args: args["denoised"] * factor[0])
    common = dict(model=model, save_as="told/unknown")
    first = walked("per-token", here, **common)
    folder = Path(first.result[4].splitlines()[0].removeprefix("saved in "))
    assert len(list(folder.glob("*.safetensors"))) == 2
    told = first.result[4].splitlines()[1]
    assert told.startswith("cannot be compared with other runs: ") and ".<lambda> of " in told
    assert "test_saved_walks. So no later run goes on with these chunks by itself" in told
    factor[0], sampled_chunks[:] = 0.5, []
    changed = walked("per-token", here, **common)
    assert len(sampled_chunks) == 2
    assert torch.equal(changed.result[0]["samples"], walked("per-token", here, model=model).result[0]["samples"])
    assert changed.result[4].splitlines()[0] != first.result[4].splitlines()[0]  # nothing is saved over
    kept = walked("per-token", here, **common, keep_from=str(folder), keep_chunks=1)  # but one may ask for it
    assert torch.equal(kept.result[0]["samples"][:, :, :3], first.result[0]["samples"][:, :, :3])


def test_a_stranger_in_a_conditioning_is_never_taken_up_by_itself(long, walked, sampled_chunks):
    class Stranger:
        pass

    ((tokens, options),) = text(1)
    common = dict(save_as="told/stranger", positive=[[tokens, {**options, "thing": Stranger()}]])
    for _ in range(2):
        output = walked("per-token", long("per-token", 9), **common)
        assert "cannot be compared with other runs: " in output.result[4] and "Stranger" in output.result[4]
    assert len(sampled_chunks) == 2


def test_an_interrupted_walk_does_not_go_on_with_another_lora(pack, long, walked, models, sampled_chunks):
    here, model = long("per-token"), models["wan22_ti2v"]
    common = dict(save_as="told/interrupted")
    begun = walked("per-token", here, model=with_lora(pack, model, 0.5), **common)
    folder = Path(begun.result[4].splitlines()[0].removeprefix("saved in "))
    (folder / "chunk_0001.safetensors").unlink()
    del sampled_chunks[:]
    other = walked("per-token", here, model=with_lora(pack, model, 1.0), **common)
    assert len(sampled_chunks) == 2
    taken = walked("per-token", here, model=with_lora(pack, model, 0.5), **common)
    assert len(sampled_chunks) == 3 and "made before: 1 of 2" in taken.result[4]
    assert torch.equal(taken.result[0]["samples"], begun.result[0]["samples"])
    assert not torch.equal(other.result[0]["samples"], begun.result[0]["samples"])
