"""Camera paths."""

from comfy_api.latest import io

from ..mirage_core import Cameras, Geometry, MirageError
from ..mirage_core.paths import EASINGS, MOVES, TURNS, Move, camera_path
from .types import CAMERA, CamerasSocket, GeometrySocket

HINTS = {
    "there and back": "forward, a little to the right and looking about, and back the same way",
    "dolly": "forward",
    "truck": "to the right",
    "pedestal": "up",
    "pan": "turns to the right on the spot",
    "tilt": "turns up on the spot",
    "orbit": "to the right, about the point straight ahead at the scene's median depth",
    "spiral": "two growing circles, moving in, looking at the middle of the scene",
    "figure eight": "a lying eight, looking at the middle of the scene",
}


def _amount(move: str) -> io.Float.Input:
    if move in TURNS:
        return io.Float.Input(
            "degrees",
            default=20.0,
            min=-360.0,
            max=360.0,
            step=1.0,
            tooltip=f"Degrees, {HINTS[move]}; negative: the other way.",
        )
    return io.Float.Input(
        "amount",
        default=0.1 if move in ("spiral", "figure eight") else 0.3,
        min=-10.0,
        max=10.0,
        step=0.01,
        tooltip=f"Share of the scene's median depth, {HINTS[move]}; negative: the other way.",
    )


class CameraPath(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_CameraPath",
            display_name="Camera Path",
            category=CAMERA,
            description="Moves the camera of a picture. Distances are shares of the picture's median depth, so that "
            "the same path suits a table top and a street.",
            search_aliases=["trajectory", "dolly", "orbit", "camera motion", "mirage"],
            inputs=[
                GeometrySocket.Input("geometry", tooltip="Where the path starts, and how deep the scene is."),
                io.DynamicCombo.Input(
                    "move",
                    options=[io.DynamicCombo.Option(move, [_amount(move)]) for move in MOVES],
                    tooltip="How the camera moves.",
                ),
                io.Int.Input(
                    "frames",
                    default=33,
                    min=1,
                    max=100000,
                    tooltip="Length in video frames: 1 + 4 n for Wan, 1 + 8 n for LTX, 5 + 17 n for MiniMax H3, "
                    "1 + 6 n for Mochi.",
                ),
                io.Combo.Input(
                    "easing", options=list(EASINGS), tooltip="smooth starts and stops gently, linear keeps one speed."
                ),
                io.Boolean.Input(
                    "return_to_start",
                    default=False,
                    advanced=True,
                    tooltip="Go the same way back in the second half of the video frames.",
                ),
                CamerasSocket.Input(
                    "continue_from",
                    optional=True,
                    tooltip="Another path: this one starts at its last camera, and both come out, joined.",
                ),
            ],
            outputs=[CamerasSocket.Output(display_name="cameras", tooltip="One camera per video frame.")],
        )

    @classmethod
    def execute(
        cls,
        geometry: Geometry,
        move: dict,
        frames: int,
        easing: str,
        return_to_start: bool,
        continue_from: Cameras | None = None,
    ) -> io.NodeOutput:
        name = move["move"]
        chosen = Move(name, move["degrees" if name in TURNS else "amount"], easing, return_to_start)
        if continue_from is None:
            return io.NodeOutput(camera_path(geometry.cameras[0], chosen, frames, geometry.median_depth))
        if frames < 2:
            raise MirageError(f"frames: must be at least 2 to continue a path; got {frames}.")
        # the first camera of this path is the last of the other: it comes once
        path = camera_path(continue_from[-1], chosen, frames, geometry.median_depth)
        return io.NodeOutput(Cameras.concatenated([continue_from, path[1:]]))


class CameraRange(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_CameraRange",
            display_name="Camera Range",
            category=CAMERA,
            description="A part of a camera path. The next part begins with the last camera of this one.",
            search_aliases=["split path", "chunk", "mirage"],
            inputs=[
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                io.Int.Input("first", default=0, min=0, max=10**6, tooltip="First video frame of the part."),
                io.Int.Input(
                    "count",
                    default=33,
                    min=1,
                    max=10**6,
                    tooltip="How many video frames: 1 + 4 n for Wan, 1 + 8 n for LTX, 5 + 17 n for MiniMax H3.",
                ),
            ],
            outputs=[CamerasSocket.Output(display_name="cameras")],
        )

    @classmethod
    def execute(cls, cameras: Cameras, first: int, count: int) -> io.NodeOutput:
        if first + count > len(cameras):
            raise MirageError(
                f"first, count: must lie within the path of {len(cameras)} video frames; got {first} and "
                f"{count}, which end at {first + count}."
            )
        return io.NodeOutput(cameras[slice(first, first + count)])
