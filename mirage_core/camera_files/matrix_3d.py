"""Matrix-3D camera JSON: a bare list of 4 x 4 world2cam matrices, OpenCV axes, of the views of a panorama video.

There are no intrinsics. GEN3C's cameras.json looks the same and holds cam2world matrices: ``invert`` reads it. Source:
github SkyworkAI/Matrix-3D, README.md and code/generate_example_camera.py; github nv-tlabs/GEN3C, gui/api/v2v_utils.py.
"""

import json
import re
from pathlib import Path

from ..files import write_text
from .json_file import load_any, matrices
from .parsed import Parsed, ReadOptions, Written, oriented

TITLE = "Matrix-3D list of matrices"
SUFFIX = ".json"
OPTIONS = ("field_of_view", "invert", "transpose", "flip")
START = re.compile(r"\s*\[\s*\[\s*\[\s*[-+0-9.]")


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and START.match(text) is not None


def read(path: Path, options: ReadOptions) -> Parsed:
    world2cam = matrices(load_any(path), "the list", path.name)
    notes = [
        "a bare list of matrices, read as "
        + (
            "cam2world (invert is set)"
            if options.invert
            else "world2cam; GEN3C's cameras.json holds cam2world: set invert"
        ),
        "OpenCV axes",
        "units of its scene",
    ]
    return Parsed(oriented(world2cam, options, True, path.name), None, notes, options.image_size)


def write(path: Path, written: Written) -> None:
    write_text(path, json.dumps(written.world2cam.tolist(), indent=1))
