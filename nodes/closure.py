"""Does it remember?"""

from dataclasses import asdict

import torch
from comfy_api.latest import io

from ..mirage_core import Cameras, MirageError
from ..mirage_core.metrics import Pictures, closure_text, loop_closure, loop_closure_across
from .host.video_pictures import VideoPictures
from .pictures.closure import closure_picture
from .types import READ, CamerasSocket


class LoopClosure(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoopClosure",
            display_name="Loop Closure",
            category=READ,
            description="Finds video frames at which the camera is back at an earlier pose, and compares the pictures: "
            "does the walk show again what it has shown? With a second walk: do both show the same?",
            search_aliases=["consistency", "psnr", "ssim", "revisit", "mirage"],
            inputs=[
                io.Image.Input("frames", optional=True, tooltip="All video frames of a walk; or connect its video."),
                CamerasSocket.Input("cameras", tooltip="One per video frame."),
                io.Float.Input(
                    "distance",
                    default=0.05,
                    min=0.0001,
                    max=1000.0,
                    step=0.01,
                    tooltip="How near two cameras must be to be at the same pose, scene units.",
                ),
                io.Float.Input(
                    "angle", default=2.0, min=0.01, max=90.0, step=0.1, tooltip="How alike their directions, degrees."
                ),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="The video of a walk, instead of frames: it is read piece by piece, however long it is.",
                ),
                io.Image.Input(
                    "other_frames",
                    optional=True,
                    tooltip="All video frames of a second walk in the same world: the poses that both come to are "
                    "compared, one frame of each. Or connect its video.",
                ),
                CamerasSocket.Input("other_cameras", optional=True, tooltip="Those of the second walk."),
                io.Video.Input("other_video", optional=True, tooltip="The second walk's video, instead of its frames."),
            ],
            outputs=[
                io.Float.Output(display_name="psnr", tooltip="Mean over all revisits, dB; 0 without any."),
                io.Float.Output(display_name="ssim", tooltip="Mean over all revisits; 0 without any."),
                io.String.Output(display_name="report"),
                io.Image.Output(display_name="picture", tooltip="Worst, median and best side by side, and a curve."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        cameras: Cameras,
        distance: float,
        angle: float,
        frames: torch.Tensor | None = None,
        video=None,
        other_frames: torch.Tensor | None = None,
        other_cameras: Cameras | None = None,
        other_video=None,
    ) -> io.NodeOutput:
        first = _pictures("", frames, video)
        others = None
        if other_cameras is not None or other_frames is not None or other_video is not None:
            others = _pictures("other_", other_frames, other_video)
            if other_cameras is None:
                raise MirageError("other_cameras: must be those of the second walk; nothing is connected.")
            found = loop_closure_across(first, cameras, (others, other_cameras), distance, angle)
        else:
            found = loop_closure(first, cameras, distance, angle)
        means = [sum(getattr(one, name) for one in found) / max(len(found), 1) for name in ("psnr", "ssim")]
        text = closure_text(found, across=others is not None)
        ui = {"mirage_closure": [asdict(one) for one in found], "text": [text]}
        return io.NodeOutput(*means, text, closure_picture(first, found, others), ui=ui)


def _pictures(which: str, frames: torch.Tensor | None, video) -> Pictures:
    """The pictures of the one that is connected; ``which`` begins the names of both, for errors."""
    if (frames is None) == (video is None):
        both = "both are" if video is not None else "neither is"
        raise MirageError(f"{which}frames, {which}video: connect one of them; {both} connected.")
    return VideoPictures.of(video) if frames is None else frames[..., :3]
