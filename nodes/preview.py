"""Preview Walk: what the memory knows along a path, before anything is sampled."""

import torch
from comfy_api.latest import io
from einops import repeat

from ..mirage_core import Cameras, LatentMemory
from ..mirage_core.coverage import Coverage, coverage
from .host.formats import colours_of
from .host.latents import token_grid
from .host.path_picture import path_picture
from .host.walking import decoded
from .types import CAMERA, CamerasSocket, MemorySocket, video_size

FADED = 0.25  # how much of the picture is left where the memory knows nothing
GREY = 0.18


class PreviewWalk(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PreviewWalk",
            display_name="Preview Walk",
            category=CAMERA,
            description="Shows in seconds what the memory knows along a path: a strip of shares, maps from above and "
            "from the side, and, with a VAE, the walk as the memory sees it. Nothing is sampled.",
            search_aliases=["coverage", "animatic", "map", "top down", "camera path preview", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                *video_size(),
                io.Vae.Input(
                    "vae", optional=True, tooltip="The VAE of the latents: shows the walk as the memory sees it."
                ),
                io.Float.Input(
                    "too_near",
                    default=0.1,
                    min=0.001,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    advanced=True,
                    tooltip="Warn where the camera comes nearer to remembered points than this share of the median "
                    "depth that the path sees.",
                ),
                io.Float.Input(
                    "least_known",
                    default=0.2,
                    min=0.0,
                    max=1.0,
                    step=0.05,
                    optional=True,
                    advanced=True,
                    tooltip="Warn where less than this share is known.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="picture", tooltip="Strip and maps."),
                io.Image.Output(
                    display_name="frames", tooltip="With a VAE: the memory along the path, the unknown darkened."
                ),
                io.String.Output(display_name="report"),
                io.Float.Output(display_name="known", tooltip="Mean share of known tokens, 0..1."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        memory: LatentMemory,
        cameras: Cameras,
        width: int,
        height: int,
        vae=None,
        too_near: float = 0.1,
        least_known: float = 0.2,
    ) -> io.NodeOutput:
        size = token_grid("Preview Walk", memory.spec, width, height)
        path = cameras.fitted((height, width))
        covered = coverage(memory, path, size, too_near, least_known)
        picture = path_picture(memory, covered, colours_of(memory.spec, memory.points.tokens()))
        frames = picture if vae is None else _animatic(vae, covered, memory.spec.temporal)
        known = sum(covered.known) / len(covered.known)
        return io.NodeOutput(picture, frames, covered.report, known, ui={"text": [covered.report]})


def _animatic(vae, covered: Coverage, stride: int) -> torch.Tensor:
    """Frames ``(F, H, W, 3)``: the splat decoded, dark where nothing is known."""
    frames = decoded(vae, covered.readout.latents.float())
    each = [0, *(1 + (frame - 1) // stride for frame in range(1, len(frames)))]  # latent frame of every video frame
    known = covered.readout.known[each].to(frames)  # (F, h, w)
    (_, h, w), (H, W) = known.shape, frames.shape[1:3]
    shown = repeat(known, "f h w -> f (h y) (w x) 1", y=H // h, x=W // w)
    return frames[..., :3] * (FADED + (1 - FADED) * shown) + GREY * (1 - shown)
