"""COLMAP models as COLMAP's own library reads and writes them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mirage_core.camera_files import read_cameras
from mirage_core.camera_files.colmap import write
from mirage_core.camera_files.parsed import Written

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap has no wheel for this machine")
FILES = Path(__file__).parent.parent / "data" / "trajectories"


def as_colmap_reads(folder: Path):
    """cam2world ``(T, 4, 4)`` and K in pixels ``(T, 3, 3)``, images by name."""
    images = sorted(pycolmap.Reconstruction(folder).images.values(), key=lambda image: image.name)
    world2cam = np.tile(np.eye(4), (len(images), 1, 1))
    world2cam[:, :3] = [image.cam_from_world().matrix() for image in images]
    return np.linalg.inv(world2cam), np.stack([image.camera.calibration_matrix() for image in images])


def assert_same(folder: Path, found) -> None:
    cam2world, K = as_colmap_reads(folder)
    torch.testing.assert_close(found.cameras.cam2world.double(), torch.from_numpy(cam2world), atol=2e-6, rtol=0)
    ours = found.cameras.pixels_K(found.image_size).double()
    torch.testing.assert_close(ours, torch.from_numpy(K), atol=1e-3, rtol=0)


@pytest.fixture(params=["colmap_text", "colmap_bin"])
def model(request, tmp_path) -> Path:
    """A recorded model, with the file of points that COLMAP wants, which holds none."""
    folder = Path(shutil.copytree(FILES / request.param, tmp_path / "model"))
    (folder / "points3D.txt").write_text("")
    (folder / "points3D.bin").write_bytes(bytes(8))
    return folder


def test_recorded_models_are_read_as_colmap_reads_them(model):
    assert_same(model, read_cameras(model))


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_colmap_reads_what_we_write(model, tmp_path, binary):
    found = read_cameras(model)
    write(tmp_path / "ours", Written(found.cameras, found.image_size), binary=binary)
    assert_same(tmp_path / "ours", found)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_we_read_what_colmap_writes(model, tmp_path, kind):
    (tmp_path / "theirs").mkdir()
    getattr(pycolmap.Reconstruction(model), f"write_{kind}")(tmp_path / "theirs")
    found = read_cameras(tmp_path / "theirs")
    assert len(found.cameras) == 8
    assert_same(tmp_path / "theirs", found)
