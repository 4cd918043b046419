"""Camera Path Editor."""

from comfy_api.latest import io

from ..mirage_core import Cameras, Geometry, LatentMemory, MirageError
from ..mirage_core.camera_fitting import keys_from_cameras
from ..mirage_core.camera_key_text import DrawnPath, path_from_text, text_from_path
from ..mirage_core.camera_keys import keyed_path
from .host.editor_file import write_surroundings
from .types import CAMERA, CamerasSocket, GeometrySocket, MemorySocket


class CameraPathEditor(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_CameraPathEditor",
            display_name="Camera Path Editor",
            category=CAMERA,
            description="Draw a camera path among the memory's points: keys that are added from a view, dragged, timed "
            "and undone, with the share of known tokens below the timeline. Press Show scene to see the points.",
            search_aliases=["keyframes", "trajectory", "camera animation", "orbit", "dolly", "spline", "mirage"],
            inputs=[
                GeometrySocket.Input("geometry", tooltip="Where the path starts, and how deep the scene is."),
                io.Int.Input(
                    "frames",
                    default=81,
                    min=1,
                    max=100000,
                    tooltip="Length in video frames: 1 + 4 n for Wan, 1 + 8 n for LTX, 5 + 17 n for MiniMax H3, "
                    "1 + 6 n for Mochi. The keys "
                    "keep their share of it.",
                ),
                io.String.Input(
                    "path",
                    default="",
                    extra_dict={"widgetType": "MIRAGE_CAMERA_PATH"},
                    tooltip="The keys, as JSON that may be edited by hand. Positions are shares of the picture's "
                    "median depth, angles are degrees, both against the picture's camera. Empty: a short way forward.",
                ),
                MemorySocket.Input(
                    "memory", optional=True, tooltip="Shown as points, and what coverage is counted by."
                ),
                CamerasSocket.Input(
                    "cameras",
                    optional=True,
                    tooltip="A path from a file or from another node. It is not used as it is: after Show scene the "
                    "button Take as keys of the editor puts keys along it, in place of those that are there.",
                ),
            ],
            outputs=[CamerasSocket.Output(display_name="cameras", tooltip="One camera per video frame.")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, path: str | None) -> bool | str:
        try:
            path_from_text(path or "")
        except MirageError as error:
            return str(error)
        return True

    @classmethod
    def execute(
        cls,
        geometry: Geometry,
        frames: int,
        path: str,
        memory: LatentMemory | None = None,
        cameras: Cameras | None = None,
    ) -> io.NodeOutput:
        drawn = path_from_text(path)
        start, depth = geometry.cameras[0], geometry.median_depth
        moved = keyed_path(drawn.keys, start, frames, depth, constant_speed=drawn.constant_speed)
        # the page cannot know what comes through a link
        came = {"path": path, "frames": frames, "linked": cls._linked("path", "frames")}
        file = write_surroundings(geometry, memory)
        shown = {"mirage_scene": [file], "mirage_path": [came]}
        if cameras is not None:
            fitted = DrawnPath(keys_from_cameras(cameras, start, depth), start_locked=False)
            shown["mirage_taken"] = [text_from_path(fitted)]
        return io.NodeOutput(moved, ui=shown)

    @classmethod
    def _linked(cls, *names: str) -> list[str]:
        """Which of these inputs come through a link in the prompt that runs."""
        if cls.hidden is None:  # called without a prompt
            return []
        node = cls.hidden.prompt.get(cls.hidden.unique_id, {"inputs": {}})  # a node of an expansion is not in it
        return [name for name in names if isinstance(node["inputs"].get(name), list)]
