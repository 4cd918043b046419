"""The memory itself: write to it, look at it, see it as a cloud."""

from io import BytesIO

from comfy_api.latest import Types, io
from torch import Tensor

from ..mirage_core import LatentMemory, MirageError
from ..mirage_core.memory import POLICIES
from ..mirage_core.points import STORES
from ..mirage_core.report import memory_report, memory_summary
from ..mirage_core.storage import point_cloud_ply
from .host.formats import colours_of
from .host.memory_device import read_beside
from .host.viewer import opening_camera
from .pictures.memory import memory_picture
from .types import MEMORY, READ, LiftedPoints, MemorySocket, PointsSocket

AS_IT_COMES = "as it comes"


def _limits() -> list[io.Input]:
    """How large a memory may grow, and how it is kept."""
    return [
        io.Float.Input(
            "budget",
            default=0.0,
            min=0.0,
            max=65536.0,
            step=1.0,
            tooltip="MiB to stay below, by keeping fewer points where they are densest. 0 = no limit.",
        ),
        io.Float.Input(
            "voxel",
            default=0.0,
            min=0.0,
            max=1000.0,
            step=0.005,
            advanced=True,
            tooltip="Keep one point per cube of this edge, scene units: the one seen finest. 0 = keep all.",
        ),
        io.Combo.Input(
            "store",
            options=[AS_IT_COMES, *STORES],
            default=AS_IT_COMES,
            optional=True,
            advanced=True,
            tooltip="How latent values are kept, here and by all that is written later. float16: half the size "
            "of float32 and no visible loss. int8: a quarter, with one scale per token.",
        ),
    ]


class LatentMemoryCache(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LatentMemoryCache",
            display_name="Latent Memory Cache",
            category=MEMORY,
            description="Writes lifted points to a memory, or starts one. The memory that goes in is not changed.",
            search_aliases=["spatial memory", "cache", "world model", "merge memories", "mirage"],
            inputs=[
                PointsSocket.Input("points", optional=True, tooltip="From Lift Latents to 3D."),
                MemorySocket.Input("memory", optional=True, tooltip="The memory to write to. None: a new one."),
                MemorySocket.Input(
                    "merge_with", optional=True, tooltip="Another memory of the same world, added to this one."
                ),
                io.Combo.Input(
                    "policy",
                    options=list(POLICIES),
                    tooltip="fill: add only what the memory does not know yet, so that it grows with the scene. "
                    "append: add everything. refresh: new tokens replace older ones at the same place.",
                ),
                *_limits(),
            ],
            outputs=[MemorySocket.Output(display_name="memory")],
        )

    @classmethod
    def execute(
        cls,
        policy: str,
        budget: float,
        voxel: float,
        points: LiftedPoints | None = None,
        memory: LatentMemory | None = None,
        merge_with: LatentMemory | None = None,
        store: str = AS_IT_COMES,
    ) -> io.NodeOutput:
        if points is None and memory is None and merge_with is None:
            raise MirageError("points, memory, merge_with: connect at least one of them; nothing is connected.")
        if points is not None:
            memory = LatentMemory(points.spec) if memory is None else memory
            memory = memory.merge(LatentMemory(points.spec))  # refuses latents of another format
            memory = memory.insert(points.block, policy, points.cameras, _shown(memory, points, policy))
        if merge_with is not None:
            memory = merge_with if memory is None else memory.merge(merge_with)
        if store != AS_IT_COMES:
            memory = memory.stored_as(store)
        if voxel > 0:
            memory = memory.compact(voxel)
        if budget > 0:
            memory = memory.prune(max_bytes=int(budget * 2**20))
        return io.NodeOutput(memory)


def _shown(memory: LatentMemory, points: LiftedPoints, policy: str) -> Tensor | None:
    """What the memory shows where the points come from, if the policy asks for it."""
    if policy != "fill" or not memory.num_points or points.block.source is None:
        return None
    return read_beside(memory, points.cameras, points.block.source.size).depth


class MemoryInfo(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_MemoryInfo",
            display_name="Memory Info",
            category=READ,
            description="What a memory holds, as text and as a picture. Connect Preview as Text, or Preview Image.",
            search_aliases=["memory stats", "points", "mirage"],
            inputs=[MemorySocket.Input("memory")],
            outputs=[
                MemorySocket.Output(display_name="memory"),
                io.String.Output(display_name="report"),
                io.Int.Output(display_name="points"),
                io.Float.Output(display_name="MiB"),
                io.Image.Output(display_name="picture", tooltip="By latent frame of origin, confidence and width."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, memory: LatentMemory) -> io.NodeOutput:
        summary = memory_summary(memory)
        report = memory_report(memory)
        ui = {"mirage_memory": [summary], "text": [report]}
        return io.NodeOutput(memory, report, summary["points"], summary["mib"], memory_picture(memory), ui=ui)


class MemoryToPointCloud(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_MemoryToPointCloud",
            display_name="Memory to Point Cloud",
            category=READ,
            description="The memory's points as a .ply file for Preview Point Cloud and Save Point Cloud, one point "
            "per token, coloured by the latent format's own RGB factors.",
            search_aliases=["point cloud", "ply", "3d", "preview memory", "mirage"],
            inputs=[MemorySocket.Input("memory")],
            outputs=[
                io.File3DPLY.Output(display_name="model_3d"),
                io.Load3DCamera.Output(
                    display_name="camera_info",
                    tooltip="For Preview Point Cloud: looks from behind the first view that was written.",
                ),
            ],
        )

    @classmethod
    def execute(cls, memory: LatentMemory) -> io.NodeOutput:
        cloud = point_cloud_ply(memory, colours_of(memory.spec, memory.as_one_block().tokens()))
        return io.NodeOutput(Types.File3D(BytesIO(cloud), file_format="ply"), opening_camera(memory))
