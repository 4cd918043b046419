from comfy_api.latest import io


class Fail(io.ComfyNode):
    """Raise what it is told."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Fail",
            category="test",
            is_dev_only=True,
            is_output_node=True,
            inputs=[io.String.Input("message")],
        )

    @classmethod
    def execute(cls, message):
        raise ValueError(message)
