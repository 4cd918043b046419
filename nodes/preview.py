"""What the memory knows along a path, before anything is sampled: Preview Walk and Render Memory Preview."""

import torch
from comfy_api.latest import io

from ..mirage_core import Cameras, Geometry, LatentMemory, LatentPath
from ..mirage_core.coverage import coverage
from .host.control_video import control_video, source_pictures
from .host.formats import colours_of
from .host.memory_device import read_beside
from .host.notes import of_path, show
from .host.seen_frames import seen_frames, with_unknown
from .pictures.path import path_picture
from .types import CAMERA, READ, CamerasSocket, GeometrySocket, MemorySocket, video_size

FADED = 0.25  # how much of the picture is left where the memory knows nothing
GREY = 0.18
UNKNOWN = {  # how a control video shows what is not known, 0..1
    "grey": (0.5, 0.5, 0.5),
    "black": (0.0, 0.0, 0.0),
    "green": (102 / 255, 1.0, 0.0),  # of the in- and outpainting LoRA of LTX
    "magenta": (1.0, 0.0, 1.0),  # of the CrossView-Warp LoRA of LTX
}


def _limits() -> list[io.Input]:
    return [
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
    ]


class PreviewWalk(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PreviewWalk",
            display_name="Preview Walk",
            category=CAMERA,
            description="Shows in seconds what the memory knows along a path: a strip of shares, maps from above and "
            "from the side, and the walk as the memory sees it. Nothing is sampled.",
            search_aliases=["coverage", "animatic", "map", "top down", "camera path preview", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                *video_size(),
                io.Vae.Input(
                    "vae",
                    optional=True,
                    tooltip="The VAE of the latents: shows the walk as the memory sees it. None: in rough colours.",
                ),
                *_limits(),
            ],
            outputs=[
                io.Image.Output(display_name="picture", tooltip="Strip and maps."),
                io.Image.Output(
                    display_name="frames",
                    tooltip="The memory along the path, the unknown darkened; without a VAE in rough colours.",
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
        path = LatentPath.of(cameras, memory.spec, width, height)
        covered = coverage(memory, path, too_near, least_known, read=read_beside)
        picture = path_picture(memory, covered, colours_of(memory.spec, memory.as_one_block().tokens()))
        seen, shown = seen_frames(vae, covered.readout, memory.spec)
        frames = with_unknown(seen, shown, GREY, left=FADED)
        notes = of_path(path)
        if vae is None:
            notes.append("frames: in rough colours, one square per token. Connect the VAE to see the pictures.")
        report = "\n".join([covered.report, *notes])
        ui = {"text": [report], **show(covered.report, notes)}
        return io.NodeOutput(picture, frames, report, covered.mean, ui=ui)


def _pictures() -> list[io.Input]:
    return [
        io.Image.Input(
            "pictures",
            optional=True,
            tooltip="The pictures that the memory was written from: where it shows them, their own pixels stand in the "
            "frames, and decoded tokens elsewhere. Needs geometry.",
        ),
        GeometrySocket.Input(
            "geometry",
            optional=True,
            tooltip="Depth and cameras of the pictures, as Lift Latents to 3D was given them.",
        ),
    ]


class RenderMemoryPreview(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_RenderMemoryPreview",
            display_name="Render Memory Preview",
            category=READ,
            description="The memory along a path as a video, with a mask of what it does not know, and as depth: "
            "control videos for VACE, Uni3C, Fun-Control, LoRAs that fill holes, and other models that take pictures. "
            "The pack's own samplers need none: they take latents.",
            search_aliases=["control video", "vace", "uni3c", "point cloud render", "inpaint mask", "depth", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                io.Vae.Input("vae", tooltip="The VAE of the remembered latents."),
                *video_size(),
                io.Combo.Input(
                    "unknown",
                    options=list(UNKNOWN),
                    tooltip="How the unknown looks: grey as VACE wants it, black as Uni3C's renders have it, green as "
                    "the In-Outpainting LoRA of LTX and magenta as the CrossView-Warp LoRA of LTX were trained.",
                ),
                *_pictures(),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="One per video frame."),
                io.Mask.Output(display_name="mask", tooltip="White where nothing is known, one per video frame."),
                io.Image.Output(
                    display_name="depth",
                    tooltip="Near is bright, the unknown black; one per video frame, in one scale along the whole "
                    "path. For Wan Fun-Control and other models that are steered by depth.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        memory: LatentMemory,
        cameras: Cameras,
        vae,
        width: int,
        height: int,
        unknown: str,
        pictures: torch.Tensor | None = None,
        geometry: Geometry | None = None,
    ) -> io.NodeOutput:
        path = LatentPath.of(cameras, memory.spec, width, height)
        sources = source_pictures(memory, pictures, geometry)
        video = control_video(vae, memory, path, sources)
        status = f"{len(video.frames)} video frames; the memory knows {float(video.known.mean()):.0%} of the pixels"
        if sources is not None:
            status += f"; {video.true:.0%} are true pixels of the pictures"
        frames = with_unknown(video.frames, video.known, torch.tensor(UNKNOWN[unknown]).to(video.frames))
        return io.NodeOutput(frames, 1 - video.known[..., 0], video.depth, ui=show(status, of_path(path)))
