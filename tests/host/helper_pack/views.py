"""Geometry of several views, as Scene Geometry makes it of several pictures."""

import torch
from comfy_api.latest import io

GEOMETRY = io.Custom("MIRAGE_GEOMETRY")
MOST = 5


class JoinedViews(io.ComfyNode):
    """Geometries in one, the depth of each in a scale of its own."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Views",
            category="test",
            is_dev_only=True,
            inputs=[
                *(GEOMETRY.Input(f"geometry{number}", optional=True) for number in range(MOST)),
                io.String.Input("scales", default="", optional=True),
            ],
            outputs=[GEOMETRY.Output()],
        )

    @classmethod
    def execute(cls, scales="", **geometries):
        views = [geometries[name] for name in sorted(geometries)]
        factors = [float(word) for word in scales.split(",")] if scales else [1.0] * len(views)
        depth = torch.cat([view.depth * factor for view, factor in zip(views, factors, strict=True)])
        cameras = type(views[0].cameras).concatenated([view.cameras for view in views])
        return io.NodeOutput(type(views[0])(depth, cameras))


class CamerasOf(io.ComfyNode):
    """The cameras of a geometry."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_CamerasOf",
            category="test",
            is_dev_only=True,
            inputs=[GEOMETRY.Input("geometry")],
            outputs=[io.Custom("MIRAGE_CAMERAS").Output()],
        )

    @classmethod
    def execute(cls, geometry):
        return io.NodeOutput(geometry.cameras)
