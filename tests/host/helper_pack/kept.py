from pathlib import Path

import folder_paths
from comfy_api.latest import io
from safetensors.torch import save_file


class Keep(io.ComfyNode):
    """Write what arrives to `output/<name>.safetensors`, so that a test can read it."""

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="MirageTest_Keep",
            category="test",
            is_dev_only=True,
            is_output_node=True,
            inputs=[
                io.String.Input("name"),
                io.Latent.Input("latent", optional=True),
                io.Mask.Input("mask", optional=True),
                io.Image.Input("image", optional=True),
                io.Custom("MIRAGE_GEOMETRY").Input("geometry", optional=True),
                io.Custom("MIRAGE_CAMERAS").Input("cameras", optional=True),
            ],
        )

    @classmethod
    def execute(cls, name, latent=None, mask=None, image=None, geometry=None, cameras=None):
        tensors = {"mask": mask, "image": image}
        if latent is not None:
            tensors |= {"samples": latent["samples"], "noise_mask": latent.get("noise_mask")}
        if geometry is not None:
            tensors |= {"depth": geometry.depth, "valid": geometry.valid}
            cameras = geometry.cameras
        if cameras is not None:
            tensors |= {"cam2world": cameras.cam2world, "K": cameras.K}
        tensors = {key: tensor.contiguous().clone() for key, tensor in tensors.items() if tensor is not None}
        save_file(tensors, Path(folder_paths.get_output_directory()) / f"{name}.safetensors")
        return io.NodeOutput()
