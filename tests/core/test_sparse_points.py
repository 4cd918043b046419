"""Sparse points of COLMAP models, written here in both of its forms: each view sees those that were found in it."""

import struct
from pathlib import Path

import pytest
import torch
from synthetic_room import H, W, hit
from test_views import walked

from mirage_core import Cameras, MirageError
from mirage_core.camera_files import read_cameras
from mirage_core.camera_files.colmap import write
from mirage_core.camera_files.colmap_points import read_sparse_points
from mirage_core.camera_files.parsed import Written
from mirage_core.sparse_points import SparsePoints

EACH = 40


@pytest.fixture
def scene():
    """Cameras, and points of the room with the images (numbered from 1) that they were found in."""
    cameras = walked()
    g = torch.Generator().manual_seed(0)
    places = hit(cameras, (H, W))[1].flatten(1, 2)  # (T, H W, 3)
    points = []
    for view in range(len(cameras)):
        for place in places[view, torch.randperm(H * W, generator=g)[:EACH]].tolist():
            points.append((place, [view + 1, (view + 1) % len(cameras) + 1]))
    return cameras, points


def model(folder: Path, cameras: Cameras, points: list, binary: bool) -> Path:
    write(folder, Written(cameras, (H, W)), binary=binary)
    if binary:
        rows = [
            struct.pack("<Q3d3BdQ", n, *place, 9, 9, 9, 0.5, len(images))
            + b"".join(struct.pack("<ii", image, 7) for image in images)
            for n, (place, images) in enumerate(points)
        ]
        (folder / "points3D.bin").write_bytes(struct.pack("<Q", len(rows)) + b"".join(rows))
    else:
        rows = [
            f"{n} {' '.join(map(repr, place))} 9 9 9 0.5 {' '.join(f'{image} 7' for image in images)}"
            for n, (place, images) in enumerate(points)
        ]
        (folder / "points3D.txt").write_text("# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[]\n" + "\n".join(rows))
    return folder


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_every_view_sees_its_points_at_their_depth(scene, tmp_path, binary):
    cameras, points = scene
    folder = model(tmp_path / "model", cameras, points, binary)
    found = read_sparse_points(folder, read_cameras(folder).cameras)
    assert [len(view) for view in found.views] == [2 * EACH] * 6 and found.count == 12 * EACH
    true = hit(cameras, (H, W))[0]
    for view in range(6):
        picture, points_own = found.beside(true[view], cameras.K[view], view)
        assert len(picture) >= EACH  # all that were found in this view, and of the others those inside
        assert float((picture / points_own - 1.0)[:EACH].abs().median()) < 0.02
    larger = found.scaled(2.0)
    torch.testing.assert_close(larger.views[3], 2.0 * found.views[3])


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_points_go_with_the_names_of_images_not_with_their_numbers(scene, tmp_path, binary):
    cameras, _ = scene
    folder = model(tmp_path / "model", cameras[[3, 1]], [([1.0, 2.0, 3.0], [2]), ([0.0, 0.0, 2.0], [1, 99])], binary)
    file = folder / f"images{'.bin' if binary else '.txt'}"
    data = file.read_bytes()
    file.write_bytes(data.replace(b"00001.png", b"00009.png"))  # the first image comes last
    found = read_cameras(folder)
    seen = read_sparse_points(folder, found.cameras)
    for view, place in enumerate(([1.0, 2.0, 3.0], [0.0, 0.0, 2.0])):
        world = seen.views[view] @ found.cameras.cam2world[view, :3, :3].T + found.cameras.centers[view]
        torch.testing.assert_close(world, torch.tensor([place]), atol=1e-5, rtol=0)


def test_other_files_and_models_without_points_have_none(scene, tmp_path):
    cameras, _ = scene
    folder = model(tmp_path / "model", cameras, [], True)
    assert read_sparse_points(folder, cameras).count == 0
    (folder / "points3D.bin").unlink()
    assert len(read_sparse_points(folder, cameras)) == 6 and read_sparse_points(folder, cameras).count == 0
    (tmp_path / "path.json").write_text("{}")
    assert read_sparse_points(tmp_path / "path.json", cameras).count == 0


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_damaged_points_are_refused_in_words(scene, tmp_path, binary):
    cameras, points = scene
    folder = model(tmp_path / "model", cameras, points, binary)
    file = folder / f"points3D{'.bin' if binary else '.txt'}"
    whole = file.read_bytes()
    damaged = [whole[: len(whole) // 2 + shift] for shift in range(0, 61, 7)]
    damaged = (
        damaged if binary else [b"1 2 3\n", b"1 0 0 x 9 9 9 0.5 1 7\n", b"1 0 0 nan 9 9 9 0.5 1 7\n", b"\xff\xfe\xff"]
    )
    for data in damaged:
        file.write_bytes(data)
        with pytest.raises(MirageError, match=r"points3D|sparse points of view"):
            read_sparse_points(folder, cameras)


def test_points_behind_the_camera_or_outside_the_picture_are_not_read():
    points = SparsePoints((torch.tensor([[0.0, 0.0, 2.0], [0.0, 0.0, -2.0], [9.0, 0.0, 2.0], [0.0, 0.0, 0.0]]),))
    picture, own = points.beside(torch.full((H, W), 3.0), walked().K[0], 0)
    assert picture.tolist() == [3.0] and own.tolist() == [2.0]
    with pytest.raises(MirageError, match="view: must be one of the 1 that have sparse points; got 1"):
        points.beside(torch.ones(H, W), walked().K[0], 1)
