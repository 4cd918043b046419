"""Does it remember?"""

from dataclasses import asdict

import torch
from comfy_api.latest import io

from ..mirage_core import Cameras
from ..mirage_core.metrics import closure_text, loop_closure
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
            "does the walk show again what it has shown?",
            search_aliases=["consistency", "psnr", "ssim", "revisit", "mirage"],
            inputs=[
                io.Image.Input("frames", tooltip="All video frames of a walk."),
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
    def execute(cls, frames: torch.Tensor, cameras: Cameras, distance: float, angle: float) -> io.NodeOutput:
        found = loop_closure(frames[..., :3], cameras, distance, angle)
        means = [sum(getattr(one, name) for one in found) / max(len(found), 1) for name in ("psnr", "ssim")]
        text = closure_text(found)
        ui = {"mirage_closure": [asdict(one) for one in found], "text": [text]}
        return io.NodeOutput(*means, text, closure_picture(frames[..., :3], found), ui=ui)
