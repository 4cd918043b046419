"""The pack's own JSON: cam2world and normalised K as numbers, nothing left to guess."""

import json
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief, describe
from ..files import write_text
from .json_file import load
from .parsed import Parsed, ReadOptions, Written, oriented

TITLE = "camera path JSON of this pack"
SUFFIX = ".json"
OPTIONS = ("invert", "transpose", "flip")
FORMAT, VERSION = "mirage-camera-path", 1


def fits(path: Path, text: str) -> bool:
    return path.suffix.lower() == SUFFIX and FORMAT in text[:4096]


def read(path: Path, options: ReadOptions) -> Parsed:
    data = load(path)
    version = data.get("version")
    if data.get("format") != FORMAT or not isinstance(version, int):
        raise MirageError(
            f"{path.name}: format must be {FORMAT!r} with a version; got {describe(data.get('format'))} and "
            f"{describe(version)}."
        )
    if version > VERSION:
        raise MirageError(f"{path.name}: must be of version {VERSION} at most; it is of {version}. Update this pack.")
    try:
        matrices = np.array([one["cam2world"] for one in data["cameras"]], dtype=np.float64).reshape(-1, 4, 4)
        K = np.array([one["K"] for one in data["cameras"]], dtype=np.float64).reshape(-1, 3, 3)
        H, W = data["image_size"]
    except (KeyError, TypeError, ValueError) as error:
        raise MirageError(
            f"{path.name}: must hold image_size and cameras of cam2world and K; {brief(error, 160)}."
        ) from error
    notes = ["cam2world matrices, OpenCV axes", "K normalised by the picture's size", "scene units"]
    return Parsed(oriented(matrices, options, False, path.name), K, notes, options.image_size or (int(H), int(W)))


def write(path: Path, written: Written) -> None:
    cameras = [
        {"cam2world": matrix.tolist(), "K": K.tolist()} for matrix, K in zip(written.cam2world, written.K, strict=True)
    ]
    data = {"format": FORMAT, "version": VERSION, "image_size": list(written.image_size), "cameras": cameras}
    write_text(path, json.dumps(data, indent=1))
