"""Where a scene comes from: a picture that ships with the pack, or ComfyUI's depth models."""

import json
from pathlib import Path

import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image
from torch import Tensor

from ..mirage_core import Cameras, Geometry
from ..mirage_core.geometry import token_crop
from .host.geometry_packets import from_depth_anything, from_depth_picture, from_moge
from .pictures.pixels import as_image
from .types import SCENE, CamerasSocket, GeometrySocket

ASSETS = Path(__file__).parent / "assets"
VIEWS = ("middle of the room", "a step back", "at the table")  # frames of the recording
ORDER = (1, 0, 2)  # their places in scene.json
DRAWN = "a drawn room"
SPATIAL = 16  # pixels of the larger token: the sample is cut so that both patch sizes divide it


class SampleScene(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_SampleScene",
            display_name="Sample Scene",
            category=SCENE,
            description="A real photograph with measured depth and pose (528 x 352, an office lounge recorded with a "
            "depth camera). Where the sensor saw nothing, glass or dark surfaces, there is no geometry. Or a drawn "
            "room with exact depth (320 x 192), of the kind that small models are trained on.",
            search_aliases=["rgbd", "demo", "example", "depth photo", "mirage"],
            inputs=[
                io.Combo.Input(
                    "view",
                    options=[*VIEWS, DRAWN],
                    tooltip="One of three pictures of the same walk. They share one world, in metres, with the first "
                    "one's camera as its origin. The drawn room is a world of its own.",
                )
            ],
            outputs=[
                io.Image.Output(display_name="image"),
                GeometrySocket.Output(display_name="geometry", tooltip="Depth and camera, metres."),
            ],
        )

    @classmethod
    def execute(cls, view: str) -> io.NodeOutput:
        return io.NodeOutput(*(_drawn() if view == DRAWN else _recorded(VIEWS.index(view))))


def _recorded(chosen: int) -> tuple[Tensor, Geometry]:
    folder = ASSETS / "dining_room"
    scene = json.loads((folder / "scene.json").read_text())
    frames = [scene["frames"][number] for number in ORDER]
    image, depth = _pictures(folder, frames[chosen])
    K = torch.tensor([frame["K"] for frame in frames])
    K[:, :2, 2] += 0.5  # the recording has pixel centres on whole numbers
    recorded = Cameras.from_pixels(torch.tensor([f["cam2world"] for f in frames]), K, image_size=tuple(depth.shape))
    cameras = recorded.relative_to(recorded[0])[chosen]
    H, W = depth.shape
    rows, columns = token_crop((H, W), SPATIAL)
    geometry = Geometry(depth.unsqueeze(0), cameras).cropped_to_tokens((H // SPATIAL, W // SPATIAL), SPATIAL)
    return image[:, rows, columns], geometry


def _drawn() -> tuple[Tensor, Geometry]:
    folder = ASSETS / "drawn_room"
    (frame,) = json.loads((folder / "scene.json").read_text())["frames"]
    image, depth = _pictures(folder, frame)
    return image, Geometry(depth.unsqueeze(0), Cameras(torch.eye(4)[None], torch.tensor([frame["K"]])))


def _pictures(folder: Path, frame: dict) -> tuple[Tensor, Tensor]:
    """IMAGE ``(1, H, W, 3)`` and depth ``(H, W)``, metres, 0 = none."""
    with Image.open(folder / frame["image"]) as picture:
        image = as_image(picture.convert("RGB"))
    with Image.open(folder / frame["depth"]) as picture:
        return image, torch.from_numpy(np.array(picture, dtype=np.float32) / frame["depth_scale"])


def _field_of_view() -> io.Float.Input:
    return io.Float.Input(
        "field_of_view",
        default=60.0,
        min=1.0,
        max=175.0,
        step=0.5,
        tooltip="Horizontal field of view of the picture, degrees. Not used when cameras are connected.",
    )


def _near() -> io.Float.Input:
    return io.Float.Input("near", default=1.0, min=0.001, max=1e5, step=0.1, tooltip="Scene units of white.")


def _far() -> io.Float.Input:
    return io.Float.Input(
        "far",
        default=10.0,
        min=0.001,
        max=1e6,
        step=0.1,
        tooltip="Scene units of black (inverse) or white (depth).",
    )


def _farthest() -> io.Float.Input:
    return io.Float.Input(
        "farthest",
        default=0.0,
        min=0.0,
        max=1e6,
        step=1.0,
        tooltip="Scene units beyond which there is no geometry: distant hills, sky. 0 = no limit.",
    )


def _sources() -> list[io.DynamicCombo.Option]:
    moge = io.Custom("MOGE_GEOMETRY").Input("moge_geometry", tooltip="From Run MoGe Inference.")
    depth_anything = io.Custom("DA3_GEOMETRY").Input("da3_geometry", tooltip="From Run Depth Anything 3.")
    inverse = io.Image.Input("depth", tooltip="Near is white, as depth models draw it.")
    straight = io.Image.Input("depth", tooltip="Value times far is the depth; black has none.")
    sources = {
        "MoGe": [moge, _farthest()],
        "Depth Anything 3": [depth_anything, _field_of_view(), _farthest()],
        "inverse depth picture": [inverse, _field_of_view(), _near(), _far()],
        "depth picture": [straight, _field_of_view(), _far()],
    }
    return [io.DynamicCombo.Option(source, inputs) for source, inputs in sources.items()]


class SceneGeometry(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_SceneGeometry",
            display_name="Scene Geometry",
            category=SCENE,
            description="Depth and camera of a picture, from MoGe, Depth Anything 3, or a depth picture.",
            search_aliases=["depth", "moge", "depth anything", "da3", "point map", "mirage"],
            inputs=[
                io.DynamicCombo.Input(
                    "source",
                    options=_sources(),
                    tooltip="Where depth comes from.",
                ),
                CamerasSocket.Input(
                    "cameras",
                    optional=True,
                    tooltip="Where the pictures were taken, one camera per picture. None: one picture, whose camera is "
                    "the origin of the world.",
                ),
            ],
            outputs=[GeometrySocket.Output(display_name="geometry", tooltip="Depth and camera, scene units.")],
        )

    @classmethod
    def execute(cls, source: dict, cameras: Cameras | None = None) -> io.NodeOutput:
        match source["source"]:
            case "MoGe":
                return io.NodeOutput(from_moge(source["moge_geometry"], cameras, source["farthest"]))
            case "Depth Anything 3":
                packet, angle, farthest = source["da3_geometry"], source["field_of_view"], source["farthest"]
                return io.NodeOutput(from_depth_anything(packet, cameras, angle, farthest))
            case _:  # a depth picture; only the inverse one has a near end
                angle, near, far = source["field_of_view"], source.get("near"), source["far"]
                return io.NodeOutput(from_depth_picture(source["depth"], cameras, angle, near, far))
