"""Paths from keys, and the smooth curve through poses."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirage_core import Cameras, MirageError
from mirage_core.camera_key_text import DEFAULT, DrawnPath, path_from_text
from mirage_core.camera_keys import EASINGS, CameraKey, keyed_path
from mirage_core.splines import pose_spline

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "camera_keys.json").read_text())
START = Cameras(torch.eye(4).unsqueeze(0), torch.tensor(VECTORS["K"]))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_path_goes_where_the_recorded_one_goes(case):
    drawn = path_from_text(case["text"])
    path = keyed_path(drawn.keys, START, VECTORS["frames"], 1.0, constant_speed=drawn.constant_speed)
    wanted = torch.tensor([pose["position"] for pose in case["poses"]])
    torch.testing.assert_close(path.centers, wanted, atol=2e-6, rtol=0)
    wanted = torch.tensor([pose["rotation"] for pose in case["poses"]])
    torch.testing.assert_close(path.cam2world[:, :3, :3], wanted, atol=2e-6, rtol=0)
    torch.testing.assert_close(path.K[:, 0, 0], torch.tensor([p["fx"] for p in case["poses"]]), atol=2e-6, rtol=1e-6)


def test_a_path_goes_through_its_keys_and_begins_at_the_start_camera_exactly():
    keys = (CameraKey(0), CameraKey(0.25, (0.1, 0.2, 0.3), pan=30, tilt=20, roll=10), CameraKey(1, (0, 0, 1), pan=-50))
    turned = START.transformed(rotation=rotation_about("y", 0.7), translation=torch.tensor([3.0, -1.0, 2.0]))
    path = keyed_path(keys, turned, 9, scene_depth=2.0)
    assert torch.equal(path.cam2world[0], turned.cam2world[0])
    local = path.relative_to(turned)
    torch.testing.assert_close(local.centers[2], torch.tensor([0.2, 0.4, 0.6]), atol=1e-6, rtol=0)
    torch.testing.assert_close(local.centers[8], torch.tensor([0.0, 0.0, 2.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(local.cam2world[8, :3, :3], rotation_about("y", math.radians(-50)), atol=1e-6, rtol=0)


def rotation_about(axis: str, angle: float) -> torch.Tensor:
    s, c = math.sin(angle), math.cos(angle)
    return {
        "x": torch.tensor([[1.0, 0, 0], [0, c, -s], [0, s, c]]),
        "y": torch.tensor([[c, 0, s], [0, 1.0, 0], [-s, 0, c]]),
        "z": torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]),
    }[axis]


def test_pan_is_to_the_right_tilt_up_and_roll_clockwise():
    path = keyed_path((CameraKey(0, pan=10), CameraKey(1, tilt=10)), START, 2, 1.0)
    right, up = path.cam2world[0, :3, 2], path.cam2world[1, :3, 2]  # optical axes
    assert right[0] > 0.1 and abs(right[1]) < 1e-6
    assert up[1] < -0.1 and abs(up[0]) < 1e-6
    rolled = keyed_path((CameraKey(0, roll=10),), START, 1, 1.0)
    assert rolled.cam2world[0, 1, 0] > 0.1  # the camera's right hand goes down


def test_between_two_keys_with_targets_the_camera_looks_at_a_point_on_the_way_from_one_to_the_other():
    keys = (
        CameraKey(0, (-1, 0.2, 0), pan=5, target=(0, 0, 1), roll=10),
        CameraKey(0.5, (1, 0, 0.4), target=(0, 0, 1), roll=20),
        CameraKey(1, (1, -0.5, 1), target=(0.5, 0.1, 2)),
    )
    path = keyed_path(keys, START, 9, scene_depth=2.0)
    part = torch.tensor([0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1]).view(-1, 1)
    targets = 2 * torch.lerp(torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.5, 0.1, 2.0]), part)
    seen = path.cam2world[:, :3, :3].mT @ (targets - path.centers).unsqueeze(2)  # in the camera's frame
    assert float(seen[:, :2].abs().max()) < 2e-6 and float(seen[:, 2].min()) > 0.5
    rolls = torch.rad2deg(torch.atan2(path.cam2world[:, 1, 0], path.cam2world[:, 1, 1]))
    torch.testing.assert_close(rolls, torch.tensor([10, 12.5, 15, 17.5, 20, 15, 10, 5, 0]), atol=1e-3, rtol=0)


def test_a_way_from_a_key_without_a_target_arrives_looking_at_the_target():
    keys = (CameraKey(0, pan=90), CameraKey(1, (1, 0, 0), target=(1, 0, 5)))
    path = keyed_path(keys, START, 5, scene_depth=1.0)
    forward = path.cam2world[:, :3, 2]
    assert forward[0].tolist() == pytest.approx([1, 0, 0], abs=1e-6)
    assert forward[4].tolist() == pytest.approx([0, 0, 1], abs=1e-6)
    assert 0.1 < float(forward[2, 0]) < 0.95  # it turns on the way
    standing = keyed_path((CameraKey(0, pan=90, target=(0, 0, 0)),), START, 1, 1.0)  # in its own target: as it looks
    assert standing.cam2world[0, :3, 2].tolist() == pytest.approx([1, 0, 0], abs=1e-6)


def speeds(keys, at: float) -> torch.Tensor:
    """Velocity and turning speed just before and just after a time, ``(2, 6)``."""
    path = keyed_path(keys, START, 2001, 1.0)
    n, step = round(at * 2000), 1 / 2000
    near = path[slice(n - 2, n + 3)].relative_to(path[n])
    turned = near.cam2world[:, :3, :3]
    spins = (turned - turned.mT)[:, [2, 0, 1], [1, 2, 0]] / 2  # rotation vectors, of so small turns
    back2, back, _, on, on2 = torch.cat([near.centers, spins], dim=1).double()
    return torch.stack([back2 - 4 * back, 4 * on - on2]) / (2 * step)  # one-sided differences of second order


@pytest.mark.parametrize("ways", [("smooth",) * 4, ("linear", "linear", "smooth", "linear"), ("stop gently", "smooth")])
def test_a_smooth_way_goes_through_its_keys_without_a_stop_and_without_a_jump_of_speed(ways):
    times = [*(0, 0.2, 0.35, 0.7)[: len(ways)], 1.0]
    places = [(0, 0, 0), (0.3, 0, 0.1), (0.5, 0.1, 0.4), (0.1, 0.2, 1.0), (-0.5, 0.1, 1.2)]
    keys = tuple(
        CameraKey(time, place, pan=60 * n, easing=way)
        for n, (time, place, way) in enumerate(zip(times, places, (*ways, "linear"), strict=False))
    )
    path = keyed_path(keys, START, 21, 1.0)
    for key in keys:
        torch.testing.assert_close(
            path.centers[round(20 * key.time)], torch.tensor(key.position).float(), atol=1e-6, rtol=0
        )
    for before, key in pairwise(keys[:-1]):
        if "smooth" not in (before.easing, key.easing):
            continue
        found = speeds(keys, key.time)
        torch.testing.assert_close(found[0], found[1], atol=0.02 * float(found.norm()) + 1e-3, rtol=0)
        if before.easing == key.easing == "smooth":
            assert float(found[:, :3].norm(dim=1).min()) > 0.3  # it does not stop


@pytest.mark.parametrize("time", [0.02, 0.25])
def test_a_smooth_way_beside_a_faster_one_neither_turns_back_nor_rushes(time):
    keys = (CameraKey(0), CameraKey(time, (0, 0, 1), easing="smooth"), CameraKey(1, (0, 0, 2)))
    z = keyed_path(keys, START, 1001, 1.0).centers[:, 2]
    assert float(z.diff().min()) >= -1e-6
    assert 1.5 < float(z[500 + round(500 * time)]) < 1.95


def test_a_smooth_way_leaves_a_hold_gently():
    keys = (CameraKey(0), CameraKey(0.1, easing="smooth"), CameraKey(1, (0, 0, 1)))
    z = keyed_path(keys, START, 101, 1.0).centers[:, 2]
    assert float(z[:11].max()) == 0 and float(z[12]) < 0.003
    assert float(z[55]) == pytest.approx(0.5, abs=0.06)


def test_a_smooth_path_starts_and_ends_at_rest():
    keys = tuple(CameraKey(n / 3, (0, 0, n), easing="smooth") for n in range(4))
    steps = keyed_path(keys, START, 301, 1.0).centers[:, 2].diff()
    assert float(steps[0]) < 0.002 and float(steps[-1]) < 0.002 and float(steps[50:250].min()) > 0.005


@pytest.mark.parametrize("easing", EASINGS)
def test_an_easing_starts_and_ends_at_the_keys_and_never_turns_back(easing):
    path = keyed_path((CameraKey(0, easing=easing), CameraKey(1, (0, 0, 1))), START, 101, 1.0)
    z = path.centers[:, 2]
    assert z[0] == 0 and abs(float(z[-1]) - 1) < 1e-6
    steps = z.diff()
    assert (steps >= -1e-6).all()
    gentle_start, gentle_end = float(steps[0]) < 0.003, float(steps[-1]) < 0.003
    assert (gentle_start, gentle_end) == (easing in ("smooth", "start gently"), easing in ("smooth", "stop gently"))


def test_at_constant_speed_the_steps_are_equal_and_stays_on_the_spot_are_kept():
    places = [(0, 0, 0), (0.1, 0, 0), (0.1, 0, 0), (0.3, 0, 0.9), (-0.5, 0.2, 1.5)]
    keys = tuple(
        CameraKey(time, place, pan=45.0 * (n > 1), easing="stop gently")
        for n, (time, place) in enumerate(zip((0.1, 0.2, 0.4, 0.5, 0.9), places, strict=True))
    )
    path = keyed_path(keys, START, 1001, 1.0, constant_speed=True)
    steps = path.centers.diff(dim=0).norm(dim=1)
    assert steps[:100].max() == 0 and steps[900:].max() < 1e-7
    moving = steps > 1e-7
    assert int((~moving[100:900]).sum()) == pytest.approx(200, abs=2)  # it turns on the spot from 0.2 to 0.4
    inside = steps[100:900][moving[100:900]][1:-1]
    assert float(inside.quantile(0.99) / inside.quantile(0.01)) < 1.05
    for key in keys:
        assert float((path.centers - torch.tensor(key.position).float()).norm(dim=1).min()) < 2e-3
    even = keyed_path(keys[1:3], START, 11, 1.0, constant_speed=True)  # a path that only turns
    assert float(even.centers.diff(dim=0).abs().max()) == 0
    assert float(even.cam2world[3, 0, 2]) == pytest.approx(math.sin(math.radians(22.5)), abs=1e-6)


def test_before_the_first_key_and_after_the_last_the_camera_stands():
    path = keyed_path((CameraKey(0.25, (0, 0, 1)), CameraKey(0.75, (0, 0, 2))), START, 9, 1.0)
    assert path.centers[:, 2].tolist() == [1, 1, 1, 1.25, 1.5, 1.75, 2, 2, 2]


def test_two_equal_keys_hold_the_camera_between_moves():
    keys = (CameraKey(0), CameraKey(0.4, (1, 0, 0), pan=60), CameraKey(0.6, (1, 0, 0), pan=60), CameraKey(1, (1, 0, 3)))
    held = keyed_path(keys, START, 101, 1.0)[slice(40, 61)]
    torch.testing.assert_close(held.cam2world, held.cam2world[:1].expand_as(held.cam2world), atol=1e-6, rtol=0)


def test_a_key_without_a_lens_takes_the_start_cameras_own():
    path = keyed_path((CameraKey(0), CameraKey(1, field_of_view=40)), START, 3, 1.0)
    torch.testing.assert_close(path.K[0], START.K[0], atol=1e-6, rtol=0)
    own = math.degrees(2 * math.atan(0.5 / float(START.K[0, 0, 0])))
    seen = [math.degrees(2 * math.atan(0.5 / float(K[0, 0]))) for K in path.K]
    assert seen == pytest.approx([own, (own + 40) / 2, 40], abs=1e-3)
    torch.testing.assert_close(path.K[:, 1, 1] / path.K[:, 0, 0], torch.full((3,), 1.5))


GOOD = '{"format": "mirage-camera-keys", "version": 1, "keys": %s}'
LOCKED = '{"format": "mirage-camera-keys", "version": 1, "start_locked": %s, "keys": [{"time": 0}]}'


def test_an_empty_text_is_the_default_and_a_key_has_what_its_text_says():
    assert path_from_text("  ") == DrawnPath(DEFAULT, start_locked=True)
    full = (
        '{"time": 0.1, "position": [1, 2, 3], "pan": 4, "tilt": 5, "roll": 6, "field_of_view": 70, "easing": "smooth", '
    )
    full += '"target": [7, 8, 9]}'
    keys = (CameraKey(0.1, (1, 2, 3), 4, 5, 6, 70, "smooth", (7, 8, 9)), CameraKey(0.9))
    assert path_from_text(GOOD % f'[{full}, {{"time": 0.9}}]') == DrawnPath(keys, start_locked=False)
    assert path_from_text(LOCKED % "true") == DrawnPath((CameraKey(0.0),), start_locked=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "path: must be JSON; "),
        ("[]", 'path: must be a JSON object with "format": "mirage-camera-keys"'),
        ('{"format": "x"}', 'path: must be a JSON object with "format": "mirage-camera-keys"'),
        ('{"format": "mirage-camera-keys", "version": 2}', "path: must be of version 1; got 2"),
        (GOOD % "[]", "path: keys must be a list of at least one key"),
        (GOOD % "[{}]", "path: key 1 must have a time"),
        (GOOD.replace("1,", '1, "start_locked": 1,') % "[]", "path: keys must be a list of at least one key"),
        (
            GOOD.replace("1,", '1, "start_locked": 1,') % '[{"time": 0}]',
            "path: start_locked must be true or false; got 1",
        ),
        (GOOD % '[{"time": 0, "fov": 3}]', "path: key 1 must have a time, and may have easing, field_of_view, pan"),
        (GOOD % '[{"time": "0"}]', "path: key 1: time must be a number; got '0'"),
        (GOOD % '[{"time": true}]', "path: key 1: time must be a number; got True"),
        (GOOD % '[{"time": 0}, {"time": 1.5}]', r"path: key 2: time must lie in 0\.\.1; got 1\.5"),
        (GOOD % '[{"time": 0.5}, {"time": 0.5}]', "in the order of their times; key 1 is at 0.5, key 2 at 0.5"),
        (GOOD % '[{"time": 0, "position": [1, 2]}]', "path: key 1: position must be 3 numbers"),
        (GOOD % '[{"time": 0, "target": 3}]', "path: key 1: target must be 3 numbers; got 3"),
        (GOOD % '[{"time": 0, "target": [0, "1", 0]}]', "path: key 1: target must be a number; got '1'"),
        (GOOD % '[{"time": 0, "position": [1, 2, NaN]}]', "path: key 1: position must be a number; got nan"),
        (GOOD % f'[{{"time": 0, "pan": 1{"0" * 400}}}]', "path: key 1: pan must be a number; got 1000"),
        (GOOD % '[{"time": 0, "position": [1e300, 0, 0]}]', "path: key 1: position must be a number; got 1e.300"),
        (GOOD % f'[{{"time": 1{"0" * 9000}}}]', "path: must be JSON; "),
        ("[" * 100_000, "path: must be JSON; "),
        (GOOD % '[{"time": 0, "easing": ["smooth"]}]', "path: key 1: easing must be one of linear, smooth"),
        (GOOD % '[{"time": 0, "field_of_view": 0}]', r"path: key 1: field_of_view must lie in 10\.\.179; got 0"),
        (GOOD % '[{"time": 0, "easing": "bouncy"}]', "path: key 1: easing must be one of linear, smooth"),
    ],
)
def test_a_bad_path_is_refused_in_words(text, message):
    with pytest.raises(MirageError, match=message):
        path_from_text(text)


def test_bad_arguments_of_a_path_are_named():
    with pytest.raises(MirageError, match="start: must be one camera"):
        keyed_path(DEFAULT, Cameras(torch.eye(4).repeat(2, 1, 1), START.K), 3, 1.0)
    with pytest.raises(MirageError, match="frames: must be a whole number of at least 1; got 0"):
        keyed_path(DEFAULT, START, 0, 1.0)
    with pytest.raises(MirageError, match="scene_depth: must be a finite number above 0"):
        keyed_path(DEFAULT, START, 3, 0.0)


coordinates = st.integers(-64, 64).map(lambda n: n / 32)


@settings(max_examples=25)
@given(st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), min_size=2, max_size=6))
def test_a_spline_passes_through_its_poses_and_stays_rigid(rows):
    poses = torch.stack([pose_of(*row) for row in rows])
    at_poses = pose_spline(poses, torch.arange(len(poses)))
    torch.testing.assert_close(at_poses, poses.double(), atol=1e-6, rtol=0)
    between = pose_spline(poses, torch.linspace(0, len(poses) - 1, 40))
    eye = torch.eye(3, dtype=torch.float64).expand(40, 3, 3)
    torch.testing.assert_close(between[:, :3, :3].mT @ between[:, :3, :3], eye, atol=1e-6, rtol=0)


def pose_of(x, y, z, angle) -> torch.Tensor:
    pose = torch.eye(4)
    pose[:3, :3] = rotation_about("y", angle) @ rotation_about("x", angle / 3)
    pose[:3, 3] = torch.tensor([x, y, z])
    return pose


def test_a_spline_rounds_a_corner_without_leaving_it_far():
    poses = torch.stack([pose_of(0, 0, 0, 0), pose_of(1, 0, 0, 0), pose_of(1, 0, 1, 0)])
    curve = pose_spline(poses, torch.linspace(0, 2, 201))[:, :3, 3]
    turns = torch.nn.functional.normalize(curve.diff(dim=0), dim=1)
    assert float((turns[1:] * turns[:-1]).sum(dim=1).min()) > 0.99  # no kink
    assert float(curve[:, 0].max()) < 1.1 and float(curve.min()) > -0.1


def test_a_path_of_a_file_is_resampled_along_the_curve():
    angles = torch.linspace(0, math.pi / 2, 7)
    ring = torch.stack([pose_of(math.sin(a), 0, 1 - math.cos(a), -float(a)) for a in angles])
    fine = Cameras(ring, START.K).resampled(61)
    away = (fine.centers - torch.tensor([0.0, 0.0, 1.0])).norm(dim=1)
    assert float((away - 1).abs().max()) < 3e-3  # straight lines between the seven would miss by 9e-3
    torch.testing.assert_close(fine.centers[::10], ring[:, :3, 3], atol=1e-6, rtol=0)
