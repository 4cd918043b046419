"""Save and load memories in ComfyUI's folders."""

import json

from comfy_api.latest import io

from ..mirage_core import LatentMemory, load_memory, save_memory
from .host.folders import fingerprint, memory_files, new_path, readable_path, writes_metadata
from .host.model_files import offered
from .types import MEMORY, MemorySocket


class SaveLatentMemory(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_SaveLatentMemory",
            display_name="Save Latent Memory",
            category=MEMORY,
            description="Writes a memory to one .safetensors file in the output folder.",
            search_aliases=["export memory", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                io.String.Input(
                    "filename_prefix", default="mirage/memory", tooltip="Folder and name in the output folder."
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="As Load Latent Memory takes it.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, memory: LatentMemory, filename_prefix: str) -> io.NodeOutput:
        path, name = new_path(filename_prefix)
        notes = {}
        if writes_metadata() and cls.hidden is not None:
            notes = {"prompt": json.dumps(cls.hidden.prompt), "extra_pnginfo": json.dumps(cls.hidden.extra_pnginfo)}
        save_memory(memory, path, notes)
        return io.NodeOutput(name, ui={"text": [f"{name}: {memory!r}"]})


class LoadLatentMemory(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadLatentMemory",
            display_name="Load Latent Memory",
            category=MEMORY,
            description="Reads a memory that Save Latent Memory wrote, from the input or the output folder.",
            search_aliases=["import memory", "mirage"],
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(memory_files(), "the input folder"),
                    tooltip="A .safetensors file of the input or output folder.",
                )
            ],
            outputs=[MemorySocket.Output(display_name="memory")],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        if file is None:  # it comes by a link
            return True
        try:
            readable_path(file)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        return fingerprint([readable_path(file)])

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        return io.NodeOutput(load_memory(readable_path(file)))
