"""Panoramas: a memory that knows all around, and a drawn room to try it on."""

import json
from pathlib import Path

import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image
from torch import Tensor

from ..mirage_core import Cameras, LatentPath, MirageError
from ..mirage_core.looking_around import FIELDS_OF_VIEW, OVERLAPS, all_around, at_horizon, lift_around
from ..mirage_core.panorama import Panorama
from .host.formats import spec_of
from .host.geometry_packets import from_distance_picture, from_moge_panorama
from .host.latents import MADE_UP
from .host.notes import show
from .host.single_pictures import encoded_one_by_one
from .pictures.pixels import as_image
from .types import SCENE, GeometrySocket, LiftedPoints, PointsSocket, video_size

ASSETS = Path(__file__).parent / "assets" / "drawn_panorama"
SAMPLE_FAR = 10.0  # metres of white in the sample's picture of distances
SPHERE, HORIZON = "all around", "at the horizon"


class SamplePanorama(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_SamplePanorama",
            display_name="Sample Panorama",
            category=SCENE,
            description="All around one place in a drawn room (1024 x 512, equirectangular), with exact distances.",
            search_aliases=["360", "equirectangular", "demo", "example", "mirage"],
            inputs=[],
            outputs=[
                io.Image.Output(display_name="image"),
                io.Image.Output(
                    display_name="distance",
                    tooltip=f"Along the rays: value times {SAMPLE_FAR:g} is the distance in metres. In Panorama to "
                    f"Views choose distance picture, with far {SAMPLE_FAR:g}.",
                ),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        scene = json.loads((ASSETS / "scene.json").read_text())
        with Image.open(ASSETS / scene["image"]) as picture:
            image = as_image(picture.convert("RGB"))
        with Image.open(ASSETS / scene["distance"]) as picture:
            metres = torch.from_numpy(np.array(picture, dtype=np.float32) / scene["distance_scale"])
        return io.NodeOutput(image, (metres / SAMPLE_FAR)[None, ..., None].repeat(1, 1, 1, 3))


def _length(name: str, default: float, tooltip: str, least: float = 0.001) -> io.Float.Input:
    return io.Float.Input(name, default=default, min=least, max=1e6, step=0.1, tooltip=tooltip)


def _sources() -> list[io.DynamicCombo.Option]:
    moge = io.Custom("MOGE_GEOMETRY").Input("moge_geometry", tooltip="From Run MoGe Panorama Inference.")
    farthest = _length(
        "farthest", 0.0, "Scene units beyond which there is no geometry: distant hills, sky. 0 = no limit.", least=0.0
    )
    inverse = io.Image.Input("distance", tooltip="Near is white, evenly spaced in 1/distance; of the picture's size.")
    straight = io.Image.Input("distance", tooltip="Value times far is the distance; black has none.")
    near = _length("near", 1.0, "Scene units of white.")
    far = _length("far", 10.0, "Scene units of black (inverse) or white (distance).")
    sources = {
        "MoGe panorama": [moge, farthest],
        "inverse distance picture": [inverse, near, far],
        "distance picture": [straight, far],
    }
    return [io.DynamicCombo.Option(source, inputs) for source, inputs in sources.items()]


def _layouts() -> list[io.DynamicCombo.Option]:
    overlap = io.Float.Input(
        "overlap",
        default=0.1,
        min=OVERLAPS[0],
        max=OVERLAPS[1],
        step=0.05,
        tooltip="Share of its angle that every view could do without. More of it takes more views, and what is "
        "remembered comes from nearer to their centres.",
    )
    views = io.Int.Input("views", default=6, min=1, max=360, tooltip="Evenly spaced, the first straight ahead.")
    return [io.DynamicCombo.Option(SPHERE, [overlap]), io.DynamicCombo.Option(HORIZON, [views])]


def _field_of_view() -> io.Float.Input:
    return io.Float.Input(
        "field_of_view",
        default=75.0,
        min=FIELDS_OF_VIEW[0],
        max=FIELDS_OF_VIEW[1],
        step=1.0,
        tooltip="Horizontal field of view of each view, degrees, and of the path that starts there: that of the video "
        "to be made.",
    )


def _outputs() -> list[io.Output]:
    return [
        PointsSocket.Output(
            display_name="points",
            tooltip="For Latent Memory Cache. What several views show comes from the one that has it nearest to its "
            "centre.",
        ),
        GeometrySocket.Output(
            display_name="geometry",
            tooltip="Depth and cameras of all views, scene units. A camera path starts with the first, which looks "
            "straight ahead.",
        ),
        io.Image.Output(display_name="image", tooltip="The views; the first is the start picture of a walk."),
    ]


class PanoramaToViews(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_PanoramaToViews",
            display_name="Panorama to Views",
            category=SCENE,
            description="A 360 degree picture and its distances become overlapping views with cameras, each encoded as "
            "a picture of its own and lifted: connect points to Latent Memory Cache, and the memory knows all around.",
            search_aliases=["360", "equirectangular", "spherical", "hdri", "moge panorama", "cubemap", "mirage"],
            inputs=[
                io.Image.Input(
                    "picture", tooltip="Equirectangular, twice as wide as high. Its centre lies straight ahead."
                ),
                io.DynamicCombo.Input(
                    "source",
                    options=_sources(),
                    tooltip="Where distances come from. They run along the rays, not along an optical axis.",
                ),
                io.Vae.Input("vae", tooltip="Encodes the views, one by one, and says how many pixels a token covers."),
                io.DynamicCombo.Input(
                    "layout",
                    options=_layouts(),
                    tooltip="all around: as few views as show every direction, up and down too. at the horizon: one "
                    "ring of views, nothing above and below it.",
                ),
                _field_of_view(),
                *video_size(),
                io.Mask.Input(
                    "exclude",
                    optional=True,
                    tooltip="White is kept out of the memory: people, the tripod, sky. Of the panorama's size.",
                ),
            ],
            outputs=_outputs(),
        )

    @classmethod
    def execute(cls, picture, source, vae, layout, field_of_view, width, height, exclude=None) -> io.NodeOutput:
        panorama, spec = _panorama(picture, source), spec_of(vae)
        cameras = _cameras(layout, field_of_view, (height, width))
        LatentPath.of(cameras, spec, width, height)  # raises what it says of sizes that hold no whole tokens
        pictures, geometry = panorama.seen(cameras, (height, width))
        flagged = None if exclude is None else _flagged(exclude, panorama, cameras, (height, width))
        latents = encoded_one_by_one(vae, pictures, spec.channels)
        block = lift_around(latents, geometry, flagged)
        status = f"{len(cameras)} views; {len(block)} tokens of them"
        return io.NodeOutput(LiftedPoints(block, cameras, spec), geometry, pictures, ui=show(status))


def _panorama(picture: Tensor, source: dict) -> Panorama:
    if source["source"] == "MoGe panorama":
        return from_moge_panorama(picture, source["moge_geometry"], source["farthest"])
    return from_distance_picture(picture, source["distance"], source.get("near"), source["far"])


def _cameras(layout: dict, field_of_view: float, size: tuple[int, int]) -> Cameras:
    if layout["layout"] == SPHERE:
        return all_around(field_of_view, size, layout["overlap"])
    return at_horizon(field_of_view, size, layout["views"])


def _flagged(mask: Tensor, panorama: Panorama, cameras: Cameras, size: tuple[int, int]) -> Tensor | None:
    """What views see of a MASK ``(1, H, 2 H)`` of ComfyUI's: bool ``(T, H', W')``. None: it is one that it makes up."""
    mask = mask if mask.ndim == 3 else mask[None]
    if tuple(mask.shape[1:]) == MADE_UP and not bool(mask.any()):
        return None
    if len(mask) != 1:
        raise MirageError(f"exclude: must be one mask, of the panorama; got {len(mask)}.")
    return panorama.flagged(mask[0].cpu() > 0.5, cameras, size)
