"""The patch codec as a VAE: without weights, and with a decoder that was trained."""

from comfy_api.latest import io

from ..mirage_core.codec import PATCHES, PatchCodec
from .host.codec_vae import PatchCodecVAE, load_codec_vae
from .host.model_files import check_model_file, model_path, offered_models
from .types import SCENE

CODECS = "vae"  # ComfyUI's model folder


class WeightFreeCodec(io.ComfyNode):
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
        return io.NodeOutput(PatchCodecVAE(PatchCodec(int(patch))))


class LoadPatchCodec(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadCodec",
            display_name="Load Patch Codec",
            category=SCENE,
            description="Loads a patch codec that was trained together with a small model: 48 channels, 16 pixels, in "
            "the scale that the model takes, and a learned decoder. A file of another kind is refused by name.",
            search_aliases=["vae", "dct", "rooms", "mirage"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered_models(CODECS),
                    tooltip="In models/vae, or the one that comes with the pack. Other VAEs: ComfyUI's Load VAE.",
                )
            ],
            outputs=[io.Vae.Output(tooltip="Goes into VAE Encode, VAE Decode, Lift Latents to 3D and Scene Walk.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return check_model_file(CODECS, file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_codec_vae(model_path(CODECS, file)))
