"""Camera files of lenses that are no pinholes, by whatever name."""

import json
from pathlib import Path

import numpy as np
import pytest
from camera_paths import SIZE, SUFFIXED, winding

from mirage_core import MirageError
from mirage_core.camera_files import ReadOptions, read_cameras, write_cameras


def with_entries(path: Path, **entries) -> None:
    data = json.loads(path.read_text())
    (data if isinstance(data, dict) else data[0]).update(entries)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("nerfstudio", {"camera_model": "OPENCV_FISHEYE"}),
        ("nerfstudio", {"camera_model": "EQUIRECTANGULAR"}),
        ("nerfstudio", {"camera_model": "fisheye"}),
        ("nerfstudio", {"camera_model": "ORTHOPHOTO"}),
        ("nerfstudio", {"is_fisheye": True}),
        ("nerfstudio", {"camera_type": "spherical"}),
        ("nerfstudio path", {"camera_type": "equirectangular"}),
        ("nerfstudio path", {"camera_type": "fisheye"}),
        ("threejs", {"cameraType": "orthographic"}),
        ("threejs", {"camera_type": "panorama"}),
        ("mirage", {"camera_model": "EQUIRECTANGULAR"}),
        ("kubric", {"camera_model": "fisheye"}),
        ("recammaster", {"camera_model": "fisheye"}),
    ],
)
def test_pictures_that_are_not_perspective_are_refused(name, entries, tmp_path):
    path = tmp_path / SUFFIXED[name]
    write_cameras(winding(3), path, name, SIZE)
    with_entries(path, **entries)
    with pytest.raises(MirageError, match=f"{next(iter(entries))} must be perspective"):
        read_cameras(path, name, ReadOptions(field_of_view=50))


def test_one_frame_that_is_not_perspective_is_refused(tmp_path):
    path = tmp_path / "transforms.json"
    write_cameras(winding(3), path, "nerfstudio", SIZE)
    data = json.loads(path.read_text())
    data["frames"][2]["camera_model"] = "OPENCV_FISHEYE"
    path.write_text(json.dumps(data))
    with pytest.raises(MirageError, match="camera_model must be perspective"):
        read_cameras(path)


@pytest.mark.parametrize("model", ["PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "perspective", None])
def test_pinholes_by_any_name_are_read(model, tmp_path):
    path = tmp_path / "transforms.json"
    write_cameras(winding(3), path, "nerfstudio", SIZE)
    with_entries(path, camera_model=model)
    assert len(read_cameras(path).cameras) == 3 and not read_cameras(path).warnings


COLMAP_FISHEYES = {"OPENCV_FISHEYE": 8, "FOV": 5, "SIMPLE_RADIAL_FISHEYE": 4, "THIN_PRISM_FISHEYE": 12}


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("model", COLMAP_FISHEYES)
def test_fisheyes_of_colmap_are_refused(model, binary, tmp_path):
    write_cameras(winding(2), tmp_path, "colmap", SIZE, binary=binary)
    count = COLMAP_FISHEYES[model]
    if binary:
        numbers = {"OPENCV_FISHEYE": 5, "FOV": 7, "SIMPLE_RADIAL_FISHEYE": 8, "THIN_PRISM_FISHEYE": 10}
        cameras = [
            np.array([n, numbers[model]], "<i4").tobytes()
            + np.array([640, 360], "<u8").tobytes()
            + np.full(count, 300.0).tobytes()
            for n in (1, 2)
        ]
        (tmp_path / "cameras.bin").write_bytes(np.array([2], "<u8").tobytes() + b"".join(cameras))
    else:
        lines = [f"{n} {model} 640 360 {' '.join(['300'] * count)}\n" for n in (1, 2)]
        (tmp_path / "cameras.txt").write_text("".join(lines))
    with pytest.raises(MirageError, match=f"perspective model, SIMPLE_PINHOLE.*got {model}.*Undistort the images"):
        read_cameras(tmp_path)


def test_a_bent_lens_is_said_and_a_straight_one_is_not(tmp_path):
    write_cameras(winding(2), tmp_path, "colmap", SIZE)
    for bent in (0.0, 0.1):
        lines = [f"{n} OPENCV 640 360 300 300 320 180 {bent} 0 0 0\n" for n in (1, 2)]
        (tmp_path / "cameras.txt").write_text("".join(lines))
        said = [warning for warning in read_cameras(tmp_path).warnings if "lens distortion (OPENCV)" in warning]
        assert len(said) == (bent > 0)
    path = tmp_path / "transforms.json"
    write_cameras(winding(2), path, "nerfstudio", SIZE)
    with_entries(path, k1=0.0, k2=-0.03, p1=None)
    assert any("lens distortion (k2)" in warning for warning in read_cameras(path).warnings)
