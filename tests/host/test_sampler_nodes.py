"""Memory-Conditioned Sampler and its relatives in a real ComfyUI server, with small checkpoints."""

import pytest
import torch
from remembered import MODELS, SAMPLER
from safetensors.torch import load_file

WIDTH, HEIGHT, FRAMES = 160, 96, 9
VAES = {"wan22_ti2v": "taew22"}


def call(class_type, **inputs):
    return {"class_type": class_type, "inputs": inputs}


def remember(name):
    """Nodes from a picture to a memory, in the latents of the mode's model."""
    file = MODELS[name]
    return {
        "model": call("UNETLoader", unet_name=f"{file}.safetensors", weight_dtype="default"),
        "vae": call("VAELoader", vae_name=f"{VAES.get(file, 'wan21_vae')}.safetensors"),
        "branch": call("Mirage_LoadBranch", file="branch.safetensors"),
        "uni3c": call("ModelPatchLoader", name="uni3c.safetensors"),
        "positive": call("MirageTest_Text", text="a room"),
        "negative": call("MirageTest_Text", text="blurred"),
        "scene": call("Mirage_SampleScene", view="middle of the room"),
        "picture": call(
            "ImageScale", image=["scene", 0], upscale_method="area", width=WIDTH, height=HEIGHT, crop="center"
        ),
        "packet": call("MirageTest_Moge", width=WIDTH, height=HEIGHT),
        "depth": call(
            "Mirage_SceneGeometry",
            source="MoGe",
            **{"source.moge_geometry": ["packet", 0], "source.farthest": 0},
        ),
        "encode": call("VAEEncode", pixels=["picture", 0], vae=["vae", 0]),
        "lift": call("Mirage_LiftLatents", latent=["encode", 0], geometry=["depth", 0], vae=["vae", 0]),
        "memory": call("Mirage_LatentMemoryCache", points=["lift", 0], policy="fill", budget=0, voxel=0),
        "cameras": call(
            "Mirage_CameraPath",
            geometry=["lift", 1],
            frames=FRAMES,
            easing="linear",
            return_to_start=False,
            move="truck",
            **{"move.amount": 0.4},
        ),
    }


def steering(name, **others):
    """What Memory-Conditioned Sampler and Apply Memory to Model share."""
    linked = ("model", "positive", "negative", "memory", "cameras")
    inputs = {node: [node, 0] for node in linked}
    inputs |= {"width": WIDTH, "height": HEIGHT, "strength": 1.0}
    inputs |= {"mode": name, "mode.start_percent": 0.0, "mode.end_percent": 1.0}
    if name in ("vace", "concat", "branch"):
        inputs["vae"] = ["vae", 0]
    if name == "branch":
        inputs |= {"branch": ["branch", 0], "mode.score": "white clip"}
    if name == "uni3c":
        inputs["uni3c"] = ["uni3c", 0]
    return {**inputs, **others}


def keep(server, prompt, name, **inputs):
    history = server.run({**prompt, "keep": call("MirageTest_Keep", name=name, **inputs)})
    return load_file(server.base / "output" / f"{name}.safetensors"), history["outputs"]


def ksampler(model, positive, negative, latent):
    links = {"model": model, "positive": positive, "negative": negative, "latent_image": latent}
    return call("KSampler", **SAMPLER, **links)


@pytest.mark.parametrize("name", MODELS)
def test_every_mode_samples_and_both_nodes_take_one_way(server_models, name):
    prompt = remember(name)
    prompt["sampler"] = call("Mirage_MemorySampler", **steering(name), **SAMPLER)
    prompt["apply"] = call("Mirage_ApplyMemory", **steering(name))
    prompt["same"] = ksampler(*(["apply", output] for output in range(4)))
    prompt["plain"] = call("Mirage_MemorySampler", **steering(name, strength=0.0), **SAMPLER)
    prompt["empty"] = call("EmptyHunyuanLatentVideo", width=WIDTH, height=HEIGHT, length=FRAMES, batch_size=1)
    prompt["untouched"] = ksampler(["model", 0], ["positive", 0], ["negative", 0], ["empty", 0])
    made, outputs = keep(server_models, prompt, f"{name}_made", latent=["sampler", 0], mask=["sampler", 2])
    assert outputs["sampler"]["mirage_conditioning"][0]["mode"] == name
    assert torch.isfinite(made["samples"]).all() and "noise_mask" not in made
    same, _ = keep(server_models, prompt, f"{name}_same", latent=["same", 0])
    assert torch.equal(same["samples"], made["samples"])
    splat, _ = keep(server_models, prompt, f"{name}_splat", latent=["sampler", 1])
    assert torch.equal(splat["noise_mask"][0, 0], 1.0 - made["mask"]) and 0.2 < made["mask"].mean() < 0.9
    plain, _ = keep(server_models, prompt, f"{name}_plain", latent=["plain", 0])
    untouched, _ = keep(server_models, prompt, f"{name}_untouched", latent=["untouched", 0])
    torch.testing.assert_close(plain["samples"], untouched["samples"])
    assert (plain["samples"] - made["samples"]).abs().max() > 1e-2
    if name == "blend":
        known = (made["mask"] > 0).expand_as(made["samples"])
        torch.testing.assert_close(made["samples"][known], splat["samples"][known], atol=1e-5, rtol=0)


def test_the_latent_that_comes_out_works_in_custom_sampling(server_models):
    """Guider, noise and sigmas of ComfyUI's own nodes, and the start frame in front."""
    prompt = remember("per-token")
    prompt["apply"] = call("Mirage_ApplyMemory", **steering("per-token", start=["encode", 0]))
    prompt["noise"] = call("RandomNoise", noise_seed=3)
    prompt["guider"] = call(
        "CFGGuider", model=["apply", 0], positive=["apply", 1], negative=["apply", 2], cfg=SAMPLER["cfg"]
    )
    prompt["select"] = call("KSamplerSelect", sampler_name=SAMPLER["sampler_name"])
    prompt["sigmas"] = call(
        "BasicScheduler", model=["apply", 0], scheduler=SAMPLER["scheduler"], steps=SAMPLER["steps"], denoise=1.0
    )
    links = dict(noise=["noise", 0], guider=["guider", 0], sampler=["select", 0], sigmas=["sigmas", 0])
    prompt["custom"] = call("SamplerCustomAdvanced", **links, latent_image=["apply", 3])
    prompt["sampler"] = call("Mirage_MemorySampler", **steering("per-token", start=["encode", 0]), **SAMPLER)
    custom, _ = keep(server_models, prompt, "custom", latent=["custom", 0])
    ours, _ = keep(server_models, prompt, "ours", latent=["sampler", 0])
    start, _ = keep(server_models, prompt, "start", latent=["encode", 0])
    assert torch.equal(custom["samples"], ours["samples"])
    assert (
        custom["noise_mask"].shape == (1, 1, 3, HEIGHT // 16, WIDTH // 16) and not custom["noise_mask"][:, :, 0].any()
    )
    torch.testing.assert_close(ours["samples"][:, :, :1], start["samples"], atol=1e-4, rtol=0)
