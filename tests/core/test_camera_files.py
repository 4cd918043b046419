"""Camera files: originals are read as what they are, and what was written is read again."""

import json
import math
import shutil

import pytest
import torch
from camera_paths import DATA, FILES, SIZE, SUFFIXED, winding

from mirage_core import Cameras, MirageError
from mirage_core.camera_files import WRITABLE, ReadOptions, detected, files_read, read_cameras, write_cameras
from mirage_core.camera_files.parsed import FLIP


def frames_of(name):
    """The cameras that tests/data holds for a set of real frames."""
    about = json.loads((DATA / name / "cameras.json").read_text())
    K = torch.tensor([frame["K"] for frame in about["frames"]])
    K[:, :2, 2] += 0.5
    cam2world = torch.tensor([frame["cam2world"] for frame in about["frames"]])
    return Cameras.from_pixels(cam2world, K, (about["height"], about["width"])), about


@pytest.mark.parametrize("name", WRITABLE)
def test_what_is_written_is_read_again(name, tmp_path):
    keeps_all = name in ("mirage", "realestate10k", "nerfstudio", "colmap", "published", "open3d", "lyra")
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


def test_a_real_walk_through_unreal_is_the_same_with_flip_set_and_undone(tmp_path):
    """recammaster.json with its cameras' y and z turned round: flip brings the recorded path back."""
    recorded = read_cameras(FILES / "recammaster.json", options=ReadOptions(field_of_view=60)).cameras
    shutil.copy(FILES / "recammaster.json", tmp_path / "a.json")
    flipped = read_cameras(tmp_path / "a.json", options=ReadOptions(field_of_view=60, flip="yz")).cameras
    torch.testing.assert_close(flipped.cam2world, recorded.cam2world @ torch.from_numpy(FLIP).float())


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
    with pytest.raises(MirageError, match="format: must be one of"):
        write_cameras(found.cameras, path, "spherical", SIZE)


def test_a_camera_without_quaternion_looks_at_its_target(tmp_path):
    path = tmp_path / "view.json"
    info = {"position": {"x": 0, "y": 1, "z": 3}, "target": {"x": 0, "y": 1, "z": 0}, "fov": 40, "aspect": 1.5}
    path.write_text(json.dumps({**info, "cameraType": "perspective", "zoom": 1}))
    (matrix,) = read_cameras(path).cameras.cam2world
    torch.testing.assert_close(matrix[:3, :3], torch.eye(3))  # three.js looks along -z: forward is OpenCV's z
    torch.testing.assert_close(matrix[:3, 3], torch.tensor([0.0, -1.0, -3.0]))


def test_a_model_that_is_written_over_another_is_read_as_the_new_one(tmp_path):
    write_cameras(winding(4), tmp_path, "colmap", SIZE, binary=True)
    write_cameras(winding(7), tmp_path, "colmap", SIZE)
    assert len(read_cameras(tmp_path).cameras) == 7


def test_the_files_of_a_model_are_those_it_may_be_read_from(tmp_path):
    write_cameras(winding(3), tmp_path, "colmap", SIZE)
    (tmp_path / "cameras.bin").write_bytes(b"")
    names = {file.name for file in files_read(tmp_path / "images.txt")}
    assert names == {"cameras.txt", "images.txt", "cameras.bin", "points3D.txt"}
    assert files_read(tmp_path / "other.json") == [tmp_path / "other.json"]
