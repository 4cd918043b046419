"""nerfstudio camera_path.json: cam2world as 16 numbers row by row, OpenGL axes, vertical field of view in degrees."""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import write_text
from .json_file import check_perspective, entry, load
from .parsed import FLIP, Parsed, ReadOptions, Written, from_fov, oriented, vertical_fov

TITLE = "nerfstudio camera_path.json"
SUFFIX = ".json"
OPTIONS = ("invert", "transpose", "flip", "horizontal_fov")
FPS = 24


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and '"camera_path"' in text


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    steps = entry(data, "camera_path", list, path.name)
    try:
        for step in steps:
            check_perspective(step, path.name)
        matrices = np.array([step["camera_to_world"] for step in steps], dtype=np.float64).reshape(-1, 4, 4)
        fov = np.array([step["fov"] for step in steps], dtype=np.float64)
    except MirageError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MirageError(
            f"{path.name}: every step must hold camera_to_world (16 numbers) and fov; {brief(error, 160)}."
        ) from error
    size = options.image_size
    if size is None and "render_height" in data and "render_width" in data:
        size = (int(data["render_height"]), int(data["render_width"]))
    aspect = size[1] / size[0] if size else float(steps[0].get("aspect", 16 / 9)) if steps else 1.0
    notes = ["cam2world matrices, OpenGL axes (y up, z backward)", "vertical field of view in degrees"]
    return Parsed(
        oriented(matrices, options, False, path.name) @ FLIP, from_fov(fov, aspect, options), notes, size, aspect
    )


def write(path: Path, written: Written) -> None:
    (H, W), fov = written.image_size, vertical_fov(written.K)
    steps = [
        {"camera_to_world": (matrix @ FLIP).flatten().tolist(), "fov": float(angle), "aspect": W / H}
        for matrix, angle in zip(written.cam2world, fov, strict=True)
    ]
    data = {
        "camera_type": "perspective",
        "render_height": H,
        "render_width": W,
        "camera_path": steps,
        "fps": FPS,
        "seconds": len(steps) / FPS,
    }
    write_text(path, json.dumps(data, indent=1))
