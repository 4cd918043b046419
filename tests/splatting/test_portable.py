"""The portable backend equals the reference: the same winning point in every cell of every view."""

import pytest
import torch

from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, splat
from mirage_core.splatting import Views, portable, reference

WIDTHS = {"points": None, "narrow": 0.125, "wide": 1.0, "huge": 64.0}  # world widths of the tokens, at most


@pytest.fixture(scope="module")
def walk(pose):
    """Four cameras: straight ahead, turned, turned about all axes, and one in the midst of the points."""
    cam2world = [
        pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        pose((0.0, 0.5, 0.0), (-1.0, 0.25, 0.5)),
        pose((0.3, -0.4, 1.2), (1.0, -0.5, -2.0)),
        pose((-0.7, 2.5, 0.1), (0.5, 0.5, 4.0)),
    ]
    K = torch.tensor([[0.75, 0.0, 0.5], [0.0, 1.25, 0.375], [0.0, 0.0, 1.0]])
    return Cameras(torch.stack(cam2world), K)


def cloud(n, seed):
    """Points of which many share a depth, a third are copies of others, and some lie behind or on a camera."""
    g = torch.Generator().manual_seed(seed)
    xy = torch.randint(-48, 49, (n, 2), generator=g) / 16
    z = torch.randint(-2, 8, (n, 1), generator=g).float()
    xyz = torch.cat([xy, z], dim=1)
    copies = n // 3
    if copies:
        xyz[torch.randperm(n, generator=g)[:copies]] = xyz[torch.randint(n, (copies,), generator=g)]
    return xyz, torch.rand(n, generator=g)


@pytest.mark.parametrize("token_anchor", ["center", "corner"])
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize(
    ("h", "w", "n_points"), [(1, 1, 0), (1, 1, 1), (1, 1, 40), (1, 7, 60), (6, 1, 60), (4, 6, 150), (11, 20, 700)]
)
def test_the_same_points_win_as_in_the_reference(walk, h, w, n_points, widths, token_anchor):
    xyz, share = cloud(n_points, seed=h * w + n_points)
    footprint = None if WIDTHS[widths] is None else share * WIDTHS[widths]
    views = Views.of(walk, (h, w), token_anchor)
    expected = reference.winning_points(xyz, footprint, views)
    assert expected.shape == (4, h, w)
    assert torch.equal(portable.winning_points(xyz, footprint, views), expected)
    assert n_points < 40 or bool((expected >= 0).any())


@pytest.mark.parametrize("widths", ["points", "wide"])
@pytest.mark.parametrize("n_points", [1, 6, 7, 8, 13, 14, 15])
def test_the_same_points_win_whatever_the_tile(walk, monkeypatch, n_points, widths):
    """Tiles of seven points: numbers of points on both sides of a tile's border."""
    xyz, share = cloud(n_points, seed=n_points)
    footprint = None if WIDTHS[widths] is None else share * WIDTHS[widths]
    views = Views.of(walk, (3, 5), "center")
    monkeypatch.setitem(portable.TILE, "cpu", 7 * len(walk))
    assert torch.equal(portable.winning_points(xyz, footprint, views), reference.winning_points(xyz, footprint, views))


def test_the_same_points_win_when_there_are_more_views_than_a_tile_holds(walk, monkeypatch):
    xyz, share = cloud(9, seed=5)
    views = Views.of(walk, (3, 5), "center")
    monkeypatch.setitem(portable.TILE, "cpu", 2)
    assert torch.equal(portable.winning_points(xyz, share, views), reference.winning_points(xyz, share, views))


def test_the_same_points_win_when_views_are_taken_in_groups(walk, monkeypatch):
    xyz, share = cloud(40, seed=6)
    views = Views.of(walk, (3, 5), "center")
    monkeypatch.setattr(portable, "VIEWS", 3)
    assert torch.equal(portable.winning_points(xyz, share, views), reference.winning_points(xyz, share, views))


@pytest.mark.parametrize("token_anchor", ["center", "corner"])
@pytest.mark.parametrize("widths", WIDTHS)
def test_the_same_points_win_on_and_around_the_border_of_the_grid(widths, token_anchor):
    """Quarter-cell steps from six cells outside the grid to six cells beyond the other side, all at one depth."""
    h, w = 4, 8
    g = torch.Generator().manual_seed(2)
    u, v = (
        torch.randint(-24, 4 * w + 25, (300,), generator=g) / 4,
        torch.randint(-24, 4 * h + 25, (300,), generator=g) / 4,
    )
    xyz = torch.stack([(u - w / 2) / w * 2, (v - h / 2) / h * 2, torch.full((300,), 2.0)], dim=1)
    K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    views = Views.of(Cameras(torch.eye(4).unsqueeze(0), K), (h, w), token_anchor)
    footprint = None if WIDTHS[widths] is None else torch.rand(300, generator=g) * WIDTHS[widths]
    expected = reference.winning_points(xyz, footprint, views)
    assert torch.equal(portable.winning_points(xyz, footprint, views), expected)
    assert bool((u < 0).any()) and bool((v >= h).any()) and bool((expected >= 0).any())


@pytest.mark.parametrize("radius", [0.5, 2.0**-0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.5, 4.0])
def test_the_same_cells_are_reached_where_a_disk_just_touches_a_centre(radius):
    """Points on halves and quarters of a cell and radii likewise: many centres lie exactly on a disk's rim."""
    h, w = 8, 8
    g = torch.Generator().manual_seed(3)
    u, v = torch.randint(0, 4 * w, (60,), generator=g) / 4, torch.randint(0, 4 * h, (60,), generator=g) / 4
    z = torch.randint(1, 5, (60,), generator=g).float()
    xyz = torch.stack([(u - w / 2) / w * z, (v - h / 2) / h * z, z], dim=1)
    K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    views = Views.of(Cameras(torch.eye(4).unsqueeze(0), K), (h, w), "center")
    footprint = radius * 2.0**0.5 * z / w  # the radius in cells is this width times w / z / sqrt(2)
    assert torch.equal(portable.winning_points(xyz, footprint, views), reference.winning_points(xyz, footprint, views))


@pytest.mark.parametrize("footprint", [False, True])
def test_a_readout_is_the_same_by_either_backend(walk, footprint):
    xyz, widths = cloud(200, seed=9)
    features = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    memory = LatentMemory(LatentSpec(5, 16), (PointBlock(xyz, features, widths),))
    ours, expected = (splat(memory, walk, (4, 6), footprint, backend=name) for name in ("portable", "reference"))
    assert torch.equal(ours.point, expected.point)
    assert torch.equal(ours.known, expected.known)
    for name in ("latents", "depth", "offset", "scale"):
        torch.testing.assert_close(getattr(ours, name), getattr(expected, name), rtol=0, atol=0)


def test_the_result_does_not_depend_on_the_number_of_threads(walk):
    xyz, widths = cloud(20_000, seed=4)
    views = Views.of(walk, (30, 52), "center")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = portable.winning_points(xyz, widths, views)
        torch.set_num_threads(2)
        together = [portable.winning_points(xyz, widths, views) for _ in range(3)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(alone, point) for point in together)


def test_auto_is_a_backend_that_equals_the_reference(walk):
    xyz, widths = cloud(50, seed=1)
    memory = LatentMemory(LatentSpec(1, 16), (PointBlock(xyz, xyz[:, :1], widths),))
    assert torch.equal(splat(memory, walk, (4, 6)).point, splat(memory, walk, (4, 6), backend="reference").point)
