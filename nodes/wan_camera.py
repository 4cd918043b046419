"""Camera Path to Wan Camera."""

from comfy_api.latest import io

from ..mirage_core import Cameras
from .host.wan_camera import wan_camera_embedding
from .types import CAMERA, CamerasSocket, video_size


class CameraPathToWanCamera(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PathToWanCamera",
            display_name="Camera Path to Wan Camera",
            category=CAMERA,
            description="Hands a camera path to the host's camera-controlled Wan models (Fun Camera), in place of its "
            "own nine moves. The first camera becomes the origin.",
            search_aliases=["plucker", "camera embedding", "fun camera", "cameractrl", "mirage"],
            inputs=[
                CamerasSocket.Input("cameras", tooltip="One camera per video frame: 1 + 4 n."),
                *video_size(),
                io.Float.Input(
                    "scale",
                    default=1.0,
                    min=0.000001,
                    max=1000000.0,
                    step=0.01,
                    tooltip="Times all distances. The host's own moves go 1.5 units at speed 1.",
                ),
            ],
            outputs=[
                io.WanCameraEmbedding.Output(display_name="camera_embedding", tooltip="For WanCameraImageToVideo."),
                io.Int.Output(display_name="width"),
                io.Int.Output(display_name="height"),
                io.Int.Output(display_name="length"),
            ],
        )

    @classmethod
    def execute(cls, cameras: Cameras, width: int, height: int, scale: float) -> io.NodeOutput:
        embedding = wan_camera_embedding(cameras.fitted((height, width)), (height, width), scale)
        return io.NodeOutput(embedding, width, height, len(cameras))
