"""Text for models that were trained without any."""

import torch
from comfy_api.latest import io

from .types import SAMPLE

WIDTH = 4096  # of the tokens that Wan models read


class NoText(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_NoText",
            display_name="No Text",
            category=SAMPLE,
            description="What a Wan model that was trained without texts is given in their place: one token of zeros. "
            "No text encoder is needed.",
            search_aliases=["empty conditioning", "prompt", "mirage"],
            inputs=[],
            outputs=[io.Conditioning.Output(tooltip="For positive and negative; cfg 1.")],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput([[torch.zeros(1, 1, WIDTH), {}]])
