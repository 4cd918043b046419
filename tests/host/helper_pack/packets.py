"""Geometry packets in the form in which ComfyUI's MoGe and Depth Anything 3 nodes hand them over."""

import torch
from comfy_api.latest import io

H, W = 30, 44  # of the pictures


class MogePacket(io.ComfyNode):
    """A slanted plane with infinite depth outside the mask, as `apply_mask` leaves it."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Moge",
            category="test",
            is_dev_only=True,
            inputs=[io.Int.Input(name, default=size, optional=True) for name, size in (("width", W), ("height", H))],
            outputs=[io.Custom("MOGE_GEOMETRY").Output()],
        )

    @classmethod
    def execute(cls, width=W, height=H):
        depth = torch.linspace(2.0, 6.0, height)[None, :, None].repeat(1, 1, width)
        mask = torch.ones(1, height, width, dtype=torch.bool)
        mask[:, : height // 6] = False
        depth[~mask] = torch.inf
        K = torch.tensor([[[0.9, 0.0, 0.5], [0.0, 0.9 * width / height, 0.5], [0.0, 0.0, 1.0]]])
        packet = {"depth": depth, "mask": mask, "intrinsics": K, "image": torch.zeros(1, height, width, 3)}
        return io.NodeOutput(packet)


class DepthAnythingPacket(io.ComfyNode):
    """One picture with sky, or two views with poses and the intrinsics of a smaller picture."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Da3",
            category="test",
            is_dev_only=True,
            inputs=[io.Boolean.Input("multiview")],
            outputs=[io.Custom("DA3_GEOMETRY").Output()],
        )

    @classmethod
    def execute(cls, multiview):
        views = 2 if multiview else 1
        packet = {
            "depth": torch.full((views, H, W), 3.0),
            "image": torch.zeros(views, H, W, 3),
            "mode": "multiview" if multiview else "mono",
        }
        if multiview:
            world2cam = torch.eye(4)[:3].repeat(1, 2, 1, 1)
            world2cam[0, 1, 0, 3] = -0.5  # the second camera stands half a unit to the right
            packet["extrinsics"] = world2cam
            packet["intrinsics"] = torch.tensor([[20.0, 0, 14.0], [0, 20.0, 10.0], [0, 0, 1.0]]).repeat(1, 2, 1, 1)
        else:
            packet["sky"] = torch.zeros(1, H, W)
            packet["sky"][:, :10] = 0.9
        return io.NodeOutput(packet)


class WallModel:
    """In the place of ComfyUI's MoGe model: a wall at 4 units, sky above it."""

    def infer(self, images, resolution_level, fov_x, force_projection, apply_mask):
        depth = torch.full((len(images), *images.shape[2:]), 4.0)
        mask = torch.ones_like(depth, dtype=torch.bool)
        mask[:, : images.shape[2] // 6] = False
        K = torch.tensor([[0.9, 0.0, 0.5], [0.0, 0.9 * images.shape[3] / images.shape[2], 0.5], [0.0, 0.0, 1.0]])
        return {"depth": torch.where(mask, depth, torch.inf), "mask": mask, "intrinsics": K.repeat(len(images), 1, 1)}


class BlindModel:
    """In the place of ComfyUI's MoGe model: it fails."""

    def infer(self, images, **settings):
        raise ValueError("blind")


class HeavyModel(WallModel):
    """In the place of ComfyUI's MoGe model: the device is too small for it when it is asked for the n-th time."""

    def __init__(self, call):
        self.left = call

    def infer(self, *args, **settings):
        self.left -= 1
        if not self.left:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB.")
        return super().infer(*args, **settings)


class MogeModel(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_MogeModel",
            category="test",
            is_dev_only=True,
            inputs=[
                io.Boolean.Input("blind", default=False, optional=True),
                io.Int.Input(
                    "too_heavy_at", default=0, optional=True, tooltip="Out of memory in this call; 0 = never."
                ),
            ],
            outputs=[io.Custom("MOGE_MODEL").Output()],
        )

    @classmethod
    def execute(cls, blind=False, too_heavy_at=0):
        if too_heavy_at:
            return io.NodeOutput(HeavyModel(too_heavy_at))
        return io.NodeOutput(BlindModel() if blind else WallModel())


class MogeOfGeometry(io.ComfyNode):
    """A MoGe packet of a geometry, in another scale."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_MogeOfGeometry",
            category="test",
            is_dev_only=True,
            inputs=[io.Custom("MIRAGE_GEOMETRY").Input("geometry"), io.Float.Input("scale", default=1.0)],
            outputs=[io.Custom("MOGE_GEOMETRY").Output()],
        )

    @classmethod
    def execute(cls, geometry, scale):
        packet = {"depth": geometry.depth * scale, "mask": geometry.valid, "intrinsics": geometry.cameras.K}
        return io.NodeOutput(packet)
