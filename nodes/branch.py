"""Weights that were trained for the memory: a small model, a branch, and the LoRA that comes with it."""

from comfy_api.latest import io

from .host.lora import load_lora
from .host.model_files import check_model_file, check_small_model, model_path, offered_models, small_models
from .host.steering.branch import load_branch
from .host.steering.small_models import load_small_model
from .types import SAMPLE, BranchSocket

BRANCHES, LORAS = "model_patches", "loras"  # ComfyUI's model folders


class LoadSmallModel(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadSmallModel",
            display_name="Load Small Model",
            category=SAMPLE,
            description="Loads a small video model with the branch that reads the memory and the codec that it was "
            "trained with. mirage_rooms comes with the pack: nothing is downloaded.",
            search_aliases=["rooms", "checkpoint", "diffusion model", "world model", "mirage"],
            inputs=[
                io.Combo.Input(
                    "name",
                    options=small_models(),
                    tooltip="mirage_rooms, or a model of your own in models/diffusion_models, with its _branch in "
                    "models/model_patches and its _codec in models/vae.",
                )
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="Sample with ModelSamplingSD3 at shift 3, and No Text."),
                BranchSocket.Output(display_name="branch", tooltip="For Scene Walk and Memory-Conditioned Sampler."),
                io.Vae.Output(display_name="VAE", tooltip="For VAE Encode, Lift Latents to 3D and Scene Walk."),
            ],
        )

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        return check_small_model(name)

    @classmethod
    def execute(cls, name: str) -> io.NodeOutput:
        return io.NodeOutput(*load_small_model(name))


class LoadMirageBranch(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadBranch",
            display_name="Load Mirage Branch",
            category=SAMPLE,
            description="Loads a branch trained to read the memory: VACE-style blocks beside a Wan model. A file that "
            "does not fit is refused by name.",
            search_aliases=["vace branch", "world model", "lsm-world", "spatia", "mirage"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered_models(BRANCHES),
                    tooltip="In models/model_patches. Keys vace_blocks.N.* and vace_patch_embedding.*.",
                )
            ],
            outputs=[BranchSocket.Output(display_name="branch", tooltip="For Memory-Conditioned Sampler.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return check_model_file(BRANCHES, file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_branch(model_path(BRANCHES, file)))


class LoadMirageLora(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadLora",
            display_name="Load Mirage LoRA",
            category=SAMPLE,
            description="Loads a LoRA in the key style of the published training code (PEFT: lora_A, lora_B), through "
            "ComfyUI's own LoRA code. Keys that fit no weight of the model are refused by name, not skipped.",
            search_aliases=["peft", "lora", "mirage"],
            inputs=[
                io.Model.Input("model", tooltip="The model that the LoRA was trained with. It is not changed."),
                io.Combo.Input("file", options=offered_models(LORAS), tooltip="In models/loras."),
                io.Float.Input(
                    "strength", default=1.0, min=-100.0, max=100.0, step=0.01, tooltip="1 = as trained, 0 = off."
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="A patched copy.")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        return check_model_file(LORAS, file)

    @classmethod
    def execute(cls, model, file: str, strength: float) -> io.NodeOutput:
        return io.NodeOutput(load_lora(model, model_path(LORAS, file), strength))
