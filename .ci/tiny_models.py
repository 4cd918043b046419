"""Small checkpoints with random weights and the real architectures, in the files that ComfyUI's own loaders read."""

import sys
from pathlib import Path

import torch
from random_weights import File, lora_weights, random_weights, shapes_of
from safetensors.torch import save_file
from tiny_sound_models import sound_files

DIM, LAYERS, FFN = 128, 4, 64  # ComfyUI derives one attention head per 128 channels
TEXT = 4096  # of the text encoder's tokens; ComfyUI does not read it from the file
BRANCH_BLOCKS = 2


def write_tiny_models(folder: Path) -> None:
    """Write one file per model kind into ComfyUI's model folders below ``folder``. Needs ComfyUI to be importable."""
    for file, (weights, metadata) in {**_files(), **sound_files()}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / file, metadata or None)


def branch_shapes(blocks: int = BRANCH_BLOCKS, dim: int = DIM, channels: int = 96, ffn: int = FFN) -> dict:
    """The keys of a published branch checkpoint."""
    shapes = {"vace_patch_embedding.weight": (dim, channels, 1, 2, 2), "vace_patch_embedding.bias": (dim,)}
    for number in range(blocks):
        block = {"modulation": (1, 6, dim), "norm3.weight": (dim,), "norm3.bias": (dim,)}
        for attention in ("self_attn", "cross_attn"):
            for layer in "qkvo":
                block |= {f"{attention}.{layer}.weight": (dim, dim), f"{attention}.{layer}.bias": (dim,)}
            block |= {f"{attention}.norm_q.weight": (dim,), f"{attention}.norm_k.weight": (dim,)}
        block |= {"ffn.0.weight": (ffn, dim), "ffn.0.bias": (ffn,), "ffn.2.weight": (dim, ffn), "ffn.2.bias": (dim,)}
        for layer in ("before_proj", "after_proj") if number == 0 else ("after_proj",):
            block |= {f"{layer}.weight": (dim, dim), f"{layer}.bias": (dim,)}
        shapes |= {f"vace_blocks.{number}.{key}": shape for key, shape in block.items()}
    return shapes


def _files() -> dict[str, File]:
    lora_layers = {"blocks.0.self_attn.q": (DIM, DIM), "blocks.1.ffn.0": (FFN, DIM)}
    files = {
        "model_patches/branch.safetensors": random_weights(branch_shapes(), 20),
        "loras/branch_lora.safetensors": lora_weights(lora_layers, prefix="pipe.dit.", ending=".default.weight"),
        "loras/wan_lora.safetensors": lora_weights(lora_layers, prefix="diffusion_model."),
    }
    for seed, (file, network) in enumerate(_networks().items()):
        weights = random_weights(shapes_of(network), seed)
        files[file] = {key: value.half() for key, value in weights.items()} if "taew" in file else weights
    return {file: (weights, {}) for file, weights in files.items()}


def _networks() -> dict[str, torch.nn.Module]:
    import comfy.ops
    from comfy.ldm.modules.diffusionmodules.mmdit import MMDiT
    from comfy.ldm.wan.model import CameraWanModel, VaceWanModel, WanModel
    from comfy.ldm.wan.uni3c import WanUni3CControlnet
    from comfy.ldm.wan.vae import WanVAE
    from comfy.taesd.taehv import TAEHV

    on_meta = {"device": "meta", "dtype": torch.float32, "operations": comfy.ops.disable_weight_init}
    size = {"dim": DIM, "ffn_dim": FFN, "num_heads": DIM // 128, "num_layers": LAYERS, "text_dim": TEXT, **on_meta}
    with torch.device("meta"):
        vae = WanVAE(dim=8, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, temperal_downsample=[False, True, True])
        small_vae = TAEHV(latent_channels=48)  # the layout of the Wan 2.2 VAE: 48 channels, 16 px, 4 frames
    camera, vace = {"model_type": "camera_2.2", "in_dim": 36}, {"in_dim": 16, "vace_layers": 2, "vace_in_dim": 96}
    text_embedding = {"target": "torch.nn.Linear", "params": {"in_features": TEXT, "out_features": DIM}}
    return {
        "diffusion_models/wan22_ti2v.safetensors": WanModel(in_dim=48, out_dim=48, **size),
        "diffusion_models/wan21_t2v.safetensors": WanModel(in_dim=16, out_dim=16, **size),
        "diffusion_models/wan22_i2v_high.safetensors": WanModel(in_dim=36, out_dim=16, **size),
        "diffusion_models/wan22_i2v_low.safetensors": WanModel(in_dim=36, out_dim=16, **size),
        "diffusion_models/sd3.safetensors": MMDiT(  # a picture model
            input_size=None, in_channels=16, depth=2, adm_in_channels=2048, context_embedder_config=text_embedding,
            num_patches=64, pos_embed_max_size=8, **on_meta
        ),
        "diffusion_models/wan21_vace.safetensors": VaceWanModel(out_dim=16, **vace, **size),
        "model_patches/uni3c.safetensors": WanUni3CControlnet(
            in_channels=36, conv_out_dim=128, dim=128, ffn_dim=64, num_heads=16, num_layers=2, time_embed_dim=DIM,
            out_proj_dim=DIM, add_channels=7, mid_channels=32, **on_meta
        ),
        "vae/wan21_vae.safetensors": vae,
        "vae/taew22.safetensors": small_vae,
        "diffusion_models/wan22_fun_camera_high.safetensors": CameraWanModel(out_dim=16, **camera, **size),
        "diffusion_models/wan22_fun_camera_low.safetensors": CameraWanModel(out_dim=16, **camera, **size),
        "diffusion_models/wan22_fun_vace_high.safetensors": VaceWanModel(out_dim=16, **vace, **size),
        "diffusion_models/wan22_fun_vace_low.safetensors": VaceWanModel(out_dim=16, **vace, **size),
    }  # fmt: skip


if __name__ == "__main__":  # HOST FOLDER: in a process of its own, as ComfyUI's modules take over names such as `nodes`
    sys.path.insert(0, sys.argv[1])
    host_arguments, sys.argv = sys.argv, sys.argv[:1]
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    write_tiny_models(Path(host_arguments[2]))
