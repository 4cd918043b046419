"""Looking at a memory's points, and cutting and locking them by hand."""

from comfy_api.latest import io

from ..mirage_core import Geometry, LatentMemory, MirageError
from ..mirage_core.shapes import painted, shapes_from_text
from .host.points_file import write_points
from .types import MEMORY, READ, GeometrySocket, MemorySocket


def _view_inputs() -> list[io.Input]:
    """Where the view of a memory begins, and what it calls the start."""
    return [
        GeometrySocket.Input(
            "geometry",
            optional=True,
            tooltip="Its first camera is the start camera of the view. None: the first view that was written.",
        ),
        io.Int.Input(
            "start_frames",
            default=1,
            min=1,
            max=10000,
            optional=True,
            tooltip="Latent frames of the start picture or clip, which the colours by origin tell from the later ones: "
            "1 for a picture. The memory itself does not keep it.",
        ),
    ]


class PreviewMemory(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PreviewMemory",
            display_name="Preview Memory",
            category=READ,
            description="Shows the points of a memory in 3D, one square per token, coloured as the picture, by origin, "
            "age, confidence or lock. A click on a token reads it.",
            search_aliases=["point cloud", "3d viewer", "inspect memory", "mirage"],
            inputs=[MemorySocket.Input("memory"), *_view_inputs()],
            outputs=[MemorySocket.Output(display_name="memory", tooltip="The memory as it came in.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, memory: LatentMemory, geometry: Geometry | None = None, start_frames: int = 1) -> io.NodeOutput:
        return io.NodeOutput(memory, ui={"mirage_points": [write_points(memory, geometry, start_frames)]})


class MemoryBrush(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_MemoryBrush",
            display_name="Memory Brush",
            category=MEMORY,
            description="Cuts and locks a memory by hand: boxes, spheres and lassos among its points erase, keep, lock "
            "or unlock what is inside. Press Show points to see the points. The memory that goes in is not changed.",
            search_aliases=["erase points", "lasso", "edit memory", "lock points", "crop", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                io.String.Input(
                    "shapes",
                    default="",
                    extra_dict={"widgetType": "MIRAGE_MEMORY_SHAPES"},
                    tooltip="The shapes, as JSON that may be edited by hand: places of the memory's world, scene "
                    "units. They are applied in their order when the node runs.",
                ),
                *_view_inputs(),
            ],
            outputs=[
                MemorySocket.Output(display_name="memory", tooltip="After the shapes."),
                io.String.Output(display_name="shapes", tooltip="The text, for Crop Memory by shapes."),
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, shapes: str | None) -> bool | str:
        try:
            shapes_from_text(shapes or "")
        except MirageError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls, memory: LatentMemory, shapes: str, geometry: Geometry | None = None, start_frames: int = 1
    ) -> io.NodeOutput:
        left = painted(memory, shapes_from_text(shapes))
        file = write_points(memory, geometry, start_frames)
        # the page cannot know what comes through a link
        return io.NodeOutput(left, shapes, ui={"mirage_points": [file], "mirage_shapes": [shapes]})
