"""Lift Latents to 3D."""

import torch
from comfy_api.latest import io

from ..mirage_core import Geometry, lift
from ..mirage_core.geometry import POOLINGS
from .host.formats import spec_of
from .host.latents import exclude_for, geometry_for, latent_frames
from .types import MEMORY, GeometrySocket, LiftedPoints, PointsSocket


def _advanced() -> list[io.Input]:
    return [
        io.Int.Input(
            "first_frame",
            default=0,
            min=0,
            max=2**30,
            advanced=True,
            optional=True,
            tooltip="Number of the first latent frame, recorded with the points.",
        ),
        io.Combo.Input(
            "pooling",
            options=list(POOLINGS),
            advanced=True,
            optional=True,
            tooltip="How a token's depth is found: median of its valid pixels (best), their nearest (min), or "
            "a bilinear sample as in the published code.",
        ),
        io.Float.Input(
            "edge",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.05,
            advanced=True,
            optional=True,
            tooltip="Leave out tokens that straddle a depth edge: their far side is this share behind their "
            "near side, or more. 0 keeps all.",
        ),
    ]


class LiftLatents(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LiftLatents",
            display_name="Lift Latents to 3D",
            category=MEMORY,
            description="Places every latent token in the world, by the depth of its own pixels.",
            search_aliases=["unproject", "point cloud", "latent 3d", "mirage", "spatial memory"],
            inputs=[
                io.Latent.Input("latent", tooltip="The encoded picture or video."),
                GeometrySocket.Input(
                    "geometry", tooltip="Depth and cameras of the same picture, one per latent frame or video frame."
                ),
                io.Vae.Input("vae", tooltip="The VAE that encoded the latent: it says how many pixels a token covers."),
                io.Mask.Input(
                    "exclude",
                    optional=True,
                    tooltip="White is kept out of the memory: people, cars, sky. One mask, or one per latent "
                    "frame or video frame.",
                ),
                *_advanced(),
            ],
            outputs=[
                PointsSocket.Output(display_name="points"),
                GeometrySocket.Output(
                    display_name="geometry",
                    tooltip="The part of the geometry that the latent covers: start a camera path from it.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, latent, geometry: Geometry, vae, exclude=None, first_frame=0, pooling=POOLINGS[0], edge=0.0
    ) -> io.NodeOutput:
        spec = spec_of(vae)
        latents = latent_frames(latent["samples"], spec.channels)  # (T, C, h, w)
        T, size = len(latents), tuple(latents.shape[-2:])
        if exclude is not None:
            exclude = exclude_for(exclude, geometry, T, size, spec)
        geometry = geometry_for(geometry, T, size, spec)
        frames = torch.arange(first_frame, first_frame + T)
        block = lift(latents, geometry, exclude=exclude, pooling=pooling, frames=frames, edge=edge or None)
        return io.NodeOutput(LiftedPoints(block, geometry.cameras, spec), geometry)
