"""The rules of the splat on scenes small enough to check by eye: every backend must keep them."""

import pytest
import torch

from mirage_core import Cameras
from mirage_core.conventions import MIN_DEPTH
from mirage_core.splatting import Views, portable, reference

h, w = 4, 8  # powers of two: cell coordinates of the points below are exact
BELOW_MIN_DEPTH = MIN_DEPTH - 2.0**-34  # the next smaller float32

every_backend = pytest.mark.parametrize(
    "winning_points", [reference.winning_points, portable.winning_points], ids=["reference", "portable"]
)


def views(token_anchor="center"):
    K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    return Views.of(Cameras(torch.eye(4).unsqueeze(0), K), (h, w), token_anchor)


def points_at(*places):
    """World points of places (u, v, depth): column and row coordinate in cells."""
    return torch.tensor([((u - w / 2) / w * z, (v - h / 2) / h * z, z) for u, v, z in places])


def covered(point):
    """The cells (column, row) that hold a point, and which: ``(1, h, w)`` to a dict."""
    return {(column, row): int(point[0, row, column]) for _, row, column in (point >= 0).nonzero().tolist()}


@every_backend
def test_the_nearest_point_wins_a_cell(winning_points):
    xyz = points_at((2.5, 1.5, 4.0), (2.25, 1.75, 2.0), (2.75, 1.25, 3.0))
    assert covered(winning_points(xyz, None, views())) == {(2, 1): 1}


@every_backend
def test_equal_depths_go_to_the_lower_index(winning_points):
    xyz = points_at((5.5, 3.5, 2.0), (2.5, 1.5, 2.0), (2.25, 1.25, 2.0), (2.75, 1.75, 2.0))
    assert covered(winning_points(xyz, None, views())) == {(5, 3): 0, (2, 1): 1}


@every_backend
@pytest.mark.parametrize("depth", [0.0, -0.0, -1.0, MIN_DEPTH / 2, BELOW_MIN_DEPTH])
def test_a_point_behind_or_on_the_camera_is_not_seen(winning_points, depth):
    xyz = torch.tensor([[0.0, 0.0, depth], [-0.25, -0.25, depth]])
    assert covered(winning_points(xyz, torch.full((2,), 10.0), views())) == {}


@every_backend
def test_a_point_hardly_too_near_is_not_seen_in_another_cell_of_a_large_grid(winning_points):
    large = Views.of(Cameras(torch.eye(4).unsqueeze(0), torch.eye(3)), (16, 32), "center")  # the axis at cell (0, 0)
    xyz = torch.tensor([[0.0, 0.0, BELOW_MIN_DEPTH]])
    assert covered(winning_points(xyz, None, large)) == {}


@every_backend
def test_a_point_at_the_smallest_depth_is_seen(winning_points):
    xyz = torch.tensor([[0.0, 0.0, MIN_DEPTH]])
    assert covered(winning_points(xyz, None, views())) == {(4, 2): 0}


@every_backend
def test_a_cell_holds_its_left_and_upper_border_and_nothing_outside_the_grid_counts(winning_points):
    places = [
        (2.0, 1.0, 2.0),
        (0.0, 0.0, 2.0),
        (8.0, 1.5, 1.0),
        (-(2.0**-10), 1.5, 1.0),
        (3.5, 4.0, 1.0),
        (3.5, -0.5, 1.0),
    ]
    assert covered(winning_points(points_at(*places), None, views())) == {(2, 1): 0, (0, 0): 1}


@every_backend
def test_with_the_corner_anchor_a_point_goes_to_the_nearest_token_and_ties_to_the_even_one(winning_points):
    places = [(2.5, 1.0, 2.0), (3.5, 2.0, 2.0), (5.25, 2.75, 2.0), (-0.5, 0.0, 2.0), (7.5, 3.0, 2.0), (0.0, 3.5, 2.0)]
    won = covered(winning_points(points_at(*places), None, views("corner")))
    assert won == {(2, 1): 0, (4, 2): 1, (5, 3): 2, (0, 0): 3}  # 7.5 rounds to 8 and 3.5 to 4: outside


@every_backend
def test_a_token_as_wide_as_a_cell_and_centred_covers_that_cell_alone(winning_points):
    xyz = points_at((2.5, 1.5, 2.0))
    width = torch.tensor([2.0 / (h * w) ** 0.5])  # one cell at depth 2, by the geometric mean of both axes
    assert covered(winning_points(xyz, width, views())) == {(2, 1): 0}


@every_backend
def test_a_token_covers_the_cells_whose_centre_lies_in_its_disk(winning_points):
    xyz = points_at((2.75, 1.5, 2.0))
    width = torch.tensor([1.25 * 2.0 / (h * w) ** 0.5])  # radius 0.88 cells: 0.75 to the right is in reach, 1.25 is not
    assert covered(winning_points(xyz, width, views())) == {(2, 1): 0, (3, 1): 0}


@every_backend
@pytest.mark.parametrize(("depth", "cells"), [(1.25, 26), (2.0, 12), (4.0, 5), (8.0, 1)])
def test_the_disk_grows_as_the_token_comes_nearer(winning_points, depth, cells):
    xyz = points_at((4.5, 2.5, depth))
    width = torch.tensor([3.0 * 2.0 / (h * w) ** 0.5])  # 3 cells wide at depth 2
    radius = 3.0 * 2.0 / depth * 0.5 * 2.0**0.5
    disk = {(4 + i, 2 + j): 0 for i in range(-4, 4) for j in range(-2, 2) if i * i + j * j <= radius * radius}
    assert covered(winning_points(xyz, width, views())) == disk
    assert len(disk) == cells


@every_backend
def test_no_disk_is_wider_than_four_cells_to_each_side(winning_points):
    xyz = points_at((1.5, 1.5, 1.0))
    disk = {(1 + i, 1 + j): 0 for i in range(-1, 7) for j in range(-1, 3) if i * i + j * j <= 16}
    assert covered(winning_points(xyz, torch.tensor([1e9]), views())) == disk


@every_backend
def test_a_point_in_its_own_cell_wins_over_a_disk_that_is_hardly_nearer(winning_points):
    xyz = points_at((2.5, 1.5, 2.0), (3.5, 1.5, 2.0625))  # the second is 3 % farther
    assert covered(winning_points(xyz, torch.tensor([1.0, 0.0]), views()))[3, 1] == 1


@every_backend
def test_a_disk_clearly_in_front_hides_what_is_behind_it(winning_points):
    xyz = points_at((2.5, 1.5, 2.0), (3.5, 1.5, 2.5))  # the second is 25 % farther
    assert covered(winning_points(xyz, torch.tensor([1.0, 0.0]), views()))[3, 1] == 0


@every_backend
def test_a_disk_that_competes_at_the_same_depth_goes_by_the_lower_index(winning_points):
    depth = 2.0 * 1.0625  # where the disk of a point at depth 2 competes outside its own cell
    near, far = points_at((2.5, 1.5, 2.0)), points_at((3.5, 1.5, depth))
    widths = torch.tensor([1.0, 0.0])
    assert covered(winning_points(torch.cat([near, far]), widths, views()))[3, 1] == 0
    assert covered(winning_points(torch.cat([far, near]), widths.flip(0), views()))[3, 1] == 0


@every_backend
@pytest.mark.parametrize("footprint", [None, torch.zeros(0)], ids=["points", "disks"])
def test_no_points_leave_every_cell_empty(winning_points, footprint):
    point = winning_points(torch.zeros(0, 3), footprint, views())
    assert point.dtype == torch.int64 and point.shape == (1, h, w)
    assert covered(point) == {}
