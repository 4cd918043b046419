"""Camera files with bytes, words and parts changed: read, or refused in a sentence, and never another error."""

import random
import shutil
from pathlib import Path

import pytest
import torch
from camera_paths import DATA, SIZE, SUFFIXED, winding
from damage import damaged

from mirage_core import MirageError
from mirage_core.camera_files import FORMATS, WRITABLE, ReadOptions, files_read, read_cameras, write_cameras

# of formats that are not written, a file
GOLDEN = {
    "record3d": "record3d.r3d",
    "polycam": "polycam/17000198.json",
    "vipe": "vipe/pose/walk.npz",
    "spatia": "spatia/w2c.txt",
    "fantasyworld": "fantasyworld.json",
    "omnicam": "omnicam.json",
    "camera-path": "camera_path_keys.json",
}


@pytest.mark.parametrize("name", WRITABLE)
def test_damaged_files_are_read_or_refused_and_never_fail_otherwise(name, tmp_path):
    """60 files of each format, cut short or with bytes changed: a path, or a sentence."""
    drawn = random.Random(name)
    write_cameras(winding(3), tmp_path / SUFFIXED[name], name, SIZE, **({"binary": True} if name == "colmap" else {}))
    path = tmp_path / SUFFIXED[name]
    target = path / "images.bin" if name == "colmap" else path
    whole = target.read_bytes()
    refused = 0
    for _ in range(60):
        data = bytearray(whole[: drawn.randrange(len(whole))] if drawn.random() < 0.5 else whole)
        for _ in range(drawn.randrange(4)):
            if data:
                data[drawn.randrange(len(data))] = drawn.randrange(256)
        target.write_bytes(bytes(data))
        try:
            read_cameras(path, name, ReadOptions(field_of_view=50))
        except MirageError:
            refused += 1
    assert refused > 10


def options_drawn(drawn: random.Random) -> ReadOptions:
    return ReadOptions(
        field_of_view=50,
        image_size=drawn.choice([None, SIZE]),
        flip=drawn.choice(["", "y", "yz"]),
        **{name: drawn.random() < 0.2 for name in ("invert", "transpose", "quaternion_xyzw", "horizontal_fov")},
    )


def files_to_damage(name: str, folder: Path):
    if name in WRITABLE:
        path = folder / SUFFIXED[name]
        write_cameras(winding(3), path, name, SIZE)
        if name != "colmap":
            return path, [path]
        write_cameras(winding(3), folder / "binary", name, SIZE, binary=True)
        return path, [path / "cameras.txt", path / "images.txt"]
    if name in GOLDEN:
        shutil.copytree(DATA / "camera_formats", folder / "formats")
        path = folder / "formats" / GOLDEN[name]
        return path, [file for file in files_read(path) if "intrinsics" not in file.parts]
    path = folder / "path.txt"
    path.write_text("0 10 30\n0 10\n0 -0.5 0 0.1\n")
    return path, [path]


@pytest.mark.filterwarnings("error")  # numpy's, which would fill the user's console
@pytest.mark.parametrize("name", [*FORMATS, "colmap binary"])
def test_what_is_damaged_is_read_or_refused_in_a_sentence_and_never_fails_otherwise(name, tmp_path):
    drawn = random.Random(name)
    path, targets = files_to_damage(name.removesuffix(" binary"), tmp_path)
    if name == "colmap binary":
        path = tmp_path / "binary"
        targets = [path / "cameras.bin", path / "images.bin"]
    whole = {target: target.read_bytes() for target in targets}
    refused = 0
    for _ in range(150):
        target = drawn.choice(targets)
        target.write_bytes(damaged(whole[target], drawn))
        try:
            found = read_cameras(path, drawn.choice([name.removesuffix(" binary"), "auto"]), options_drawn(drawn))
            assert torch.isfinite(found.cameras.cam2world).all() and "nan" not in found.report
        except MirageError as error:
            refused += 1
            assert len(str(error)) < 600 and "\n" not in str(error)
        target.write_bytes(whole[target])
    assert refused > 50
