"""Depth of what was made, brought to the memory."""

from comfy_api.latest import io

from ..mirage_core import Geometry, LatentMemory
from ..mirage_core.alignment import FITS
from ..mirage_core.update import UpdateSettings, aligned_to_memory
from .host.memory_device import read_beside
from .types import MEMORY, GeometrySocket, MemorySocket


class AlignGeometry(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_AlignGeometry",
            display_name="Align Geometry to Memory",
            category=MEMORY,
            description="Brings estimated depth to the scale of what is remembered, each video frame by itself. What "
            "contradicts the memory loses its depth, and is then not lifted.",
            search_aliases=["depth scale", "monocular depth", "mirage"],
            inputs=[
                GeometrySocket.Input("geometry", tooltip="Depth of new video frames, with their cameras connected."),
                MemorySocket.Input("memory"),
                io.Combo.Input(
                    "depth_fit", options=list(FITS), tooltip="scale: MoGe. scale and shift: Depth Anything."
                ),
                io.Float.Input(
                    "max_residual",
                    default=0.1,
                    min=0.001,
                    max=10.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Video frames whose depth still differs more, in the median, lose their depth.",
                ),
                io.Float.Input(
                    "tolerance",
                    default=0.25,
                    min=0.01,
                    max=10.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Tokens that lie farther before or behind what the memory shows lose their depth.",
                ),
            ],
            outputs=[
                GeometrySocket.Output(display_name="geometry"),
                io.String.Output(display_name="report", tooltip="Scale found, and what does not fit, per video frame."),
            ],
        )

    @classmethod
    def execute(
        cls, geometry: Geometry, memory: LatentMemory, depth_fit: str, max_residual: float, tolerance: float
    ) -> io.NodeOutput:
        spatial = memory.spec.spatial
        size = tuple(pixels // spatial for pixels in geometry.image_size)
        geometry = geometry.cropped_to_tokens(size, spatial)
        settings = UpdateSettings(fit=depth_fit, max_residual=max_residual, tolerance=tolerance)
        aligned, reports = aligned_to_memory(geometry, memory, size, settings, read=read_beside)
        lines = [
            f"video frame {one.frame}: {one.refused or f'scale {one.scale:.3f}, residual {one.residual:.1%}'}"
            + (f", {one.excluded['contradiction']} tokens contradict" if "contradiction" in one.excluded else "")
            for one in reports
        ]
        return io.NodeOutput(aligned, "\n".join(lines))
