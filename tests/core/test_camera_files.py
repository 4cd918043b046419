"""Camera files: originals are read as what they are, what was written is read again, bad files are refused."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from kornia.geometry.liegroup import So3

from mirage_core import Cameras, MirageError
from mirage_core.camera_files import FORMATS, WRITABLE, ReadOptions, detected, read_cameras, write_cameras

DATA = Path(__file__).parent.parent / "data"
FILES = DATA / "trajectories"
SIZE = (360, 640)
SUFFIXED = {"colmap": "model"} | {name: f"path{FORMATS[name].SUFFIX}" for name in WRITABLE if name != "colmap"}


def winding(views=7, centred=True):
    """Cameras that turn about all axes as they go, zooming if ``centred`` is False."""
    g = torch.Generator().manual_seed(0)
    cam2world = torch.eye(4).repeat(views, 1, 1)
    cam2world[:, :3, :3] = So3.exp(torch.randn(views, 3, generator=g)).matrix()
    cam2world[:, :3, 3] = torch.randn(views, 3, generator=g) * 3
    fy = torch.full((views,), 1.2) if centred else torch.linspace(1.0, 1.5, views)
    K = torch.eye(3).repeat(views, 1, 1)
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2] = fy * SIZE[0] / SIZE[1], fy, 0.5, 0.5
    if not centred:
        K[:, 0, 2], K[:, 1, 2] = 0.48, 0.53
    return Cameras(cam2world, K)


def frames_of(name):
    """The cameras that tests/data holds for a set of real frames."""
    about = json.loads((DATA / name / "cameras.json").read_text())
    K = torch.tensor([frame["K"] for frame in about["frames"]])
    K[:, :2, 2] += 0.5
    cam2world = torch.tensor([frame["cam2world"] for frame in about["frames"]])
    return Cameras.from_pixels(cam2world, K, (about["height"], about["width"])), about


@pytest.mark.parametrize("name", WRITABLE)
def test_what_is_written_is_read_again(name, tmp_path):
    keeps_all = name in ("mirage", "realestate10k", "nerfstudio", "colmap", "published")
    cameras = winding(centred=not keeps_all)
    path = tmp_path / SUFFIXED[name]
    write_cameras(cameras, path, name, SIZE)
    assert detected(path) == name
    fov = 2 * math.degrees(math.atan(0.5 / float(cameras.K[0, 0, 0])))
    found = read_cameras(path, options=ReadOptions(field_of_view=fov, image_size=SIZE))
    torch.testing.assert_close(found.cameras.cam2world, cameras.cam2world, atol=2e-6, rtol=0)
    torch.testing.assert_close(found.cameras.K, cameras.K, atol=2e-6, rtol=0)
    assert found.format == name and f"{len(cameras)} frames" in found.report


def test_binary_colmap_is_read_again(tmp_path):
    cameras = winding(centred=False)
    write_cameras(cameras, tmp_path / "model", "colmap", SIZE, binary=True)
    found = read_cameras(tmp_path / "model")
    torch.testing.assert_close(found.cameras.cam2world, cameras.cam2world, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.cameras.K, cameras.K, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "path", [FILES / "colmap_text", FILES / "colmap_text" / "images.txt", FILES / "transforms.json"]
)
def test_files_of_a_real_walk_hold_its_cameras(path):
    known, _ = frames_of("hololens_dining")
    found = read_cameras(path)
    assert len(found.cameras) == 8 and found.image_size == (360, 540)
    compared = 0
    for position in range(len(found.cameras)):
        distance = (found.cameras.cam2world[position] - known.cam2world).abs().amax(dim=(1, 2))
        if float(distance.min()) < 1e-5:
            compared += 1
            torch.testing.assert_close(found.cameras.K[position], known.K[int(distance.argmin())], atol=1e-5, rtol=0)
    assert compared == len(known) == 3


def test_a_binary_model_of_a_real_scene_holds_its_cameras():
    known, _ = frames_of("apc_shelf")
    found = read_cameras(FILES / "colmap_bin").cameras
    for camera in known.cam2world:
        assert float((found.cam2world - camera).abs().amax(dim=(1, 2)).min()) < 1e-5


def test_a_real_walk_through_a_house_goes_forward():
    found = read_cameras(FILES / "realestate10k.txt")
    assert found.format == "realestate10k" and len(found.cameras) == 16 and not found.warnings
    assert "world2cam" in found.report and "field of view" in found.report


def test_a_viewer_path_circles_about_the_middle():
    found = read_cameras(FILES / "camera_path.json")
    assert found.format == "nerfstudio path" and found.image_size == (800, 450)
    centers, forward = found.cameras.centers, found.cameras.cam2world[:, :3, 2]
    toward = -centers[:, :2] / centers[:, :2].norm(dim=1, keepdim=True)
    assert bool(((toward * forward[:, :2]).sum(dim=1) > 0.5).all())  # it looks inward, not outward
    assert bool((found.cameras.cam2world[:, 2, 1] < 0).all())  # its own down is the world's -z


def test_a_scale_in_the_rotations_is_taken_out_and_said():
    found = read_cameras(FILES / "transforms_scaled.json")
    assert "a scale of 0.2103 in the rotations was taken out" in found.report


@pytest.mark.parametrize("camera", ["", "cam05", "cam10"])
def test_designed_paths_of_unreal_are_metres_and_turn_as_named(camera):
    found = read_cameras(FILES / "recammaster.json", options=ReadOptions(field_of_view=60, camera=camera))
    assert len(found.cameras) == 81 and f"camera {camera or 'cam01'} of 3" in found.report
    # its start looks along Unreal's x, which is forward: 3390 cm there is 33.9 m ahead
    torch.testing.assert_close(found.cameras.centers[0], torch.tensor([13.8, -2.4, 33.9]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.cameras.cam2world[0, :3, :3], torch.eye(3), atol=1e-5, rtol=0)


def test_spherical_paths_go_right_down_and_near(tmp_path):
    path = tmp_path / "orbit.txt"
    path.write_text("0 30\n0 10\n0 -0.5\n")
    found = read_cameras(path, "spherical", ReadOptions(field_of_view=50, scene_depth=4.0))
    start, end = found.cameras.cam2world[0], found.cameras.cam2world[-1]
    torch.testing.assert_close(start, torch.eye(4))
    assert end[0, 3] > 0 and end[1, 3] > 0  # right, and down
    middle = torch.tensor([0.0, 0.0, 4.0])
    torch.testing.assert_close((middle - end[:3, 3]).norm(), torch.tensor(2.0))
    torch.testing.assert_close((middle - end[:3, 3]) / 2.0, end[:3, 2])  # it looks at what it turns about
    with pytest.raises(MirageError, match="format must be one of"):
        write_cameras(found.cameras, path, "spherical", SIZE)


def test_a_camera_without_quaternion_looks_at_its_target(tmp_path):
    path = tmp_path / "view.json"
    info = {"position": {"x": 0, "y": 1, "z": 3}, "target": {"x": 0, "y": 1, "z": 0}, "fov": 40, "aspect": 1.5}
    path.write_text(json.dumps({**info, "cameraType": "perspective", "zoom": 1}))
    (matrix,) = read_cameras(path).cameras.cam2world
    torch.testing.assert_close(matrix[:3, :3], torch.eye(3))  # three.js looks along -z: forward is OpenCV's z
    torch.testing.assert_close(matrix[:3, 3], torch.tensor([0.0, -1.0, -3.0]))


def swapped(path):
    """A camera that turns on the spot, far from the origin, written with its inverse: the classic mistake."""
    angle = torch.linspace(-0.4, 0.4, 9)
    cam2world = torch.eye(4).repeat(9, 1, 1)
    cam2world[:, :3, :3] = So3.exp(torch.stack([angle * 0, angle, angle * 0], dim=1)).matrix()
    cam2world[:, :3, 3] = torch.tensor([30.0, 5.0, -20.0])
    write_cameras(Cameras(torch.linalg.inv(cam2world), winding(9).K), path, "mirage", SIZE)


def test_swapped_matrices_are_noticed_and_invert_mends_them(tmp_path):
    swapped(tmp_path / "a.json")
    found = read_cameras(tmp_path / "a.json")
    assert any("world2cam may be swapped. Set invert." in warning for warning in found.warnings)
    assert not read_cameras(tmp_path / "a.json", options=ReadOptions(invert=True)).warnings


def test_an_orbit_is_not_taken_for_swapped_matrices():
    """transforms_scaled.json is one; its inverse would stand nearly still."""
    assert not any("swapped" in warning for warning in read_cameras(FILES / "transforms_scaled.json").warnings)


def level_walk(frames=8) -> Cameras:
    """A camera that walks forward, turns and nods, and never rolls."""
    steps = torch.linspace(0, 1, frames)
    pan, tilt = 2.0 * steps, 0.5 * torch.sin(6 * steps)
    rotations = So3.exp(torch.stack([0 * pan, pan, 0 * pan], 1)) * So3.exp(torch.stack([tilt, 0 * pan, 0 * pan], 1))
    cam2world = torch.eye(4).repeat(frames, 1, 1)
    cam2world[:, :3, :3] = rotations.matrix()
    cam2world[:, :3, 3] = torch.stack([1 - torch.cos(pan), 0 * pan, torch.sin(pan)], 1)
    return Cameras(cam2world, torch.tensor([[0.8, 0.0, 0.5], [0.0, 1.4, 0.5], [0.0, 0.0, 1.0]]))


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
    found = read_cameras(path, options=ReadOptions(xyzw=True))
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
    assert any("Set image_width and image_height" in warning for warning in found.warnings)
    assert not read_cameras(path, options=ReadOptions(image_size=SIZE)).warnings


def changed(change):
    """A JSON of our own with one thing changed."""

    def write(path):
        write_cameras(winding(3), path, "mirage", SIZE)
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return write


def every(data, change):
    for camera in data["cameras"]:
        camera["cam2world"] = change(np.array(camera["cam2world"])).tolist()


BAD = {
    "no file": (lambda path: None, "is not there"),
    "empty": (lambda path: path.write_text(""), "known format"),
    "no JSON": (lambda path: path.write_text('{"format": "mirage-camera-path"'), "must be JSON"),
    "a list": (lambda path: path.write_text('["mirage-camera-path"]'), "must hold a JSON object"),
    "bytes": (lambda path: path.write_bytes(b'"mirage-camera-path"\xff\xfe'), "must be a text file"),
    "a newer version": (changed(lambda d: d.update(version=9)), "version 9; this pack reads up to 1"),
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
    "no size": ("nerfstudio", {"frames": [{"transform_matrix": EYE}]}, "Set image_width and image_height"),
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


def test_formats_without_intrinsics_ask_for_a_field_of_view():
    with pytest.raises(MirageError, match=r"no intrinsics\. Set field_of_view"):
        read_cameras(FILES / "recammaster.json")
