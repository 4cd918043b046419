"""Warp Latents to Camera."""

from comfy_api.latest import io

from ..mirage_core import Cameras, LatentMemory, LatentPath
from .host.latents import latent_of
from .host.memory_device import read
from .host.notes import of_path, show
from .pictures.depth import depth_image
from .types import READ, CamerasSocket, MemorySocket, video_size


class WarpLatents(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_WarpLatents",
            display_name="Warp Latents to Camera",
            category=READ,
            description="Splats the memory into the latent grid of every camera of a path. What the memory does not "
            "know is left empty and marked in the noise mask, for a sampler to fill.",
            search_aliases=["splat", "reproject", "novel view", "warp", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                *video_size(),
                io.Boolean.Input(
                    "footprint",
                    default=True,
                    advanced=True,
                    tooltip="Draw a token as the disk it covers, which closes the gaps between tokens. Off: one cell "
                    "per token, as in the published code.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="With noise_mask: 1 where the memory knows nothing, per latent frame.",
                ),
                io.Mask.Output(
                    display_name="known", tooltip="White where the memory knows; one per latent frame, in tokens."
                ),
                io.Image.Output(display_name="depth", tooltip="Near is bright; one per latent frame, in tokens."),
            ],
        )

    @classmethod
    def execute(cls, memory: LatentMemory, cameras: Cameras, width: int, height: int, footprint: bool) -> io.NodeOutput:
        path = LatentPath.of(cameras, memory.spec, width, height)
        readout = read(memory, path, footprint)
        walk = {"known": [round(share, 4) for share in readout.known_share.tolist()], "cells": list(path.grid)}
        status = f"{len(path)} latent frames; the memory knows {float(readout.known.float().mean()):.0%} of the tokens"
        return io.NodeOutput(
            latent_of(readout, video=memory.spec.temporal > 1),
            readout.known.float(),
            depth_image(readout.depth),
            ui={"mirage_walk": [walk], **show(status, of_path(path))},
        )
