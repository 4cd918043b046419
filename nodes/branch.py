"""Weights that were trained for the memory: the branch, and the LoRA that comes with it."""

from comfy_api.latest import io

from .host.branch import load_branch
from .host.folders import model_files, model_path
from .host.lora import load_lora
from .types import SAMPLE, BranchSocket

BRANCHES, LORAS = "model_patches", "loras"  # the host's model folders


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
                    options=model_files(BRANCHES),
                    tooltip="In models/model_patches. Keys vace_blocks.N.* and vace_patch_embedding.*.",
                )
            ],
            outputs=[BranchSocket.Output(display_name="branch", tooltip="For Memory-Conditioned Sampler.")],
        )

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
            "the host's own LoRA code. Keys that fit no weight of the model are refused by name, not skipped.",
            search_aliases=["peft", "lora", "mirage"],
            inputs=[
                io.Model.Input("model", tooltip="The model that the LoRA was trained with. It is not changed."),
                io.Combo.Input("file", options=model_files(LORAS), tooltip="In models/loras."),
                io.Float.Input(
                    "strength", default=1.0, min=-100.0, max=100.0, step=0.01, tooltip="1 = as trained, 0 = off."
                ),
            ],
            outputs=[io.Model.Output(display_name="model", tooltip="A patched copy.")],
        )

    @classmethod
    def execute(cls, model, file: str, strength: float) -> io.NodeOutput:
        return io.NodeOutput(load_lora(model, model_path(LORAS, file), strength))
