"""The sockets of this pack, what runs on their wires, and the inputs that many nodes share.

Everything on a wire is immutable.
"""

from dataclasses import dataclass

from comfy_api.latest import io

from ..mirage_core import Cameras, LatentSpec, PointBlock

GeometrySocket = io.Custom("MIRAGE_GEOMETRY")  # mirage_core.Geometry
CamerasSocket = io.Custom("MIRAGE_CAMERAS")  # mirage_core.Cameras, one per video frame
SparsePointsSocket = io.Custom("MIRAGE_SPARSE_POINTS")  # mirage_core.sparse_points.SparsePoints, one view per camera
PointsSocket = io.Custom("MIRAGE_POINTS")  # LiftedPoints
MemorySocket = io.Custom("MIRAGE_MEMORY")  # mirage_core.LatentMemory
PromptsSocket = io.Custom("MIRAGE_PROMPTS")  # tuple of nodes.host.walk.models.Prompt
CameraCtrlSocket = io.Custom("CAMERACTRL_POSES")  # of other packs: a list of 19 numbers per video frame
BranchSocket = io.Custom("MIRAGE_BRANCH")  # nodes.host.steering.branch.Branch

SCENE = "Mirage/1 scene"
MEMORY = "Mirage/2 memory"
CAMERA = "Mirage/3 camera"
READ = "Mirage/4 read"
SAMPLE = "Mirage/5 sample"
WALK = "Mirage/6 walk"


@dataclass(frozen=True, eq=False, repr=False)
class LiftedPoints:
    """Freshly lifted points, on their way to a memory."""

    block: PointBlock
    cameras: Cameras  # of the latent frames they were lifted from
    spec: LatentSpec

    def __repr__(self) -> str:
        return f"LiftedPoints({len(self.block)} points from {len(self.cameras)} frames, {self.spec})"


def video_size(step: int = 8) -> list[io.Input]:
    """Width and height, as every node asks for them that reads a memory or feeds a video model.

    Args:
        step: pixels of a token of the smallest format; a memory of larger tokens is asked for its own when it is read.
    """
    return [
        io.Int.Input(name, default=size, min=16, max=16384, step=step, tooltip="Of the video, pixels.")
        for name, size in (("width", 832), ("height", 480))
    ]
