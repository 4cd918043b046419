"""The weight-free patch codec as a VAE."""

from comfy_api.latest import io

from ..mirage_core.codec import PATCHES
from .host.codec_vae import patch_codec_vae
from .types import SCENE


class PatchCodecVae(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PatchCodec",
            display_name="Patch Codec (no weights)",
            category=SCENE,
            description="A stand-in for a VAE that needs no download: the low frequencies of each patch. For previews "
            "and first steps; it works with the ordinary VAE Encode and VAE Decode nodes, but no video model knows it.",
            search_aliases=["dct", "vae", "preview codec", "mirage"],
            inputs=[
                io.Combo.Input(
                    "patch",
                    options=[str(patch) for patch in PATCHES],
                    tooltip="Pixels per token: 8 is sharper, 16 has the shape of Wan 2.2 latents.",
                ),
            ],
            outputs=[io.Vae.Output(tooltip="Goes into VAE Encode, VAE Decode and Lift Latents to 3D.")],
        )

    @classmethod
    def execute(cls, patch: str) -> io.NodeOutput:
        return io.NodeOutput(patch_codec_vae(int(patch)))
