"""The names of small models, in a process of its own: `python named_models.py COMFYUI PACK BASE` prints them."""

import asyncio
import json
import sys
from pathlib import Path


def names(pack, models: dict) -> dict:
    """What Scene Walk tells models apart by."""
    naming = pack.module("nodes.host.walk.naming").Naming()
    found = {name: naming.model(value) for name, value in models.items() if hasattr(value, "patches")}
    found |= {name: naming.of(value) for name, value in models.items() if name not in found}
    return {**found, "unknown": naming.unknown}


def small_models(pack) -> dict:
    from comfy_extras.nodes_model_advanced import ModelSamplingSD3, RescaleCFG

    (lora,) = pack.node("Mirage_LoadLora").execute(pack.model("wan22_ti2v"), "branch_lora.safetensors", 0.5).result
    (branch,) = pack.node("Mirage_LoadBranch").execute("branch.safetensors").result
    patched = RescaleCFG().patch(ModelSamplingSD3().patch(lora, 5.0)[0], 0.7)[0]
    return {
        "patched": patched,
        "quantised": pack.model("wan22_ti2v", dtype="fp8_e4m3fn"),
        "branch": branch,
        "vae": pack.vae("taew22"),
        "codec": pack.node("Mirage_PatchCodec").execute("16").result[0],
        "text": [[None, {"b": {3, 1, 2}, "a": (1.5, "word")}]],
    }


def main(host: Path, root: Path, base: Path) -> None:
    sys.argv = sys.argv[:1]
    sys.path[:0] = [str(host)]
    import comfy.cli_args

    comfy.cli_args.args.cpu, comfy.cli_args.args.base_directory = True, str(base)
    import torch

    import nodes

    async def load() -> None:
        await nodes.init_public_apis()
        await nodes.load_custom_node(str(root))

    asyncio.run(load())
    sys.path.append(str(root / "tests" / "host"))
    from remembered import Pack

    with torch.inference_mode():
        pack = Pack(nodes)
        print(json.dumps(names(pack, small_models(pack))))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
