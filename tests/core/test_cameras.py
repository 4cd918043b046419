"""Cameras and their paths."""

import math

import pytest
import torch

from mirage_core import Cameras
from mirage_core.paths import MOVES, TURNS, Move, camera_path

K = torch.tensor([[[0.8, 0.0, 0.4], [0.0, 1.3, 0.55], [0.0, 0.0, 1.0]]])


def turned(axis, degrees, position=(0.0, 0.0, 0.0)):
    """One pose, turned about x (0), y (1) or z (2)."""
    pose = torch.eye(4)
    a, b = [other for other in range(3) if other != axis]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    pose[a, a] = pose[b, b] = cos
    pose[a, b], pose[b, a] = (sin, -sin) if axis == 1 else (-sin, sin)
    pose[:3, 3] = torch.tensor(position)
    return pose


def project(cameras, points):
    """World points ``(N, 3)`` in the picture of one camera, 0..1: ``(N, 2)``."""
    camera = (points - cameras.centers[0]) @ cameras.cam2world[0, :3, :3]
    return ((camera @ cameras.K[0].T) / camera[:, 2:])[:, :2]


def lens(numbers):
    """K ``(T, 3, 3)`` of T times fx, fy, cx, cy."""
    made = torch.eye(3).repeat(len(numbers), 1, 1)
    made[:, 0, 0], made[:, 1, 1], made[:, 0, 2], made[:, 1, 2] = torch.tensor(numbers).T
    return made


def test_pixels_and_normalised_intrinsics_say_the_same():
    pixels = torch.tensor([[[16.0, 0, 8.0], [0, 15.6, 6.6], [0, 0, 1.0]]])
    cameras = Cameras.from_pixels(torch.eye(4).unsqueeze(0), pixels, image_size=(12, 20))
    torch.testing.assert_close(cameras.K, K)
    torch.testing.assert_close(cameras.pixels_K((12, 20)), pixels)


def test_one_k_serves_all_views_and_views_are_picked_like_list_items():
    cameras = Cameras(torch.stack([turned(1, 10.0 * t) for t in range(5)]), K[0])
    assert cameras.K.shape == (5, 3, 3) and len(cameras) == 5
    for picked, views in ((cameras[3], [3]), (cameras[1::2], [1, 3]), (cameras[torch.tensor([4, 0])], [4, 0])):
        assert torch.equal(picked.cam2world, cameras.cam2world[views])


def test_a_crop_sees_the_same_ray_at_the_same_pixel():
    cameras = Cameras(torch.eye(4).unsqueeze(0), K)
    point = torch.tensor([[0.3, -0.2, 2.0]])
    pixel = project(cameras, point) * torch.tensor([20, 12])
    inside = project(cameras.cropped((12, 20), 2, 5, 8, 10), point) * torch.tensor([10, 8])
    torch.testing.assert_close(inside, pixel - torch.tensor([5, 2]))


def test_a_wider_picture_shows_more_at_the_sides_with_square_pixels():
    cameras = Cameras.at_origin(90.0, (10, 10)).fitted((10, 20))
    pixels = cameras.pixels_K((10, 20))[0]
    assert pixels[0, 0] == pixels[1, 1] == 5.0  # the vertical field of view is still 90 degrees


def test_with_the_lens_of_a_picture_the_first_view_is_the_pictures_and_zooms_stay():
    zoom = K.repeat(3, 1, 1)
    zoom[2, :2] *= 2.0
    path = Cameras(torch.stack([turned(1, degrees) for degrees in (0.0, 20.0, 40.0)]), zoom)
    picture = Cameras.at_origin(60.0, (9, 16))
    taken = path.with_lens_of(picture)
    assert torch.equal(taken.cam2world, path.cam2world)
    torch.testing.assert_close(taken.K[:2], picture.K.expand(2, 3, 3))
    torch.testing.assert_close(taken.K[2].diagonal()[:2], 2 * picture.K[0].diagonal()[:2])
    assert torch.equal(taken.K[2, :2, 2], picture.K[0, :2, 2])  # its middle stays


def test_between_two_views_the_lens_zooms_and_shifts_evenly():
    path = Cameras(
        torch.eye(4).repeat(3, 1, 1), lens([[0.8, 1.3, 0.4, 0.5], [1.6, 2.1, 0.6, 0.7], [1.2, 3.1, 0.2, 0.1]])
    )
    wanted = lens([[0.8, 1.3, 0.4, 0.5], [1.0, 1.5, 0.45, 0.55], [1.4, 2.6, 0.4, 0.4], [1.2, 3.1, 0.2, 0.1]])
    torch.testing.assert_close(path.resampled(9).K[[0, 1, 6, 8]], wanted, atol=1e-6, rtol=0)
    assert torch.equal(path[0].resampled(3).K, path.K[[0, 0, 0]])


def test_a_path_moved_to_a_turned_start_begins_there_and_keeps_its_shape():
    path = Cameras(torch.stack([turned(0, 30.0, (1.0, 2.0, 3.0)), turned(1, 50.0, (0.0, 2.0, 1.0))]), K)
    start = Cameras((turned(2, 70.0, (-3.0, 0.5, 2.0)) @ turned(1, -40.0))[None], K)
    moved = path.moved_to(start)
    torch.testing.assert_close(moved.cam2world[0], start.cam2world[0], atol=1e-5, rtol=0)
    expected = start.cam2world[0] @ torch.linalg.inv(path.cam2world[0]) @ path.cam2world[1]
    torch.testing.assert_close(moved.cam2world[1], expected, atol=1e-5, rtol=0)


def test_cameras_relative_to_one_of_them_have_it_at_the_origin():
    cameras = Cameras(torch.stack([turned(0, 30.0, (1.0, 2.0, 3.0)), turned(1, 50.0, (0.0, 2.0, 1.0))]), K)
    moved = cameras.relative_to(cameras[0])
    torch.testing.assert_close(moved.cam2world[0], torch.eye(4), atol=1e-6, rtol=0)
    expected = torch.linalg.inv(cameras.cam2world[0]) @ cameras.cam2world[1]
    torch.testing.assert_close(moved.cam2world[1], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("move", MOVES)
def test_every_move_starts_at_the_start_and_is_smooth(move):
    start = Cameras(turned(1, 25.0, (1.0, 2.0, 3.0)).unsqueeze(0), K)
    path = camera_path(start, Move(move, 40.0 if move in TURNS else 0.2), 33, scene_depth=4.0)
    assert len(path) == 33
    torch.testing.assert_close(path.cam2world[0], start.cam2world[0], atol=1e-5, rtol=0)
    steps = (path.cam2world[1:] - path.cam2world[:-1]).abs().amax(dim=(1, 2))
    assert 0 < steps.max() < 0.4


@pytest.mark.parametrize(
    ("move", "amount", "position"),
    [
        ("dolly", 0.5, (0.0, 0.0, 2.0)),
        ("dolly", -0.5, (0.0, 0.0, -2.0)),
        ("truck", 0.5, (2.0, 0.0, 0.0)),
        ("pedestal", 0.5, (0.0, -2.0, 0.0)),  # up is -y
        ("orbit", 90.0, (4.0, 0.0, 4.0)),
        ("pan", 30.0, (0.0, 0.0, 0.0)),
    ],
)
def test_a_move_ends_where_its_amount_says(move, amount, position):
    path = camera_path(Cameras.at_origin(60.0, (12, 20)), Move(move, amount), 9, scene_depth=4.0)
    torch.testing.assert_close(path.centers[-1], torch.tensor(position), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("move", "ahead"), [("pan", (0.5, 0.0)), ("tilt", (0.0, -0.5))])
def test_pan_turns_right_and_tilt_turns_up(move, ahead):
    path = camera_path(Cameras.at_origin(60.0, (12, 20)), Move(move, 30.0), 5, scene_depth=4.0)
    torch.testing.assert_close(path.cam2world[-1, :2, 2], torch.tensor(ahead), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("move", "amount"), [("orbit", 50.0), ("spiral", 0.2), ("figure eight", 0.2)])
def test_the_middle_of_the_scene_stays_in_the_middle_of_the_picture(move, amount):
    path = camera_path(Cameras.at_origin(60.0, (12, 20)), Move(move, amount), 17, scene_depth=4.0)
    pivot = torch.tensor([[0.0, 0.0, 4.0]])
    for view in range(len(path)):
        torch.testing.assert_close(project(path[view], pivot), torch.tensor([[0.5, 0.5]]), atol=1e-5, rtol=0)


def test_an_orbit_keeps_its_distance():
    path = camera_path(Cameras.at_origin(60.0, (12, 20)), Move("orbit", 70.0), 9, scene_depth=4.0)
    distance = (path.centers - torch.tensor([0.0, 0.0, 4.0])).norm(dim=1)
    torch.testing.assert_close(distance, torch.full((9,), 4.0))


@pytest.mark.parametrize("move", [Move("there and back", 0.3), Move("dolly", 0.3, return_to_start=True)])
def test_a_path_that_comes_back_ends_where_it_began_and_goes_the_same_way(move):
    poses = camera_path(Cameras.at_origin(60.0, (12, 20)), move, 33, scene_depth=4.0).cam2world
    torch.testing.assert_close(poses, poses.flip(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(poses[16, 2, 3], torch.tensor(1.2))


def test_smooth_starts_and_stops_gently_and_linear_does_not():
    ends = []
    for easing in ("smooth", "linear"):
        path = camera_path(Cameras.at_origin(60.0, (12, 20)), Move("dolly", 1.0, easing), 11, scene_depth=1.0)
        steps = path.centers[1:, 2] - path.centers[:-1, 2]
        ends.append((float(steps[0]), float(steps[-1]), float(steps[5])))
    (first, last, middle), (even, *_) = ends
    assert first < 0.5 * middle and last < 0.5 * middle
    assert even == pytest.approx(0.1, abs=1e-6)
