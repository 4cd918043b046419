"""What is looked at while a path is drawn: points around its start camera."""

import pytest
import torch

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, MirageError, PointBlock
from mirage_core.surroundings import remembered_around, seen_around

K = torch.tensor([[0.8, 0.0, 0.4], [0.0, 1.2, 0.55], [0.0, 0.0, 1.0]])
TO_THE_RIGHT = torch.tensor([[0.0, 0.0, 1.0, 5.0], [0.0, 1.0, 0.0, -1.0], [-1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 1.0]])
SPEC = LatentSpec(channels=3, spatial=8, temporal=4)


def geometry(depth, cam2world=TO_THE_RIGHT):
    return Geometry(depth[None], Cameras(cam2world[None], K))


def remembered(xyz):
    n = len(xyz)
    features = torch.arange(3.0 * n).view(n, 3) / (3 * n)
    return LatentMemory(SPEC, (PointBlock(xyz, features, torch.full((n,), 0.5)),))


def same(tokens):
    return tokens


def test_a_remembered_point_straight_ahead_lies_ahead_in_median_depths():
    ahead = torch.tensor([[11.0, -1.0, 2.0], [8.0, 0.0, 2.0]])  # the camera stands at (5, -1, 2) and looks along x
    found = remembered_around(geometry(torch.full((12, 20), 3.0)), remembered(ahead), same)
    torch.testing.assert_close(found.xyz, torch.tensor([[0.0, 0.0, 2.0], [0.0, 1 / 3, 1.0]]))
    torch.testing.assert_close(found.width, torch.full((2,), 0.5 / 3))
    assert torch.equal(found.rgb, torch.arange(6.0).view(2, 3) / 6) and found.every == 1


@pytest.mark.parametrize(("most", "every", "left"), [(10, 1, 10), (9, 2, 5), (4, 3, 4), (1, 10, 1)])
def test_a_large_memory_is_thinned_and_its_points_cover_as_much(most, every, left):
    memory = remembered(torch.randn(10, 3, generator=torch.Generator().manual_seed(0)))
    found = remembered_around(geometry(torch.ones(12, 20)), memory, same, most)
    assert found.every == every and len(found.xyz) == len(found.width) == left <= most
    assert torch.equal(found.rgb, memory.as_one_block().features[::every])
    torch.testing.assert_close(found.width**2, torch.full((left,), 0.25 * every))


def test_an_empty_memory_is_refused():
    with pytest.raises(MirageError, match="memory: must hold points"):
        remembered_around(geometry(torch.ones(12, 20)), LatentMemory(SPEC), same)


def test_a_picture_is_seen_where_its_pixels_are():
    depth = torch.zeros(12, 20)
    depth[2, 5], depth[9, 17] = 2.0, 4.0
    found = seen_around(geometry(depth))
    picture = found.xyz @ K.T  # the frame of the camera, so that K alone leads back
    places = picture[:, :2] / picture[:, 2:] * torch.tensor([20.0, 12.0])
    torch.testing.assert_close(places, torch.tensor([[5.5, 2.5], [17.5, 9.5]]), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.xyz[:, 2], torch.tensor([1.0, 2.0]))  # the lower median is 2
    torch.testing.assert_close(found.width, torch.tensor([1.0, 2.0]) / (20 * 0.8))


def test_what_is_nearer_is_brighter_and_nothing_is_black():
    depth = torch.full((4, 5), 1.0)
    depth[0, :3] = torch.tensor([0.5, 4.0, 100.0])
    rgb = seen_around(geometry(depth)).rgb
    assert torch.equal(rgb[:, 0], rgb[:, 1]) and torch.equal(rgb[:, 0], rgb[:, 2])
    torch.testing.assert_close(rgb[:4, 0], torch.tensor([0.9, 0.2, 0.2, 0.8]))


def test_of_a_large_picture_every_third_pixel_is_seen():
    found = seen_around(geometry(torch.ones(200, 301)))
    assert len(found.xyz) == 67 * 101  # 301 pixels, at most 120 points
    torch.testing.assert_close(found.width, torch.full((67 * 101,), 3 / (301 * 0.8)))
