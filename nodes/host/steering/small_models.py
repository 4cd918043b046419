"""A small model of ``training/``: model, branch and codec, which belong together."""

import comfy.sd
from comfy.model_patcher import ModelPatcher

from ..codec_vae import PatchCodecVAE, load_codec_vae
from ..model_files import small_model_paths
from .branch import Branch, load_branch


def load_small_model(name: str) -> tuple[ModelPatcher, Branch, PatchCodecVAE]:
    """One of ``small_models``, the model through ComfyUI's own loader."""
    model, branch, codec = small_model_paths(name)
    return comfy.sd.load_diffusion_model(model), load_branch(branch), load_codec_vae(codec)
