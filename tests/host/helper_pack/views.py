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


class Da3Model(io.ComfyNode):
    """In the place of Load Depth Anything 3."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Da3Model",
            category="test",
            is_dev_only=True,
            inputs=[io.String.Input("model_name"), io.String.Input("weight_dtype")],
            outputs=[io.Custom("DA3_MODEL").Output()],
        )

    @classmethod
    def execute(cls, model_name, weight_dtype):
        return io.NodeOutput(model_name)


class Da3OfClip(io.ComfyNode):
    """In the place of Run Depth Anything 3, mode multiview: a wall, seen from cameras that move to the right."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Da3OfClip",
            category="test",
            is_dev_only=True,
            inputs=[io.Custom("DA3_MODEL").Input("da3_model"), io.Image.Input("image")],
            outputs=[io.Custom("DA3_GEOMETRY").Output()],
        )

    @classmethod
    def execute(cls, da3_model, image):
        S, H, W, _ = image.shape
        world2cam = torch.eye(4)[:3].repeat(1, S, 1, 1)
        world2cam[0, :, 0, 3] = torch.linspace(0.0, -0.5, S)
        K = torch.tensor([[W / 2.5, 0.0, W / 4], [0.0, W / 2.5, H / 4], [0.0, 0.0, 1.0]])  # of a smaller picture
        packet = {"depth": torch.full((S, H, W), 3.0), "image": image, "mode": "multiview", "extrinsics": world2cam}
        return io.NodeOutput({**packet, "intrinsics": K.repeat(1, S, 1, 1)})
