"""Camera files in the layouts of other tools: one known path in each, found again with its axes, lens and words."""

import math
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from camera_paths import DATA, FILES, SIZE, SUFFIXED, known_path, winding

from mirage_core import MirageError
from mirage_core.camera_files import FORMATS, WRITABLE, ReadOptions, files_read, fitting, read_cameras, write_cameras

GOLDEN = DATA / "camera_formats"
PIXELS = (480, 640)
WHOLE, CENTRED, FOCAL, NONE = "whole", "centred", "one focal length", "none"  # what a file tells of the lens
# file: (format, what it tells of the lens, whether it tells the picture's size, what the report says)
KNOWN = {
    "tum.txt": ("tum", NONE, False, "position and quaternion (w last), OpenCV axes"),
    "kitti.txt": ("kitti", NONE, False, "cam2world matrices, OpenCV axes"),
    "3dgs.json": ("3dgs", CENTRED, True, "cam2world as position and rotation, OpenCV axes"),
    "open3d.json": ("open3d", WHOLE, True, "world2cam matrices by columns, OpenCV axes"),
    "open3d.log": ("open3d log", NONE, False, "cam2world matrices, OpenCV axes"),
    "nerfstudio_export.json": ("nerfstudio export", NONE, False, "OpenGL axes (y up, z backward)"),
    "blender.json": ("nerfstudio", FOCAL, False, "OpenGL axes (y up, z backward)"),  # NeRF's synthetic scenes
    "record3d.json": ("record3d", WHOLE, True, "quaternion (w last) and position, OpenGL axes (y up, z backward)"),
    "record3d.r3d": ("record3d", WHOLE, True, "its depth pictures are not read: they are compressed by LZFSE"),
    "polycam/17000198.json": ("polycam", WHOLE, True, "all frames of its folder"),
    "uni3c.json": ("uni3c", WHOLE, True, "world2cam matrices, OpenCV axes"),
    "lyra.npz": ("lyra", WHOLE, True, "world2cam matrices, OpenCV axes"),
    "gen3c_multiview.npz": ("lyra", WHOLE, True, "units of the first frame's depth"),
    "vipe/pose/walk.npz": ("vipe", WHOLE, False, "cam2world matrices, OpenCV axes"),
    "spatia/w2c.txt": ("spatia", WHOLE, False, "K of intrinsics.txt, normalised by the picture's size"),
    "matrix_3d.json": ("matrix-3d", NONE, False, "world2cam; GEN3C's cameras.json holds cam2world: set invert"),
    "omnicam.json": ("omnicam", FOCAL, True, "cam2world of a world whose y is up, read as OpenCV's"),
    "camera_path_keys.json": ("camera-path", NONE, False, "4 keys over 4 frames, about 1 pivot"),
    "fantasyworld.json": ("fantasyworld", FOCAL, False, "cam2world matrices, OpenCV axes"),
}


def expected_K(lens: str) -> torch.Tensor:
    """500 x 510 pixels about 330, 235 of 640 x 480; else 500 x 500 about the middle, which is 65.24 degrees across."""
    H, W = PIXELS
    fx, fy = (500 / W, 510 / H) if lens in (WHOLE, CENTRED) else (500 / W, 500 / H)
    cx, cy = (330 / W, 235 / H) if lens == WHOLE else (0.5, 0.5)
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float32)


@pytest.mark.parametrize("file", KNOWN)
def test_the_known_path_is_found_in_every_layout(file):
    name, lens, sized, said = KNOWN[file]
    options = ReadOptions(
        field_of_view=2 * math.degrees(math.atan(320 / 500)) if lens == NONE else None,
        image_size=None if sized else PIXELS,
        scene_depth=8.0,
    )
    found = read_cameras(GOLDEN / file, options=options)
    assert found.format == name and found.image_size == PIXELS and not found.warnings
    assert said in found.report and FORMATS[name].TITLE in found.report
    torch.testing.assert_close(found.cameras.cam2world, known_path(), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.cameras.K, expected_K(lens).expand(4, 3, 3), atol=1e-5, rtol=0)


REAL = {
    "realestate10k.txt": "realestate10k",
    "camera_path.json": "nerfstudio path",
    "transforms.json": "nerfstudio",
    "transforms_scaled.json": "nerfstudio",
    "recammaster.json": "recammaster",
    "colmap_bin": "colmap",
    "colmap_text/images.txt": "colmap",
}


def files_of_all_formats(folder: Path) -> dict[Path, str]:
    """Paths of recorded, of known and of written files, and the format of each."""
    files = {FILES / file: name for file, name in REAL.items()} | {GOLDEN / file: row[0] for file, row in KNOWN.items()}
    for name in WRITABLE:
        path = folder / name.replace(" ", "_") / SUFFIXED[name]
        path.parent.mkdir()
        write_cameras(winding(), path, name, SIZE)
        files[path] = name
    return files


def test_every_file_fits_its_own_format_and_no_other(tmp_path):
    files = files_of_all_formats(tmp_path)
    assert {path: fitting(path) for path in files} == {path: [name] for path, name in files.items()}
    assert set(FORMATS) - set(files.values()) == {"spherical", "trajectorycrafter"}  # tried elsewhere: they are alike


EYES = np.stack([np.eye(4)] * 2).tolist()
BAD = {
    "tum": {
        "# timestamp tx ty tz qx qy qz qw\n": "must hold rows of timestamp tx ty tz qx qy qz qw; it holds none",
        "0 0 0 0 0 0 0 1\n1 0 0 0 0 0 1\n": "row 2: must hold 8 numbers; got 7",
        "0 0 0 0 0 0 0 2\n": "quaternions must have length 1; frame 0 has 2",
    },
    "kitti": {"\n": "must hold rows of 12 numbers; it holds none", "1 0 0": "row 1: must hold 12 numbers; got 3"},
    "3dgs": {
        "{}": "must hold a JSON list of cameras",
        '[{"img_name": "a", "position": [0, 0, 0]}]': "must hold position, rotation, fx, fy, width and height",
        '[{"position": [0, 0], "rotation": [[1,0,0],[0,1,0],[0,0,1]], "fx": 1, "fy": 1, "width": 2, "height": 2}]': (
            "position must be any x 3 numbers; got 1 x 2"
        ),
    },
    "open3d": {
        '{"parameters": []}': "must hold a camera; it is empty",
        '{"parameters": [{"extrinsic": []}]}': "extrinsic, and intrinsic with intrinsic_matrix",
        '{"parameters": [{"extrinsic": [1, 2], "intrinsic": {"intrinsic_matrix": [], "width": 1, "height": 1}}]}': (
            "extrinsic must be any x 16 numbers; got 1 x 2"
        ),
    },
    "open3d log": {
        "0 0 1\n1 0 0 0\n0 1 0 0\n": "five lines a frame, three whole numbers and a matrix of four rows; got 3 lines",
        "0 0 1\n1 0 0 0\n0 1 0 0\n0 0 1\n0 0 0 1\n": "frame 0: must hold 4 numbers; got 3",
    },
    "nerfstudio export": {
        "[]": "must hold a JSON list of cameras",
        '[{"file_path": "a"}]': "must hold a transform of 3 x 4 numbers",
        '[{"transform": [[1, 0], [0, 1]]}]': "transform must hold matrices of 4 x 4 or 3 x 4 numbers; got 1 x 2 x 2",
    },
    "record3d": {
        '{"poses": [[0, 0, 0, 1, 0, 0]], "h": 2, "w": 2}': "poses must be any x 7 numbers; got 1 x 6",
        '{"poses": [[0, 0, 0, 3, 0, 0, 0]], "h": 2, "w": 2}': "length 1; frame 0 has 3",
        '{"poses": [[0, 0, 0, 1, 0, 0, 0]], "h": 2, "w": 2}': "must hold K; it does not",
    },
    "uni3c": {
        '{"extrinsic": [[[1]]]}': "extrinsic must hold matrices of 4 x 4 or 3 x 4 numbers; got 1 x 1 x 1",
        f'{{"extrinsic": {EYES}, "intrinsic": [[1]], "height": 2, "width": 2}}': "intrinsic must be 3 x 3 number",
        f'{{"extrinsic": {EYES}, "intrinsic": [[1]], "height": [2]}}': "height must be a number; got 1",
        f'{{"extrinsic": {EYES}, "intrinsic": [[1]], "height": 2}}': "must hold width; it does not",
    },
    "spatia": {"[[1, 0]\n": "line 1: must be JSON", "[[1, 0]]\n": "must hold matrices of 4 x 4 or 3 x 4 numbers"},
    "matrix-3d": {'[["a"]]': "the list must hold numbers", "[]": "the list must hold matrices"},
    "fantasyworld": {
        '{"cameras_interp": 3}': "cameras_interp must hold matrices of 4 x 4 or 3 x 4 numbers; got a single value",
        f'{{"cameras_interp": {EYES}}}': "must hold focal_length; it does not",
    },
    "polycam": {
        '{"fx": 1}': "must hold t_00 to t_23, fx, fy, cx, cy, width and height; it has no t_00",
        '{"t_00": 1}': "must hold t_00 to t_23, fx, fy, cx, cy, width, height; it lacks 't_01'",
    },
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_file_that_lacks_something_is_told_what(name, text, tmp_path):
    path = tmp_path / f"path{FORMATS[name].SUFFIX}"
    path.write_text(text)
    with pytest.raises(MirageError, match=BAD[name][text]):
        read_cameras(path, name, ReadOptions(field_of_view=50))


@pytest.mark.parametrize(("name", "row"), [("tum", "0 0 0 0 0 0 0 1"), ("kitti", "1 0 0 0 0 1 0 0 0 0 1 0")])
def test_three_poses_that_could_be_three_lines_of_turns_are_not_guessed_at(name, row, tmp_path):
    (tmp_path / "a.txt").write_text(f"{row}\n" * 3)
    with pytest.raises(MirageError, match=rf"its three lines could be {name} .* or spherical .* or trajectorycrafter"):
        read_cameras(tmp_path / "a.txt", options=ReadOptions(field_of_view=50))


def test_an_archive_without_metadata_or_with_too_much_of_it_is_refused(tmp_path):
    path = tmp_path / "a.r3d"
    for name, match in (("other", "must be an archive that holds metadata"), ("metadata", "must be below 268435456")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, "{}")
        size = (2**28 + 1).to_bytes(4, "little")  # as the directory at the archive's end says it
        data = bytearray(path.read_bytes())
        at = data.index(b"PK\x01\x02") + 24
        data[at : at + 4] = size
        path.write_bytes(data)
        with pytest.raises(MirageError, match=match):
            read_cameras(path)


def test_the_frames_of_a_folder_are_read_together_and_files_of_others_left_out(tmp_path):
    shutil.copytree(GOLDEN / "polycam", tmp_path / "cameras")
    (tmp_path / "cameras" / "mesh_info.json").write_text('{"alignmentTransform": []}')
    first = tmp_path / "cameras" / "17000000.json"
    assert [file.name for file in files_read(first)] == [f"{n}.json" for n in (17000000, 17000099, 17000198, 17000297)]
    assert len(read_cameras(first).cameras) == 4
    assert files_read(tmp_path / "cameras" / "mesh_info.json") == [tmp_path / "cameras" / "mesh_info.json"]
