"""Keys that are fitted to the cameras of another path."""

import math

import pytest
import torch

from mirage_core import Cameras
from mirage_core.camera_fitting import ANGLE_ERROR, POSITION_ERROR, keys_from_cameras
from mirage_core.camera_key_text import DrawnPath, path_from_text, text_from_path
from mirage_core.camera_keys import CameraKey, keyed_path
from mirage_core.paths import MOVES, Move, camera_path

K = torch.tensor([[0.9, 0.0, 0.5], [0.0, 1.35, 0.5], [0.0, 0.0, 1.0]])
TURNED = torch.tensor([[0.0, 0.0, 1.0, 3.0], [0.0, 1.0, 0.0, -1.0], [-1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0]])
START = Cameras(TURNED.unsqueeze(0), K)
DEPTH = 2.5


def assert_near(keys, cameras) -> None:
    """What the text of the keys gives is as near to the cameras as is promised, and float32 allows."""
    drawn = path_from_text(text_from_path(DrawnPath(keys, start_locked=False)))
    path = keyed_path(drawn.keys, START, len(cameras), DEPTH)
    assert float((path.centers - cameras.centers).norm(dim=1).max()) / DEPTH <= POSITION_ERROR + 1e-5
    traces = (path.cam2world[:, :3, :3].mT.double() @ cameras.cam2world[:, :3, :3].double()).diagonal(dim1=1, dim2=2)
    angles = torch.acos(((traces.sum(dim=1) - 1) / 2).clamp(-1, 1))
    assert math.degrees(float(angles.max())) <= ANGLE_ERROR + 0.06  # of an arc cosine near 1


@pytest.mark.parametrize("easing", ["smooth", "linear"])
@pytest.mark.parametrize("name", MOVES)
def test_every_move_becomes_few_keys_that_stay_near_to_it(name, easing):
    amount = 60.0 if name in ("pan", "tilt", "orbit") else 0.4
    cameras = camera_path(START, Move(name, amount, easing), 81, DEPTH)
    keys = keys_from_cameras(cameras, START, DEPTH)
    assert_near(keys, cameras)
    assert len(keys) <= {"spiral": 40, "figure eight": 40}.get(name, 13)
    assert all(key.field_of_view is None for key in keys)
    if name in ("dolly", "truck", "pedestal", "pan", "tilt"):
        assert len(keys) == 2 and keys[0].easing == easing


def test_cameras_without_a_rule_get_as_many_keys_as_they_need():
    g = torch.Generator().manual_seed(0)
    rough = tuple(
        CameraKey(n / 20, tuple(torch.rand(3, generator=g).tolist()), 180 * float(torch.rand(1, generator=g)))
        for n in range(21)
    )
    cameras = keyed_path(rough, START, 41, DEPTH)
    keys = keys_from_cameras(cameras, START, DEPTH)
    assert 15 < len(keys) <= 41
    assert_near(keys, cameras)


@pytest.mark.parametrize("tilt", [90.0, -90.0, 89.9999])
def test_a_view_straight_up_or_down_keeps_its_turn(tilt):
    cameras = keyed_path((CameraKey(0, pan=30, tilt=tilt, roll=20),), START, 1, DEPTH)
    (key,) = keys_from_cameras(cameras, START, DEPTH)
    torch.testing.assert_close(keyed_path((key,), START, 1, DEPTH).cam2world, cameras.cam2world, atol=2e-4, rtol=0)


def test_a_zoom_is_kept():
    cameras = keyed_path((CameraKey(0), CameraKey(0.5, field_of_view=30), CameraKey(1)), START, 41, DEPTH)
    keys = keys_from_cameras(cameras, START, DEPTH)
    path = keyed_path(keys, START, 41, DEPTH)
    fields = [torch.rad2deg(2 * torch.atan(0.5 / one.K[:, 0, 0])) for one in (path, cameras)]
    assert float((fields[0] - fields[1]).abs().max()) <= ANGLE_ERROR + 1e-3
    assert len(keys) <= 5 and min(key.field_of_view for key in keys) == pytest.approx(30, abs=0.01)
