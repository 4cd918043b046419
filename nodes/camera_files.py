"""Camera paths from files and to files."""

import torch
from comfy_api.latest import io

from ..mirage_core import Cameras, Geometry, MirageError
from ..mirage_core.camera_files import (
    AUTO,
    FORMATS,
    WRITABLE,
    CameraFile,
    ReadOptions,
    files_read,
    read_cameras,
    write_cameras,
)
from ..mirage_core.camera_files.checks import field_of_view
from .host.folders import CAMERA_SUFFIXES, camera_files, fingerprint, new_path, readable_path
from .host.model_files import offered
from .sparse_points import points_beside
from .types import CAMERA, CamerasSocket, GeometrySocket, SparsePointsSocket

OF_THE_PICTURE, OF_THE_FILE = "of the picture", "of the file"
SAME_LENS = 2.0**-7  # of the picture: less than half a token
NOT_MOVED = (
    "Not moved to a picture: video frame 0 is the first view of the file. Connect geometry to begin at a picture."
)
FLIPS = {"none": "", "x": "x", "y": "y", "z": "z", "y and z": "yz"}


def _path_inputs() -> list[io.Input]:
    return [
        io.Combo.Input(
            "file",
            options=offered(camera_files(), "the input folder"),
            tooltip="A file of the input or output folder.",
        ),
        io.Combo.Input(
            "format",
            options=[AUTO, *FORMATS],
            tooltip="auto finds out, and the report says what it is. The help page says which tool each is of.",
        ),
        io.Int.Input(
            "frames",
            default=0,
            min=0,
            max=100000,
            tooltip="Length in video frames, along a smooth curve. 0 = as many as the file has.",
        ),
        io.Float.Input(
            "scale",
            default=1.0,
            min=0.000001,
            max=1000000.0,
            step=0.01,
            tooltip="Times all distances: files of a reconstruction have units of their own.",
        ),
        GeometrySocket.Input(
            "geometry",
            optional=True,
            tooltip="The start picture: the path is moved to begin at its camera. None: as in the file.",
        ),
    ]


def _lens_inputs() -> list[io.Input]:
    """What the cameras see, where the file does not say it or is not asked."""
    return [
        io.Combo.Input(
            "lens",
            options=[OF_THE_PICTURE, OF_THE_FILE],
            optional=True,
            advanced=True,
            tooltip="Whose field of view the cameras have, where geometry is connected. of the picture: "
            "video frame 0 is the picture, and the zooms of the file are kept. of the file: video frame 0 is another "
            "view.",
        ),
        io.Float.Input(
            "field_of_view",
            default=50.0,
            min=1.0,
            max=179.0,
            optional=True,
            advanced=True,
            tooltip="Horizontal, degrees, for formats without intrinsics.",
        ),
        io.String.Input(
            "camera", default="", optional=True, advanced=True, tooltip="Which one, of several. Empty: the first."
        ),
    ]


def _repairs() -> list[io.Input]:
    """How a file departs from its format."""
    return [
        io.Boolean.Input(
            "invert", default=False, optional=True, advanced=True, tooltip="cam2world and world2cam are swapped."
        ),
        io.Boolean.Input(
            "transpose", default=False, optional=True, advanced=True, tooltip="The matrices are transposed."
        ),
        io.Combo.Input(
            "flip",
            options=list(FLIPS),
            optional=True,
            advanced=True,
            tooltip="Camera axes that point the other way than the format says. y and z: OpenGL cameras where "
            "OpenCV ones are expected, or the reverse.",
        ),
        io.Boolean.Input(
            "quaternion_xyzw",
            default=False,
            optional=True,
            advanced=True,
            tooltip="Quaternions stand with w last, where the format has it first.",
        ),
        io.Boolean.Input(
            "horizontal_fov",
            default=False,
            optional=True,
            advanced=True,
            tooltip="The file's field of view is horizontal, where the format's is vertical.",
        ),
    ]


def _picture_size() -> list[io.Input]:
    tooltip = "Pixels of the picture that intrinsics in pixels belong to. 0 = as the file says."
    settings = dict(default=0, min=0, max=16384, optional=True, advanced=True, tooltip=tooltip)
    return [io.Int.Input(name, **settings) for name in ("image_width", "image_height")]


class LoadCameraPath(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadCameraPath",
            display_name="Load Camera Path",
            category=CAMERA,
            description="Reads a camera path of another tool, and says in words what it found.",
            search_aliases=[
                "import cameras",
                "trajectory",
                "colmap",
                "nerfstudio",
                "realestate10k",
                "cameractrl",
                "mirage",
                "gaussian splatting",
                "open3d",
                "tum",
                "record3d",
                "polycam",
                "gen3c",
                "lyra",
                "uni3c",
                "omnicam",
            ],
            inputs=[*_path_inputs(), *_lens_inputs(), *_repairs(), *_picture_size()],
            outputs=[
                CamerasSocket.Output(display_name="cameras", tooltip="One camera per video frame."),
                io.String.Output(display_name="report", tooltip="What was found; connect Preview as Text."),
                SparsePointsSocket.Output(
                    display_name="points",
                    tooltip="For Views to Memory: the sparse points of a COLMAP model. Other files have none.",
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str | None) -> bool | str:
        if file is None:  # it comes by a link
            return True
        try:
            readable_path(file, CAMERA_SUFFIXES)
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str, **others) -> str:
        return fingerprint(files_read(readable_path(file, CAMERA_SUFFIXES)))

    @classmethod
    def execute(
        cls,
        file: str,
        format: str,
        frames: int,
        scale: float,
        geometry: Geometry | None = None,
        lens: str = OF_THE_PICTURE,
        field_of_view: float = 50.0,
        camera: str = "",
        invert: bool = False,
        transpose: bool = False,
        flip: str = "none",
        quaternion_xyzw: bool = False,
        horizontal_fov: bool = False,
        image_width: int = 0,
        image_height: int = 0,
    ) -> io.NodeOutput:
        if (image_width == 0) != (image_height == 0):
            raise MirageError(f"image_width, image_height: set both, or neither; got {image_width} and {image_height}.")
        options = ReadOptions(
            image_size=(image_height, image_width) if image_width else None,
            field_of_view=field_of_view,
            camera=camera,
            invert=invert,
            transpose=transpose,
            flip=FLIPS[flip],
            quaternion_xyzw=quaternion_xyzw,
            horizontal_fov=horizontal_fov,
            scene_depth=geometry.median_depth if geometry is not None else 1.0,
        )
        path = readable_path(file, CAMERA_SUFFIXES)
        found = read_cameras(path, format, options)
        cameras = _resampled(found, frames).transformed(scale=scale)
        if geometry is None:
            said = NOT_MOVED
        else:
            cameras, said = _at_the_picture(cameras, geometry.cameras[0], lens)
        points, counted = points_beside(path, found, len(cameras), scale)
        report = "\n".join([found.report, *counted, said])
        return io.NodeOutput(cameras, report, points, ui={"text": [report]})


def _at_the_picture(cameras: Cameras, picture: Cameras, lens: str) -> tuple[Cameras, str]:
    """The path from the picture's camera on, and what is said of its lens."""
    moved = cameras.moved_to(picture)
    fitted = moved.with_lens_of(picture)
    taken = fitted if lens == OF_THE_PICTURE else moved
    if torch.allclose(moved.K[0], fitted.K[0], atol=SAME_LENS):
        return taken, "video frame 0 is the picture"
    files, pictures = (field_of_view(one.K.cpu().numpy()) for one in (moved, picture))
    if lens == OF_THE_PICTURE:
        return taken, f"video frame 0 is the picture, with its lens of {pictures}, in place of the file's"
    return taken, (
        f"Careful: video frame 0 is not the picture: the file's lens sees {files}, the picture's {pictures}. Set lens "
        f"to {OF_THE_PICTURE}, unless the video is to have the file's."
    )


def _resampled(found: CameraFile, frames: int) -> Cameras:
    if frames in (0, len(found.cameras)):
        return found.cameras
    if len(found.cameras) == 1:
        raise MirageError(f"frames: a single camera is no path; got {frames}. Set frames to 0.")
    return found.cameras.resampled(frames)


class SaveCameraPath(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_SaveCameraPath",
            display_name="Save Camera Path",
            category=CAMERA,
            description="Writes a camera path to the output folder, for another tool or for Load Camera Path.",
            search_aliases=[
                "export cameras",
                "trajectory",
                "colmap",
                "nerfstudio",
                "mirage",
                "gaussian splatting",
                "open3d",
                "tum",
                "lyra",
                "uni3c",
            ],
            inputs=[
                CamerasSocket.Input("cameras", tooltip="One camera per video frame."),
                io.Combo.Input(
                    "format",
                    options=list(WRITABLE),
                    tooltip="mirage keeps everything. The help page says what others keep, and which tools read them.",
                ),
                io.Int.Input(
                    "width", default=1280, min=1, max=16384, tooltip="Pixels of the picture; most formats name them."
                ),
                io.Int.Input("height", default=704, min=1, max=16384, tooltip="Pixels, likewise."),
                io.String.Input(
                    "filename_prefix", default="mirage/cameras", tooltip="Folder and name in the output folder."
                ),
            ],
            outputs=[io.String.Output(display_name="file", tooltip="As Load Camera Path takes it.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, cameras: Cameras, format: str, width: int, height: int, filename_prefix: str) -> io.NodeOutput:
        path, name = new_path(filename_prefix, FORMATS[format].SUFFIX)
        write_cameras(cameras, path, format, (height, width))
        if path.is_dir():
            name = name.replace(" [output]", "/images.txt [output]")
        return io.NodeOutput(name, ui={"text": [f"{name}: {len(cameras)} cameras, {FORMATS[format].TITLE}"]})
