"""transforms_train.json and transforms_eval.json of nerfstudio's "ns-export cameras": a list of file_path, transform.

transform is the 3 x 4 cam2world of an OpenGL camera (y up, z backward), in the model's own world and unit. There are no
intrinsics. Source: nerfstudio, exporter/exporter_utils.py, collect_camera_poses.
"""

import json
import re
from pathlib import Path

from ..errors import MirageError, brief, describe
from ..files import natural, write_text
from .json_file import load_any, matrices
from .parsed import FLIP, Parsed, ReadOptions, Written, oriented

TITLE = "nerfstudio exported cameras"
SUFFIX = ".json"
OPTIONS = ("field_of_view", "invert", "transpose", "flip")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and re.search(r'"transform"\s*:\s*\[\s*\[', text) is not None


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load_any(path)
    if not isinstance(data, list) or not data:
        raise MirageError(f"{path.name}: must hold a JSON list of cameras; got {describe(data)}.")
    try:
        frames = sorted(data, key=lambda frame: natural(str(frame.get("file_path", ""))))
        transforms = [frame["transform"] for frame in frames]
    except (AttributeError, KeyError, TypeError) as error:
        raise MirageError(
            f"{path.name}: every camera must hold a transform of 3 x 4 numbers; {brief(error, 160)}."
        ) from error
    cam2world = oriented(matrices(transforms, "transform", path.name), options, False, path.name) @ FLIP
    notes = ["cam2world matrices, OpenGL axes (y up, z backward)", "units of the model"]
    return Parsed(cam2world, None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    frames = [
        {"file_path": f"images/{n:05d}.png", "transform": (matrix @ FLIP)[:3].tolist()}
        for n, matrix in enumerate(written.cam2world)
    ]
    write_text(path, json.dumps(frames, indent=1))
