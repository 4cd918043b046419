"""Cutting memories and joining them, so that a world can branch and come together again."""

import torch
from comfy_api.latest import io

from ..mirage_core import LatentMemory
from ..mirage_core.editing import Selection, cropped
from ..mirage_core.shapes import erased, painted, shapes_from_text
from .types import MEMORY, MemorySocket

AXES = ("x", "y", "z")
FAR = 1e6  # scene units


def _corner(end: str, axis: str) -> io.Input:
    default = -FAR if end == "low" else FAR
    where = {"x": "right", "y": "down", "z": "forward from the first picture"}[axis]
    return io.Float.Input(
        f"{end}_{axis}", default=default, min=-FAR, max=FAR, step=0.1, tooltip=f"Scene units; {axis} goes {where}."
    )


class CropMemory(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        box = [_corner(end, axis) for end in ("low", "high") for axis in AXES]
        frames = [
            io.Int.Input("first_frame", default=0, min=0, max=10**6, tooltip="Latent frame that wrote the points."),
            io.Int.Input("last_frame", default=10**6, min=0, max=10**6, tooltip="The last such frame, included."),
        ]
        confidence = io.Float.Input(
            "least", default=0.75, min=0.0, max=1.0, step=0.01, tooltip="Share of a token's pixels that had a depth."
        )
        shapes = io.String.Input(
            "shapes",
            default="",
            multiline=True,
            tooltip="Boxes, spheres and lassos that erase, keep, lock or unlock, in their order: the text of a Memory "
            "Brush. Locked points stay until a shape unlocks them.",
        )
        return io.Schema(
            node_id="Mirage_CropMemory",
            display_name="Crop Memory",
            category=MEMORY,
            description="Keeps, or drops, the points in a box, of some latent frames, of some confidence, or of the "
            "shapes of a Memory Brush. The memory that goes in is not changed.",
            search_aliases=["cut memory", "delete points", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                io.Boolean.Input(
                    "keep",
                    default=True,
                    label_on="keep",
                    label_off="drop",
                    tooltip="What becomes of the selection. By shapes: keep what they leave, or what they erase.",
                ),
                io.DynamicCombo.Input(
                    "by",
                    options=[
                        io.DynamicCombo.Option("box", box),
                        io.DynamicCombo.Option("frames", frames),
                        io.DynamicCombo.Option("confidence", [confidence]),
                        io.DynamicCombo.Option("shapes", [shapes]),
                    ],
                    tooltip="What to select by. Use several nodes for several conditions.",
                ),
            ],
            outputs=[MemorySocket.Output(display_name="memory")],
        )

    @classmethod
    def execute(cls, memory: LatentMemory, keep: bool, by: dict) -> io.NodeOutput:
        if by["by"] == "shapes":
            shapes = shapes_from_text(by["shapes"])
            return io.NodeOutput(painted(memory, shapes) if keep else erased(memory, shapes))
        if by["by"] == "box":
            selection = Selection(box=torch.tensor([[by[f"{end}_{axis}"] for axis in AXES] for end in ("low", "high")]))
        elif by["by"] == "frames":
            selection = Selection(frames=(by["first_frame"], by["last_frame"]))
        else:
            selection = Selection(confidence=by["least"])
        return io.NodeOutput(cropped(memory, selection, keep))


class MergeMemories(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_MergeMemories",
            display_name="Merge Memories",
            category=MEMORY,
            description="Joins two memories of one world, such as two walks that began at the same picture. Nothing is "
            "aligned.",
            search_aliases=["join memories", "mirage"],
            inputs=[
                MemorySocket.Input("memory"),
                MemorySocket.Input("other", tooltip="Its points come behind those of the first."),
                io.Float.Input(
                    "voxel",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.01,
                    tooltip="Keep one point per cube of this edge, the one seen finest: what both walks saw is then "
                    "there once. Scene units, 0 = keep all.",
                ),
            ],
            outputs=[MemorySocket.Output(display_name="memory")],
        )

    @classmethod
    def execute(cls, memory: LatentMemory, other: LatentMemory, voxel: float) -> io.NodeOutput:
        both = memory.merge(other)
        return io.NodeOutput(both.compact(voxel) if voxel > 0 else both)
