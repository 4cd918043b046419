"""What stands for the parts of models with sound that cannot be small: text encoders, and the VAEs of MiniMax H3."""

import sys
from pathlib import Path

import torch
from comfy_api.latest import io

import nodes as host_nodes  # ComfyUI's own module of that name

sys.path.append(str(Path(__file__).resolve().parents[3] / ".ci"))

from tiny_sound_models import TEXT, small_h3_vaes


class Encoder:
    """In the place of ComfyUI's CLIP: another text or number of pictures, other tokens ``(1, 7, TEXT)``."""

    def tokenize(self, text, images=()):
        return len(text), len(images)

    def encode_from_tokens_scheduled(self, tokens):
        characters, pictures = tokens
        generator = torch.Generator().manual_seed(1000 * pictures + characters)
        return [[torch.randn(1, 7, TEXT, generator=generator), {}]]


class Clip(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="MirageTest_Clip", category="test", is_dev_only=True, outputs=[io.Clip.Output()])

    @classmethod
    def execute(cls):
        return io.NodeOutput(Encoder())


class SmallH3Vae(io.ComfyNode):
    """ComfyUI's VAE Loader, for small VAEs of MiniMax H3."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_SmallH3Vae",
            category="test",
            is_dev_only=True,
            inputs=[io.String.Input("vae_name")],
            outputs=[io.Vae.Output()],
        )

    @classmethod
    def execute(cls, vae_name):
        with small_h3_vaes():
            return io.NodeOutput(*host_nodes.VAELoader().load_vae(vae_name))
