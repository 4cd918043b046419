"""A Scene Walk of two chunks with small random weights: the whole machine at work, without a download.

The weights are random, so the pictures are noise. What is real: ComfyUI, its samplers and loaders, the architectures,
the scene with its measured depth, the path, the memory, and the files that are saved.
"""

import subprocess
import sys
from pathlib import Path

from comfy_server import ComfyError, ComfyServer
from setup_host import ROOT

HELPERS = {"mirage-test-nodes": ROOT / "tests" / "host" / "helper_pack"}  # text without a text encoder
SAMPLER = {"seed": 1, "steps": 2, "cfg": 3.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
FRAMES, CHUNK = 17, 9


def write_models(server: ComfyServer) -> None:
    """Put the small checkpoints where the server looks for models."""
    command = [sys.executable, str(Path(__file__).parent / "tiny_models.py"), str(server.host)]
    done = subprocess.run([*command, str(server.base / "models")], capture_output=True, text=True)
    if done.returncode:
        raise ComfyError(f"the small models could not be written:\n{done.stderr[-2000:]}")


def scene_walk() -> dict:
    """The prompt, in API format."""
    walk = {
        **{name: [name, 0] for name in ("model", "positive", "negative", "memory", "cameras", "vae")},
        "start": ["encode", 0],
        "width": 528,
        "height": 352,
        **SAMPLER,
        **{"mode": "per-token", "mode.start_percent": 0.0, "mode.end_percent": 1.0, "strength": 1.0},
        **{"chunk_frames": CHUNK, "depth_fit": "scale", "policy": "fill", "budget": 0.0},
        **{"save_as": "mirage/walk", "keep_from": "", "keep_chunks": 0, "preceding": 2, "references": 4},
    }
    path = {"move": "truck", "move.amount": 0.15, "frames": FRAMES, "easing": "smooth", "return_to_start": False}
    cache = {"policy": "fill", "budget": 0.0, "voxel": 0.0}
    return {
        "model": _node("UNETLoader", unet_name="wan22_ti2v.safetensors", weight_dtype="default"),
        "vae": _node("VAELoader", vae_name="taew22.safetensors"),
        "positive": _node("MirageTest_Text", text="a walk through the room"),
        "negative": _node("MirageTest_Text", text="blurred"),
        "scene": _node("Mirage_SampleScene", view="middle of the room"),
        "encode": _node("VAEEncode", pixels=["scene", 0], vae=["vae", 0]),
        "lift": _node("Mirage_LiftLatents", latent=["encode", 0], geometry=["scene", 1], vae=["vae", 0]),
        "memory": _node("Mirage_LatentMemoryCache", points=["lift", 0], **cache),
        "cameras": _node("Mirage_CameraPath", geometry=["lift", 1], **path),
        "walk": _node("Mirage_SceneWalk", **walk),
        "report": _node("SaveImage", images=["walk", 5], filename_prefix="scene_walk"),
    }


def _node(class_type: str, **inputs) -> dict:
    title = class_type.removeprefix("Mirage_").removeprefix("MirageTest_")
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}
