"""Camera files of video world models: without a picture's size, with the lens in a second file, of bare matrices."""

import json
import shutil

import numpy as np
import pytest
import torch
from camera_paths import DATA, SIZE, known_path, winding

from mirage_core import MirageError
from mirage_core.camera_files import ReadOptions, files_read, read_cameras, write_cameras

GOLDEN = DATA / "camera_formats"
PIXELS = (480, 640)


@pytest.mark.parametrize(
    ("arrays", "match"),
    [
        (
            {"w2c": np.eye(4)[None], "intrinsics": np.eye(3)},
            "must state image_height and image_width; it does not. Set",
        ),
        ({"w2cs_all": np.eye(4)[None], "K_key_frames": np.eye(3)[None]}, "must state image_height"),
        ({"w2c": np.eye(3)[None], "intrinsics": np.eye(3), "image_height": 2, "image_width": 2}, "world2cam must hold"),
        (
            {"w2c": np.stack([np.eye(4)] * 3), "intrinsics": np.eye(3)[:2], "image_height": 2, "image_width": 2},
            "intrinsics must be 3 x 3 numbers, or 3 x 3 x 3; got 1 x 2 x 3",
        ),
        ({"w2c": np.array([None]), "intrinsics": np.eye(3)}, r"an \.npz file of plain arrays; Object arrays cannot be"),
        (
            {"data": np.ones((2, 4)), "inds": np.arange(2)},
            "it is fx fy cx cy of every frame. Choose the file of this name",
        ),
        ({"data": np.ones((2, 16)), "inds": np.arange(3)}, "data and inds must be as many; got 2 and 3"),
        ({"other": np.eye(4)}, "it fits none of: published, lyra, vipe"),
    ],
)
def test_arrays_that_are_no_path_are_told_what_they_lack(arrays, match, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(MirageError, match=match):
        read_cameras(tmp_path / "a.npz")


@pytest.fixture
def vipe(tmp_path):
    shutil.copytree(GOLDEN / "vipe", tmp_path / "vipe")
    return tmp_path / "vipe"


def test_poses_in_any_order_are_read_by_their_frames_with_the_lens_of_each(vipe):
    order, poses = [2, 0, 3, 1], vipe / "pose" / "walk.npz"
    np.savez(poses, data=known_path()[order].reshape(4, 16), inds=np.array(order) + 7)
    focal = np.array([[500.0 + n, 500.0 + n, 320.0, 240.0] for n in range(4)])
    np.savez(vipe / "intrinsics" / "walk.npz", data=focal, inds=np.arange(4) + 7)
    found = read_cameras(poses, options=ReadOptions(image_size=PIXELS))
    torch.testing.assert_close(found.cameras.cam2world, known_path(), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.cameras.K[:, 0, 0], torch.tensor([500.0, 501, 502, 503]) / 640)
    np.savez(vipe / "intrinsics" / "walk.npz", data=focal, inds=np.arange(4))
    with pytest.raises(MirageError, match=r"intrinsics/walk\.npz must be of the same frames; it is of others"):
        read_cameras(poses, options=ReadOptions(image_size=PIXELS))


@pytest.mark.parametrize(
    ("file", "lens"), [("vipe/pose/walk.npz", "vipe/intrinsics/walk.npz"), ("spatia/w2c.txt", "spatia/intrinsics.txt")]
)
def test_a_lens_in_a_second_file_is_read_where_it_is_there_and_asked_for_where_not(file, lens, tmp_path):
    shutil.copytree(GOLDEN / file.split("/")[0], tmp_path / file.split("/")[0])
    assert files_read(tmp_path / file) == [tmp_path / file, tmp_path / lens]
    (tmp_path / lens).unlink()
    assert files_read(tmp_path / file) == [tmp_path / file]
    with pytest.raises(MirageError, match=r"no intrinsics\. Set field_of_view"):
        read_cameras(tmp_path / file)
    found = read_cameras(tmp_path / file, options=ReadOptions(field_of_view=50))
    assert "no intrinsics" in found.report and "field of view 50 x" in found.report


def test_a_file_of_poses_asks_for_the_size_of_the_picture_that_its_lens_is_of(vipe):
    with pytest.raises(
        MirageError, match=r"no file of this format states the picture's size\. Set the picture's width"
    ):
        read_cameras(vipe / "pose" / "walk.npz")
    with pytest.raises(
        MirageError, match=r"no file of this format states the picture's size\. Set the picture's width"
    ):
        read_cameras(GOLDEN / "fantasyworld.json")


def test_a_bare_list_of_cam2world_is_read_with_invert(tmp_path):
    """GEN3C's cameras.json, which has three rows a matrix and no others."""
    (tmp_path / "cameras.json").write_text(json.dumps(known_path()[:, :3].tolist()))
    found = read_cameras(tmp_path / "cameras.json", options=ReadOptions(field_of_view=50, invert=True))
    torch.testing.assert_close(found.cameras.cam2world, known_path(), atol=1e-5, rtol=0)
    assert "read as cam2world (invert is set)" in found.report


def test_a_zoom_is_not_written_where_there_is_place_for_one_lens(tmp_path):
    with pytest.raises(MirageError, match=r"must have one lens to be a Uni3C cam_info\.json.*Choose another format"):
        write_cameras(winding(3, centred=False), tmp_path / "a.json", "uni3c", SIZE)
    assert not list(tmp_path.iterdir())
