"""Camera files that cannot be read are refused in a sentence that says why."""

import json
import math
import re

import numpy as np
import pytest
from camera_paths import FILES, SIZE, every, winding

from mirage_core import MirageError
from mirage_core.camera_files import ReadOptions, read_cameras, write_cameras


def changed(change):
    """A JSON of our own with one thing changed."""

    def write(path):
        write_cameras(winding(3), path, "mirage", SIZE)
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return write


BAD = {
    "no file": (lambda path: None, "is not there"),
    "empty": (lambda path: path.write_text(""), "known format"),
    "no JSON": (lambda path: path.write_text('{"format": "mirage-camera-path"'), "must be JSON"),
    "a list": (lambda path: path.write_text('["mirage-camera-path"]'), "must hold a JSON object"),
    "bytes": (lambda path: path.write_bytes(b'"mirage-camera-path"\xff\xfe'), "must be a text file"),
    "a newer version": (changed(lambda d: d.update(version=9)), "of version 1 at most; it is of 9. Update"),
    "no version": (changed(lambda d: d.pop("version")), "with a version"),
    "no cameras": (changed(lambda d: d.update(cameras=[])), "at least one camera"),
    "no K": (changed(lambda d: d["cameras"][1].pop("K")), "cameras of cam2world and K"),
    "text for numbers": (changed(lambda d: d["cameras"][1].update(K="wide")), "cameras of cam2world and K"),
    "3 x 3": (changed(lambda d: every(d, lambda m: m[:3, :3])), "must hold image_size and cameras"),
    "transposed": (changed(lambda d: every(d, lambda m: m.T)), "look transposed: set transpose"),
    "mirrored": (changed(lambda d: every(d, lambda m: m * [-1, 1, 1, 1])), "must not mirror"),
    "sheared": (
        changed(lambda d: every(d, lambda m: m + np.eye(4, k=1) * 0.5 * (np.arange(4) < 2)[:, None])),
        "of one length|right angles",
    ),
    "stretched": (changed(lambda d: every(d, lambda m: m * [1, 2, 1, 1])), "of one length"),
    "singular": (changed(lambda d: every(d, lambda m: m * [0, 0, 0, 1])), "singular"),
    "not finite": (changed(lambda d: every(d, lambda m: m * np.nan)), "must be finite"),
    "K in pixels": (
        changed(lambda d: d["cameras"][0].update(K=[[500, 0, 320], [0, 500, 180], [0, 0, 1]])),
        "in pixels of another",
    ),
    "no focal length": (changed(lambda d: d["cameras"][0].update(K=[[0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])), "above 0"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_in_words(what, tmp_path):
    write, match = BAD[what]
    path = tmp_path / "path.json"
    write(path)
    with pytest.raises(MirageError, match=match):
        read_cameras(path)


EYE = np.eye(4).tolist()
HERE = {"x": 0, "y": 0, "z": 0}
AHEAD = {"x": 0, "y": 0, "z": 1}


def kubric(quaternions):
    camera = {"positions": [[0, 0, 0]], "quaternions": quaternions, "focal_length": 1, "sensor_width": 1}
    return {"metadata": {"resolution": [4, 3]}, "camera": camera}


TEXTS = {
    "a row too short": ("realestate10k", "video\n0 1 1 .5 .5 0 0 1 0 0 0 0 1 0 0 0 0 1\n", "19 numbers; got 18"),
    "a word": ("realestate10k", "video\n0 1 1 .5 .5 0 0 1 0 0 0 0 one 0 0 0 0 1 0\n", "could not convert"),
    "two lines": ("spherical", "0 1\n0 1\n", "three lines"),
    "one value": ("spherical", "0 1\n0\n0 1\n", "2 to 25 values"),
    "below the pole": ("spherical", "0 1\n0 120\n0 0\n", "within 90"),
    "no frames": ("nerfstudio", {"frames": 3}, "frames must be a JSON list"),
    "frames without matrix": ("nerfstudio", {"frames": [{}], "w": 2, "h": 2}, "transform_matrix"),
    "no size": ("nerfstudio", {"frames": [{"transform_matrix": EYE}]}, "Set the picture's width and height"),
    "no focal": ("nerfstudio", {"frames": [{"transform_matrix": EYE}], "w": 2, "h": 2}, "fl_x or camera_angle_x"),
    "fov as text": ("nerfstudio path", {"camera_path": [{"camera_to_world": [], "fov": "wide"}]}, "camera_to_world"),
    "no such camera": ("recammaster", {"frame0": {"cam01": "[1 0 0 0]"}}, "must be one of cam01"),
    "long quaternions": ("kubric", kubric([[2, 0, 0, 0]]), "length 1"),
    "two quaternions": ("kubric", kubric([[1, 0, 0, 0], [1, 0, 0, 0]]), "as many"),
    "orthographic": (
        "threejs",
        {"position": HERE, "target": AHEAD, "cameraType": "orthographic"},
        "must be perspective",
    ),
    "nowhere to look": ("threejs", {"position": HERE, "target": HERE}, "lie away"),
    "not an archive": ("published", "words", "npz file of plain arrays"),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_bad_text_is_refused_in_words(what, tmp_path):
    format, text, match = TEXTS[what]
    path = tmp_path / "path"
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    camera = "cam02" if format == "recammaster" else ""
    with pytest.raises(MirageError, match=match):
        read_cameras(path, format, ReadOptions(field_of_view=50, camera=camera))


def test_formats_without_intrinsics_ask_for_a_field_of_view():
    with pytest.raises(MirageError, match=r"no intrinsics\. Set field_of_view"):
        read_cameras(FILES / "recammaster.json")


@pytest.mark.parametrize(
    ("file", "could_be", "not_named"),
    [
        ("a.json", "nerfstudio path", "spherical|realestate10k|published|colmap"),
        ("a.txt", "trajectorycrafter", "nerfstudio|published|colmap"),
        ("a.bin", r"\.json, \.log, \.npz, \.r3d, \.tum, \.txt, or are a COLMAP model", "nerfstudio|Choose"),
    ],
)
def test_a_file_of_no_known_format_is_told_only_what_it_could_be(file, could_be, not_named, tmp_path):
    (tmp_path / file).write_text('{"nodes": []}')
    with pytest.raises(MirageError, match=could_be) as refused:
        read_cameras(tmp_path / file)
    assert not re.search(not_named, str(refused.value)) and "Choose" not in str(refused.value)


def test_numbers_that_are_none_are_named_in_the_sentence(tmp_path):
    path = tmp_path / "a.json"
    write_cameras(winding(2), path, "kubric", SIZE)
    data = json.loads(path.read_text())
    data["camera"]["quaternions"][1] = [math.nan] * 4
    path.write_text(json.dumps(data))
    with pytest.raises(MirageError, match="quaternions must have length 1; frame 1 has nan"):
        read_cameras(path)
    path.write_text('{"format": "mirage-camera-path", "version": 1, "x": ' + "[" * 100_000)
    with pytest.raises(MirageError, match=": must be a whole camera path JSON of this pack; maximum recursion depth"):
        read_cameras(path)


def test_cameras_beyond_all_worlds_are_refused(tmp_path):
    write_cameras(winding(2), tmp_path / "a.json", "mirage", SIZE)
    data = json.loads((tmp_path / "a.json").read_text())
    data["cameras"][1]["cam2world"][0][3] = 1e200
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(MirageError, match=r"within 1e\+12 units of the origin; frame 1"):
        read_cameras(tmp_path / "a.json")
