import pytest
import torch
from remembered import CHANNELS, MODELS, SAMPLER, Pack, settings, text, world


@pytest.fixture(autouse=True)
def inference():
    with torch.inference_mode():  # as the host runs nodes
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
    """Latents of the host's KSampler."""

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
