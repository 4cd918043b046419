"""What looks wrong in a camera file is said, with the option that mends it and no other."""

import json
import re

import numpy as np
import pytest
import torch
from camera_paths import FILES, SIZE, SUFFIXED, every, level_walk, swapped, winding

from mirage_core import Cameras, MirageError
from mirage_core.camera_files import FORMATS, WRITABLE, ReadOptions, read_cameras, write_cameras


def test_swapped_matrices_are_noticed_and_invert_mends_them(tmp_path):
    swapped(tmp_path / "a.json")
    found = read_cameras(tmp_path / "a.json")
    assert any("world2cam may be swapped. Set invert." in warning for warning in found.warnings)
    assert not read_cameras(tmp_path / "a.json", options=ReadOptions(invert=True)).warnings


def test_swapped_matrices_of_unreal_are_mended_by_invert(tmp_path):
    swapped(tmp_path / "right.json")
    cameras = read_cameras(tmp_path / "right.json").cameras
    write_cameras(cameras, tmp_path / "a.json", "recammaster", SIZE)
    found = read_cameras(tmp_path / "a.json", "recammaster", ReadOptions(field_of_view=50, invert=True))
    torch.testing.assert_close(found.cameras.cam2world, torch.linalg.inv(cameras.cam2world), atol=1e-4, rtol=0)


def test_an_orbit_is_not_taken_for_swapped_matrices():
    """transforms_scaled.json is one; its inverse would stand nearly still."""
    assert not any("swapped" in warning for warning in read_cameras(FILES / "transforms_scaled.json").warnings)


def test_one_mirrored_axis_is_refused_and_flip_mends_it(tmp_path):
    walk, path = level_walk(), tmp_path / "path.json"
    write_cameras(walk, path, "mirage", SIZE)
    data = json.loads(path.read_text())
    every(data, lambda m: m * [1, -1, 1, 1])
    path.write_text(json.dumps(data))
    with pytest.raises(MirageError, match=r"must not mirror(?s:.*)Set flip to it"):
        read_cameras(path)
    found = read_cameras(path, options=ReadOptions(flip="y"))
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world)


def test_cameras_with_axes_of_opengl_are_noticed_and_flip_mends_them(tmp_path):
    walk, path = level_walk(), tmp_path / "path.json"
    write_cameras(walk, path, "mirage", SIZE)
    assert not read_cameras(path).warnings
    data = json.loads(path.read_text())
    every(data, lambda m: m * [1, -1, -1, 1])
    path.write_text(json.dumps(data))
    assert any("Set flip to y and z" in warning for warning in read_cameras(path).warnings)
    found = read_cameras(path, options=ReadOptions(flip="yz"))
    assert not found.warnings
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world)


@pytest.mark.parametrize("name", ["colmap", "kubric"])
def test_quaternions_in_the_other_order_are_noticed_and_xyzw_mends_them(name, tmp_path):
    walk, path = level_walk(), tmp_path / SUFFIXED[name]
    write_cameras(walk, path, name, SIZE)
    assert not read_cameras(path).warnings
    if name == "kubric":
        data = json.loads(path.read_text())
        data["camera"]["quaternions"] = [[x, y, z, w] for w, x, y, z in data["camera"]["quaternions"]]
        path.write_text(json.dumps(data))
    else:
        lines = [line.split() for line in (path / "images.txt").read_text().splitlines()]
        turned = [[n, x, y, z, w, *rest] for n, w, x, y, z, *rest in filter(None, lines)]
        (path / "images.txt").write_text("".join(" ".join(line) + "\n\n" for line in turned))
    assert any("quaternions read as x y z w it stays level. Set quaternion" in w for w in read_cameras(path).warnings)
    found = read_cameras(path, options=ReadOptions(quaternion_xyzw=True))
    assert not found.warnings
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["threejs", "nerfstudio path"])
def test_a_field_of_view_of_the_other_axis_is_noticed_and_horizontal_fov_mends_it(name, tmp_path):
    wide = Cameras.at_origin(100.0, SIZE)
    path = tmp_path / SUFFIXED[name]
    write_cameras(wide, path, name, SIZE)
    data = json.loads(path.read_text())
    one = (data["camera_path"] if name == "nerfstudio path" else data)[0]
    assert one["fov"] < 99  # vertical
    one["fov"] = 100.0
    path.write_text(json.dumps(data))
    assert any("Set horizontal_fov" in warning for warning in read_cameras(path).warnings)
    found = read_cameras(path, options=ReadOptions(horizontal_fov=True))
    assert not found.warnings
    torch.testing.assert_close(found.cameras.K, wide.K, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["nerfstudio", "colmap", "published"])
def test_intrinsics_in_pixels_of_another_picture_are_noticed_and_image_size_mends_them(name, tmp_path):
    walk, path = level_walk(), tmp_path / SUFFIXED[name]
    double = tuple(2 * n for n in SIZE)
    write_cameras(walk, path, name, SIZE)
    found = read_cameras(path, options=ReadOptions(image_size=double))  # as if K had been of a picture twice as large
    torch.testing.assert_close(found.cameras.K[:, :2], walk.K[:, :2] / 2, atol=2e-3, rtol=0)
    assert any("Set the picture's width and height" in warning for warning in found.warnings)
    assert not read_cameras(path, options=ReadOptions(image_size=SIZE)).warnings


@pytest.mark.parametrize("flip", ["y", "yz"])
@pytest.mark.parametrize("name", WRITABLE)
def test_every_written_format_reads_flip(name, flip, tmp_path):
    walk, path = level_walk(), tmp_path / SUFFIXED[name]
    mirror = torch.diag(torch.tensor([*(-1.0 if axis in flip else 1.0 for axis in "xyz"), 1.0]))
    if flip == "y":  # mirrored cameras cannot be written: that such a file is refused without flip says that it is read
        write_cameras(walk, path, name, SIZE)
        with pytest.raises(MirageError, match="must not mirror"):
            read_cameras(path, name, ReadOptions(field_of_view=50, flip=flip, image_size=SIZE))
        return
    write_cameras(Cameras(walk.cam2world @ mirror, walk.K), path, name, SIZE)
    found = read_cameras(path, name, ReadOptions(field_of_view=50, flip=flip, image_size=SIZE))
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["recammaster", "mirage", "realestate10k"])
def test_transposed_matrices_are_read_with_transpose_and_refused_with_the_advice(name, tmp_path):
    walk, path = level_walk(), tmp_path / SUFFIXED[name]
    write_cameras(walk, path, name, SIZE)
    text = path.read_text()
    if name == "mirage":
        data = json.loads(text)
        for camera in data["cameras"]:
            camera["cam2world"] = np.array(camera["cam2world"]).T.tolist()
        path.write_text(json.dumps(data))
    elif name == "recammaster":
        data = json.loads(text)
        for frame in data.values():
            rows = np.array(re.sub(r"[\[\]]", " ", frame["cam01"]).split(), dtype=float).reshape(4, 4).T
            frame["cam01"] = " ".join("[" + " ".join(map(repr, map(float, row))) + "]" for row in rows)
        path.write_text(json.dumps(data))
    else:
        rows = [line.split() for line in text.splitlines()[1:]]
        turned = [row[:7] + np.array(row[7:]).reshape(3, 4).T.flatten().tolist() for row in rows]
        path.write_text("video\n" + "\n".join(map(" ".join, turned)) + "\n")
    options = {"field_of_view": 50}
    found = read_cameras(path, options=ReadOptions(**options, transpose=True))
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world, atol=1e-5, rtol=0)
    if name != "realestate10k":  # twelve numbers look the same either way
        with pytest.raises(MirageError, match=r"[Ss]et transpose\."):
            read_cameras(path, options=ReadOptions(**options))
        write_cameras(walk, path, name, SIZE)
        with pytest.raises(MirageError, match=r"[Uu]nset transpose\."):
            read_cameras(path, options=ReadOptions(**options, transpose=True))


def strange_paths():
    """Paths that every hint is made for."""
    walk = level_walk()
    backward = torch.eye(4).repeat(9, 1, 1)
    backward[:, 2, 3] = -torch.arange(9.0)
    K = torch.tensor([[0.8, 0.0, 0.5], [0.0, 1.4, 0.5], [0.0, 0.0, 1.0]])
    wide, off = K.clone(), K.clone()
    wide[0, 0], wide[1, 1], off[0, 2] = 0.2, 0.2 * SIZE[1] / SIZE[0], 0.9
    far = torch.linalg.inv(backward)
    far[:, 0, 3] += 40.0
    return {
        "backward": Cameras(backward, K),
        "wide": Cameras(walk.cam2world, wide),
        "off": Cameras(walk.cam2world, off),
        "rolling": winding(9),
        "z up": Cameras(torch.tensor([[[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]]).repeat(9, 1, 1), K),
    }


ADVICE = re.compile(r"\b(?:[Uu]ns|[Ss])et (the picture's width and height|\w+)")
OPTION = {"the picture's width and height": "image_size"}
CHANGED = {"flip": "yz", "image_size": (720, 1280), "camera": "cam02", "field_of_view": 70}


@pytest.mark.parametrize("kind", strange_paths())
@pytest.mark.parametrize("name", WRITABLE)
def test_no_hint_names_an_option_that_does_nothing_for_the_format(name, kind, tmp_path):
    path = tmp_path / SUFFIXED[name]
    write_cameras(strange_paths()[kind], path, name, SIZE)
    given = {"field_of_view": 140 if kind == "wide" else 50}
    found = read_cameras(path, name, ReadOptions(**given))
    for words in ADVICE.findall(" ".join(found.warnings)):
        option = OPTION.get(words, words)
        assert option in FORMATS[name].OPTIONS, f"{words} is advised"
        other = read_cameras(path, name, ReadOptions(**{**given, option: CHANGED.get(option, True)})).cameras
        same = torch.equal(other.K, found.cameras.K) and torch.equal(other.cam2world, found.cameras.cam2world)
        assert not same, f"{words} changes nothing"


@pytest.mark.parametrize("format", ["spherical", "trajectorycrafter"])
def test_texts_of_turns_get_no_advice_about_matrices(format, tmp_path):
    path = tmp_path / "path.txt"
    path.write_text("0 0\n0 0\n0 3\n" if format == "spherical" else "0 0\n0 0\n0 -1 -2 -3\n")  # backward all the way
    found = read_cameras(path, format, ReadOptions(field_of_view=140))
    assert "backward" in found.report and not ADVICE.findall(found.report)


def test_an_option_that_the_format_does_not_read_is_said(tmp_path):
    write_cameras(winding(3), tmp_path / "a.json", "mirage", SIZE)
    options = ReadOptions(quaternion_xyzw=True, camera="cam02", flip="yz")
    said = " ".join(read_cameras(tmp_path / "a.json", options=options).warnings)
    assert "quaternion_xyzw is set, and does nothing" in said and "camera is set" in said and "flip" not in said
