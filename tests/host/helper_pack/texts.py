import torch
from comfy_api.latest import io


class Text(io.ComfyNode):
    """What a text encoder of Wan makes of some text, without its 11 GB: `(1, tokens, 4096)`."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Text",
            category="test",
            is_dev_only=True,
            inputs=[io.String.Input("text")],
            outputs=[io.Conditioning.Output()],
        )

    @classmethod
    def execute(cls, text):
        generator = torch.Generator().manual_seed(len(text))
        return io.NodeOutput([[torch.randn(1, 7, 4096, generator=generator), {}]])
