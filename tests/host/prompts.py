"""Prompts for a server: the sample scene, remembered and read, in pieces that tests put together."""

from pathlib import Path

from safetensors.torch import load_file

ROOT = Path(__file__).parent.parent.parent
WIDTH, HEIGHT = 528, 352  # of the sample scene


def call(class_type, **inputs):
    return {"class_type": class_type, "inputs": {name.replace("__", "."): value for name, value in inputs.items()}}


def remember(patch="8", view="middle of the room"):
    """Sample scene to memory: nodes scene, vae, encode, lift, memory."""
    return {
        "scene": call("Mirage_SampleScene", view=view),
        "vae": call("Mirage_PatchCodec", patch=patch),
        "encode": call("VAEEncode", pixels=["scene", 0], vae=["vae", 0]),
        "lift": call("Mirage_LiftLatents", latent=["encode", 0], geometry=["scene", 1], vae=["vae", 0]),
        "memory": call("Mirage_LatentMemoryCache", points=["lift", 0], policy="fill", budget=0, voxel=0),
    }


def info(memory):
    return call("Mirage_MemoryInfo", memory=memory)


def path(geometry, frames, move="dolly", **settings):
    settings = settings or {"amount": 0.3}
    inside = {f"move.{name}": value for name, value in settings.items()}
    rest = {"geometry": geometry, "frames": frames, "easing": "linear", "return_to_start": False}
    return call("Mirage_CameraPath", move=move, **inside, **rest)


def warp(memory, cameras, footprint=True):
    return call("Mirage_WarpLatents", memory=memory, cameras=cameras, width=WIDTH, height=HEIGHT, footprint=footprint)


def run_and_keep(server, prompt, name, **inputs):
    """Run a prompt, and return the tensors of what arrived at a Keep node."""
    server.run({**prompt, "keep": call("MirageTest_Keep", name=name, **inputs)})
    return load_file(server.base / "output" / f"{name}.safetensors")
