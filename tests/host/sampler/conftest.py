import sys
from pathlib import Path

import pytest
import torch
from families import Read
from remembered import CHANNELS, MODELS, SAMPLER, WALK, WALK_SAMPLER, Pack, first, settings, text, world

sys.path.append(str(Path(__file__).parent))  # for what tests here share


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():  # as ComfyUI runs nodes
        yield


@pytest.fixture(scope="session")
def pack(comfy):
    return Pack(comfy)


@pytest.fixture(scope="session")
def models(pack):
    return {name: pack.model(name) for name in set(MODELS.values())}


@pytest.fixture(scope="session")
def extras(pack):
    """What the modes need beside the model, by mode."""
    with torch.inference_mode():
        vaes = {48: pack.vae("taew22"), 16: pack.vae("wan21_vae")}
        (branch,) = pack.node("Mirage_LoadBranch").execute("branch.safetensors").result
        (uni3c,) = pack.host_nodes.NODE_CLASS_MAPPINGS["ModelPatchLoader"]().load_model_patch("uni3c.safetensors")
    return {
        "per-token": {},
        "blend": {},
        "vace": {"vae": vaes[16]},
        "concat": {"vae": vaes[16]},
        "uni3c": {"uni3c": uni3c},
        "branch": {"vae": vaes[48], "branch": branch},
    }


@pytest.fixture
def scene(pack):
    """A world whose latents fit the model of a mode."""
    return lambda name, **kwargs: world(pack, CHANNELS.get(MODELS[name], 16), **kwargs)


@pytest.fixture
def sampled(pack, models, extras):
    """Latents of Memory-Conditioned Sampler in a mode."""

    def run(name, here, model=None, **others):
        inputs = here.inputs(**{**extras[name], **settings(name), **SAMPLER, **others})
        output = pack.node("Mirage_MemorySampler").execute(model=model or models[MODELS[name]], **inputs)
        return output.result[0]["samples"]

    return run


@pytest.fixture
def plain(pack):
    """Latents of ComfyUI's KSampler."""

    def run(model, latent, positive=None, negative=None, **others):
        given = {**SAMPLER, **others}
        (made,) = pack.host_nodes.KSampler().sample(
            model,
            given["seed"],
            given["steps"],
            given["cfg"],
            given["sampler_name"],
            given["scheduler"],
            positive or text(1),
            negative or text(2),
            latent,
            given["denoise"],
        )
        return made["samples"]

    return run


@pytest.fixture
def walked(pack, models, extras):
    """Run the node; a path of 17 frames is two chunks."""

    def run(name, here, model=None, **others):
        inputs = here.inputs(**{**extras[name], **settings(name), **WALK_SAMPLER, **WALK, **others})
        if "start_picture" not in inputs:
            inputs.setdefault("start", first(here))
        inputs.setdefault("vae", extras["branch" if here.splat.shape[1] == 48 else "vace"]["vae"])
        return pack.node("Mirage_SceneWalk").execute(model=model or models[MODELS[name]], **inputs)

    return run


@pytest.fixture
def long(pack, scene):
    """A world and a path of 17 frames through it."""

    def build(name, frames=17):
        here = scene(name)
        cam2world = torch.eye(4).repeat(frames, 1, 1)
        cam2world[:, 0, 3] = torch.linspace(0.0, 0.6, frames)
        here.cameras = pack.core.Cameras(cam2world, here.cameras.K[0])
        return here

    return build


@pytest.fixture
def made(pack, extras):
    """Latents of Memory-Conditioned Sampler on a model of one's own, in two steps, and the mode that it used."""

    def run(model, here, **others):
        inputs = here.inputs(**{"vae": extras["vace"]["vae"], **SAMPLER, "steps": 2, **others})
        output = pack.node("Mirage_MemorySampler").execute(model=model, **inputs)
        return output.result[0]["samples"], output.ui["mirage_conditioning"][0]["mode"]

    return run


@pytest.fixture
def network_reads(made, monkeypatch):
    """What ComfyUI hands to the network of a model of one's own, call after call."""

    def run(model, here, **others):
        with monkeypatch.context() as patch:
            read = Read(model, patch)
            made(model, here, **others)
        return read.calls

    return run
