"""The nodes, in the order in which a walk uses them."""

from comfy_api.latest import ComfyExtension, io

from .align import AlignGeometry
from .branch import LoadMirageBranch, LoadMirageLora, LoadSmallModel
from .brush import MemoryBrush, PreviewMemory
from .camera_files import LoadCameraPath, SaveCameraPath
from .cameras import CameraPath, CameraRange
from .closure import LoopClosure
from .codec import LoadPatchCodec, WeightFreeCodec
from .edit import CropMemory, MergeMemories
from .files import LoadLatentMemory, SaveLatentMemory
from .geometry import SampleScene, SceneGeometry
from .lift import LiftLatents
from .memory import LatentMemoryCache, MemoryInfo, MemoryToPointCloud
from .no_text import NoText
from .panorama import PanoramaToViews, SamplePanorama
from .path_editor import CameraPathEditor
from .preview import PreviewWalk, RenderMemoryPreview
from .sampler import ApplyMemory, MemorySampler
from .views import ViewsToMemory
from .walk import SceneWalk, WalkPrompt
from .walk_frames import LoadWalkFrames
from .wan_camera import CameraPathToCameraCtrl, CameraPathToWanCamera
from .warp import WarpLatents

NODES: list[type[io.ComfyNode]] = [
    SampleScene,
    WeightFreeCodec,
    LoadPatchCodec,
    SceneGeometry,
    LiftLatents,
    SamplePanorama,
    PanoramaToViews,
    LatentMemoryCache,
    ViewsToMemory,
    CameraPath,
    CameraPathEditor,
    CameraRange,
    LoadCameraPath,
    SaveCameraPath,
    PreviewWalk,
    CameraPathToWanCamera,
    CameraPathToCameraCtrl,
    RenderMemoryPreview,
    WarpLatents,
    MemorySampler,
    ApplyMemory,
    LoadSmallModel,
    LoadMirageBranch,
    LoadMirageLora,
    NoText,
    SceneWalk,
    WalkPrompt,
    LoadWalkFrames,
    AlignGeometry,
    LoopClosure,
    PreviewMemory,
    MemoryBrush,
    CropMemory,
    MergeMemories,
    MemoryInfo,
    MemoryToPointCloud,
    SaveLatentMemory,
    LoadLatentMemory,
]


def check_schemas() -> None:
    """Raise what an older ComfyUI raises that does not know all that the nodes say about themselves."""
    for node in NODES:
        node.GET_SCHEMA()


class MirageExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
