"""Camera paths for models that take cameras."""

from comfy_api.latest import io

from ..mirage_core import Cameras
from ..mirage_core.camera_files.realestate10k import cameractrl_poses
from .host.wan_camera import wan_camera_embedding
from .types import CAMERA, CameraCtrlSocket, CamerasSocket, video_size


def _scale(tooltip: str) -> io.Float.Input:
    return io.Float.Input("scale", default=1.0, min=1e-6, max=1e6, step=0.01, tooltip=f"Times all distances. {tooltip}")


class CameraPathToWanCamera(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PathToWanCamera",
            display_name="Camera Path to Wan Camera",
            category=CAMERA,
            description="Hands a camera path to ComfyUI's camera-controlled Wan models (Fun Camera), in place of its "
            "own nine moves. The first camera becomes the origin.",
            search_aliases=["plucker", "camera embedding", "fun camera", "cameractrl", "mirage"],
            inputs=[
                CamerasSocket.Input("cameras", tooltip="One camera per video frame: 1 + 4 n."),
                *video_size(step=16),
                _scale("ComfyUI's own moves go 1.5 units at speed 1."),
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


class CameraPathToCameraCtrl(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PathToCameraCtrl",
            display_name="Camera Path to CameraCtrl",
            category=CAMERA,
            description="Hands a camera path to other packs' nodes that take CameraCtrl poses, among them "
            "AnimateDiff-Evolved and WanVideoWrapper. The first camera becomes the origin.",
            search_aliases=["cameractrl poses", "animatediff", "fun camera", "mirage"],
            inputs=[
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                *video_size(step=16),
                _scale("CameraCtrl's own moves go about 1 to 2 units."),
            ],
            outputs=[
                CameraCtrlSocket.Output(
                    display_name="cameractrl_poses",
                    tooltip="One list of 19 numbers per video frame: time, normalised fx, fy, cx, cy, 0, 0, and the "
                    "three rows of world2cam.",
                )
            ],
        )

    @classmethod
    def execute(cls, cameras: Cameras, width: int, height: int, scale: float) -> io.NodeOutput:
        return io.NodeOutput(cameractrl_poses(cameras.fitted((height, width)).transformed(scale=scale)))
