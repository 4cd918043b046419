"""Several pictures, or a clip, to a memory."""

from comfy_api.latest import io
from torch import Tensor

from ..mirage_core import Cameras, Geometry, LatentMemory, MirageError
from ..mirage_core.alignment import FITS
from ..mirage_core.memory import POLICIES
from ..mirage_core.sparse_points import SparsePoints
from ..mirage_core.update import UNALIGNED, UpdateSettings
from ..mirage_core.views import of_the_middle, views_to_memory
from ..mirage_core.views_report import views_text
from .host.formats import spec_of
from .host.memory_device import read_beside
from .host.walk.depth import DepthModel
from .host.walk.several_views import Views, geometry_of_models
from .types import MEMORY, CamerasSocket, GeometrySocket, MemorySocket, SparsePointsSocket

ONE_BY_ONE, AS_A_CLIP = "one by one", "as a clip"
CUT = "cameras: taken as those of larger pictures, of which {width} x {height} pixels were cut from the middle"


def _choices() -> list[io.Input]:
    return [
        io.Combo.Input(
            "encode",
            options=[ONE_BY_ONE, AS_A_CLIP],
            tooltip="one by one: photographs, or single video frames of a clip; each becomes a latent frame. as a "
            "clip: all video frames of a video, one after the other, which the VAE encodes together.",
        ),
        io.Combo.Input(
            "depth_fit",
            options=[*FITS, UNALIGNED],
            tooltip="How the depth of each picture is brought to the scale of the others. scale: MoGe. scale and "
            "shift: Depth Anything of single pictures. none: the depth has one scale already, as that of Depth "
            "Anything of several views.",
        ),
        io.Combo.Input("policy", options=list(POLICIES), tooltip="As in Latent Memory Cache."),
    ]


def _sockets() -> list[io.Input]:
    return [
        GeometrySocket.Input(
            "geometry",
            optional=True,
            tooltip="Depth and cameras of all pictures, from Scene Geometry. None: connect cameras, and a model that "
            "finds the depth.",
        ),
        CamerasSocket.Input(
            "cameras",
            optional=True,
            tooltip="One per picture, in the order of the pictures, as from Load Camera Path.",
        ),
        SparsePointsSocket.Input(
            "points",
            optional=True,
            tooltip="Of a COLMAP model, from Load Camera Path: they give every picture its scale.",
        ),
        io.Custom("MOGE_MODEL").Input("moge_model", optional=True, tooltip="Finds the depth of each picture."),
        io.Custom("DA3_MODEL").Input("da3_model", optional=True, tooltip="Depth Anything 3 finds it instead."),
        io.Mask.Input(
            "exclude",
            optional=True,
            tooltip="White is kept out of the memory: people, cars, sky. One mask, or one per picture.",
        ),
        MemorySocket.Input(
            "memory",
            optional=True,
            tooltip="A memory of the same world, to which the pictures are added. None: a new one.",
        ),
    ]


def _advanced() -> list[io.Input]:
    return [
        io.Boolean.Input(
            "leave_out_moving",
            default=True,
            optional=True,
            advanced=True,
            tooltip="Leave out tokens that more of the other pictures see through than show: what moved.",
        ),
        io.Float.Input(
            "max_residual",
            default=0.1,
            min=0.001,
            max=10.0,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="Pictures whose depth still differs more, in the median, are not written.",
        ),
        io.Float.Input(
            "tolerance",
            default=0.25,
            min=0.01,
            max=10.0,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="Share of depth by which tokens may differ from what the other pictures show.",
        ),
    ]


class ViewsToMemory(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_ViewsToMemory",
            display_name="Views to Memory",
            category=MEMORY,
            description="Several photographs of a place, or a clip, to one memory: their depth is brought to one "
            "scale, what moved is left out, and the report says what became of each picture.",
            search_aliases=["photographs", "multi view", "clip", "video to memory", "colmap", "retake", "mirage"],
            inputs=[
                io.Image.Input("pictures", tooltip="Of one size; the memory's tokens are made of them."),
                io.Vae.Input("vae", tooltip="The VAE of the video model."),
                *_choices(),
                *_sockets(),
                *_advanced(),
            ],
            outputs=[
                MemorySocket.Output(display_name="memory"),
                GeometrySocket.Output(
                    display_name="geometry",
                    tooltip="Of all pictures in the memory's scale: a camera path begins at the first of them. "
                    "Pictures that were not written have no depth.",
                ),
                io.String.Output(
                    display_name="report", tooltip="What every picture was aligned by, and what was left out."
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        pictures: Tensor,
        vae,
        encode: str,
        depth_fit: str,
        policy: str,
        points: SparsePoints | None = None,
        memory: LatentMemory | None = None,
        leave_out_moving: bool = True,
        max_residual: float = 0.1,
        tolerance: float = 0.25,
        **given,
    ) -> io.NodeOutput:
        spec = spec_of(vae)
        settings = UpdateSettings(policy, depth_fit, max_residual, tolerance)
        geometry, exclude, notes = _geometry(pictures[..., :3], **given)
        views = Views(pictures[..., :3], geometry, exclude, points, encode == AS_A_CLIP)
        latents = views.encoded(vae, spec)  # (T, C, h, w)
        estimate, cameras, points = views.for_latents(latents, spec)
        start = LatentMemory(spec) if memory is None else memory.merge(LatentMemory(spec))  # refuses another format
        written = views_to_memory(
            start, latents, estimate, cameras, settings, points, still=leave_out_moving, read=read_beside
        )
        report = "\n".join([views_text(written, views.names(spec), settings), *notes])
        return io.NodeOutput(written.memory, written.geometry, report, ui={"text": [report]})


def _geometry(
    pictures: Tensor,
    geometry: Geometry | None = None,
    cameras: Cameras | None = None,
    moge_model=None,
    da3_model=None,
    exclude: Tensor | None = None,
) -> tuple[Geometry, dict[str, Tensor], list[str]]:
    """Depth and cameras of pictures ``(B, H, W, 3)``, what to keep out by reason, and what is said of it."""
    model = DepthModel(moge_model, da3_model)
    left_out = {} if exclude is None else {"excluded": exclude}
    if geometry is not None:
        if cameras is not None or model.looks:
            raise MirageError(
                "geometry: brings cameras and depth of its own; cameras, moge_model and da3_model must not be "
                "connected beside it. Disconnect them, or geometry."
            )
        _check_count("geometry", len(geometry), len(pictures))
        return geometry, left_out, []
    if cameras is None or not model.looks:
        raise MirageError(
            "geometry, cameras: connect geometry, or else cameras and one of moge_model and da3_model. Cameras of "
            "photographs come from Load Camera Path; Depth Anything 3 of several views finds cameras and depth at once."
        )
    _check_count("cameras", len(cameras), len(pictures))
    H, W = pictures.shape[1:3]
    fitting = of_the_middle(cameras.on_cpu, (H, W))
    geometry, sky = geometry_of_models(pictures, fitting, model)
    notes = [] if fitting is cameras.on_cpu else [CUT.format(width=W, height=H)]
    return geometry, {"sky": sky, **left_out}, notes


def _check_count(name: str, count: int, pictures: int) -> None:
    if count != pictures:
        raise MirageError(
            f"{name}: must be one per picture, {pictures}; got {count}. Connect those of the same pictures, in the "
            "same order."
        )
