"""Several views, each with depth in a scale of its own, to one memory: the drawn room comes out as large as it is."""

import pytest
import torch
from synthetic_room import SIZE, SPEC, H, K, W, hit, paint, turning

from mirage_core import Cameras, Geometry, LatentMemory, MirageError, lift, splat
from mirage_core.seen_through import seen_through
from mirage_core.sparse_points import SparsePoints
from mirage_core.true_pixels import SourcePictures
from mirage_core.update import Estimate, UpdateSettings
from mirage_core.views import AS_IT_IS, BY_MEMORY, BY_POINTS, SEEN_THROUGH, of_the_middle, views_to_memory

SETTINGS = UpdateSettings()
SCALES = torch.tensor([1.0, 0.5, 2.0, 0.8, 1.6, 0.6])  # of each view's depth; the first gives the scale


def walked(headings=(0, 10, 20, 30, 15, -10)):
    """Cameras that turn and move about."""
    cameras = turning(list(headings))
    cam2world = cameras.cam2world.clone()
    steps = torch.arange(float(len(headings)))[:, None]
    cam2world[:, :3, 3] = steps * torch.tensor([0.25, 0.05, -0.15]) - torch.tensor([0.5, 0.0, 0.0])
    return Cameras(cam2world, cameras.K)


def guessed(cameras, scales=SCALES, noise=0.02, seed=0):
    """Depth of every view as a model guesses it: in a scale of its own, with noise."""
    depth = hit(cameras, (H, W))[0]
    g = torch.Generator().manual_seed(seed)
    return depth * scales[:, None, None] * (1.0 + noise * torch.randn(depth.shape, generator=g))


def latents(cameras):
    return paint(hit(cameras, SIZE)[1])


def written(cameras, depth, settings=SETTINGS, points=None, memory=None, exclude=None, **options):
    memory = LatentMemory(SPEC) if memory is None else memory
    return views_to_memory(
        memory, latents(cameras), Estimate(depth, exclude or {}), cameras, settings, points, **options
    )


def off(geometry, cameras):
    """How far depth is from the room's, in the median of each view."""
    true = hit(cameras, geometry.image_size)[0]
    return [float((one / truth - 1.0)[one > 0].abs().median()) for one, truth in zip(geometry.depth, true, strict=True)]


def in_the_room(memory, within=0.1):
    """Share of a memory's points that stand at a wall, floor or ceiling of the room."""
    xyz = memory.column("xyz").abs()
    away = (xyz - torch.tensor([3.0, 1.5, 3.0])).abs().amin(dim=1)
    return float(((away < within * 3.0) & (xyz < 3.0 * (1.0 + within)).all(dim=1)).float().mean())


def sparse(cameras, each=60, seed=1):
    """What the cameras see of points of the room, with an outlier among ten."""
    g, places = torch.Generator().manual_seed(seed), hit(cameras, (H, W))[1]
    found = []
    for view, cam2world in zip(places, cameras.cam2world, strict=True):
        chosen = view.flatten(0, 1)[torch.randperm(H * W, generator=g)[:each]]
        points = (chosen - cam2world[:3, 3]) @ cam2world[:3, :3]
        points[::10] *= 3.0
        found.append(points)
    return SparsePoints(tuple(found))


def test_views_of_any_scale_come_to_one():
    cameras = walked()
    made = written(cameras, guessed(cameras))
    assert [one.by for one in made.aligned] == [AS_IT_IS, *[BY_MEMORY] * 5]
    assert not any(report.refused for report in made.reports)
    assert max(off(made.geometry, cameras)) < 0.03
    assert in_the_room(made.memory) > 0.95
    assert sorted(made.memory.keyframes.frames) == [0, 1, 2, 3, 4, 5]
    scales = [one.fit.scale for one in made.aligned[1:]]
    torch.testing.assert_close(torch.tensor(scales), 1.0 / SCALES[1:], rtol=0.03, atol=0)


def test_without_alignment_the_walls_stand_apart():
    cameras = walked()
    made = written(cameras, guessed(cameras), UpdateSettings(fit="none"), still=False)
    assert max(off(made.geometry, cameras)) > 0.5 and in_the_room(made.memory) < 0.6


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 2, 0, 4, 1, 3], [3, 5, 0, 1, 4, 2]])
def test_sparse_points_give_every_view_its_scale_in_any_order(order):
    cameras = walked()
    depth = guessed(cameras) * 0.37  # the first view says nothing of the scale either
    made = written(cameras[order], depth[order], points=sparse(cameras)[order])
    assert {one.by for one in made.aligned} == {BY_POINTS}
    assert all(40 <= one.fit.compared <= 60 and one.fit.residual < 0.05 for one in made.aligned)
    assert max(off(made.geometry, cameras[order])) < 0.03 and in_the_room(made.memory) > 0.95


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [0, 5, 1, 4, 2, 3], [0, 3, 2, 1, 5, 4]])
def test_views_join_in_the_order_of_what_they_have_in_common(order):
    cameras = walked(headings=(0, 25, 50, 75, 100, 125))  # the last sees nothing of what the first does
    made = written(cameras[order], guessed(cameras)[order])
    assert not any(report.refused for report in made.reports)
    assert max(off(made.geometry, cameras[order])) < 0.08


def test_a_view_without_enough_points_is_brought_to_the_others():
    cameras, points = walked(), sparse(walked())
    few = SparsePoints((points.views[0][:5], *points.views[1:]))
    made = written(cameras, guessed(cameras), points=few)
    assert [one.by for one in made.aligned] == [BY_MEMORY, *[BY_POINTS] * 5]
    assert max(off(made.geometry, cameras)) < 0.03


@pytest.mark.parametrize("place", [0, 3, 5])
def test_a_view_that_sees_nothing_in_common_is_refused_and_not_written(place):
    headings = [0, 10, 20, 15, 5, -5]
    headings[place] = 180
    cameras = walked(headings)
    made = written(cameras, guessed(cameras))
    refused = [one.refused for one in made.aligned]
    assert refused[place] == "too little in common with the other views" and sum(map(bool, refused)) == 1
    assert made.reports[place].refused == refused[place]
    assert not made.geometry.valid[place].any() and len(made.memory.keyframes) == 5
    assert place not in made.memory.column("frame").tolist()


def test_depth_that_fits_neither_points_nor_memory_is_refused():
    cameras = walked()
    depth = guessed(cameras)
    g = torch.Generator().manual_seed(3)
    depth[2] = 0.5 + 4.0 * torch.rand(H, W, generator=g)
    by_memory, by_points = written(cameras, depth), written(cameras, depth, points=sparse(cameras))
    assert by_memory.reports[2].refused == "depth does not fit that of the other views"
    assert by_points.reports[2].refused == "depth does not fit the sparse points"
    assert 2 not in by_points.memory.column("frame").tolist()
    assert max(off(by_points.geometry[[0, 1, 3, 4, 5]], cameras[[0, 1, 3, 4, 5]])) < 0.03


def with_box(depth, view, factor=0.5):
    """Something near, in the middle of one view's picture."""
    depth = depth.clone()
    depth[view, H // 3 : 2 * H // 3, W // 3 : W * 8 // 15] *= factor
    return depth


BOX = 3 * 3  # tokens


@pytest.mark.parametrize("view", [0, 2, 5])
def test_what_stands_in_one_view_alone_stays_out_whenever_it_comes(view):
    cameras = walked()
    depth = with_box(guessed(cameras), view)
    made, careless = written(cameras, depth), written(cameras, depth, still=False)
    assert made.reports[view].excluded[SEEN_THROUGH] == BOX
    assert sum(report.excluded.get(SEEN_THROUGH, 0) for report in made.reports) == BOX
    assert in_the_room(made.memory) > 0.95
    if view == 0:  # written first, so that nothing contradicts it
        assert in_the_room(careless.memory) < in_the_room(made.memory) - 0.02


def test_what_stands_in_most_views_is_kept():
    cameras = turning([0, 0, 0, 0, 0])
    depth = hit(cameras, SIZE)[0]
    depth[:3, 2:5, 3:6] = 1.0  # three see a box, two see through it
    gone = seen_through(depth, cameras)
    assert not gone[:3].any() and not gone[3:].any()
    depth[2] = depth[4]
    gone = seen_through(depth, cameras)
    assert bool(gone[:2, 2:5, 3:6].all()) and int(gone.sum()) == 2 * 9


def test_what_a_mask_names_is_neither_written_nor_compared():
    cameras = walked()
    depth = with_box(guessed(cameras), 1, 0.3)
    mask = torch.zeros(6, H, W, dtype=torch.bool)
    mask[1] = depth[1] < 0.75 * guessed(cameras)[1]
    made = written(cameras, depth, exclude={"excluded": mask}, still=False)
    assert made.reports[1].excluded["excluded"] > 0 and in_the_room(made.memory) > 0.95


def test_views_join_a_memory_that_is_there_already():
    cameras, first = walked(), turning([5.0])
    memory = LatentMemory(SPEC).insert(lift(latents(first), Geometry(hit(first, (H, W))[0], first)), cameras=first)
    made = written(cameras, guessed(cameras) * 3.0, memory=memory)
    assert {one.by for one in made.aligned} == {BY_MEMORY} and max(off(made.geometry, cameras)) < 0.04
    assert sorted(made.memory.keyframes.frames) == [0, 1, 2, 3, 4, 5, 6]


def test_scale_and_shift_of_inverse_depth():
    cameras = walked()
    true = hit(cameras, (H, W))[0]
    relative = torch.cat([true[:1], 1.0 / (0.7 / true[1:] + 0.2)])
    assert max(off(written(cameras, relative, UpdateSettings(fit="scale and shift")).geometry, cameras)) < 0.03
    assert max(off(written(cameras, relative, UpdateSettings(max_residual=1.0)).geometry, cameras)) > 0.05
    made = written(cameras, relative, UpdateSettings(fit="scale and shift"), points=sparse(cameras))
    assert max(off(made.geometry, cameras)[1:]) < 0.02


def test_the_pictures_are_found_again_by_the_geometry_also_where_one_was_refused():
    cameras = walked([0, 10, 180, 15, 5, -5])
    made = written(cameras, guessed(cameras))
    assert [bool(report.refused) for report in made.reports] == [False, False, True, False, False, False]
    pictures = torch.rand(6, H, W, 3, generator=torch.Generator().manual_seed(0))
    found = SourcePictures.of(made.memory, pictures, made.geometry)
    assert len(found.cameras) >= 2 and bool((found.picture >= 0).all())
    seen = found.seen(cameras[0], splat(made.memory, cameras[[0]], SIZE))
    assert float(seen.known.float().mean()) > 0.9
    same = (seen.colours - pictures[0]).abs().amax(dim=-1)[seen.known] < 0.02
    assert float(same.float().mean()) > 0.98


@pytest.mark.parametrize("size", [(36, 60), (30, 60), (36, 40)])
def test_cameras_follow_pictures_that_were_cut_in_the_middle(size):
    cameras = walked()
    K_off = cameras.K.clone()
    K_off[:, 0, 2], K_off[:, 1, 2] = 0.52, 0.47
    cameras = Cameras(cameras.cam2world, K_off)
    top, left = (36 - size[0]) // 2, (60 - size[1]) // 2
    torch.testing.assert_close(of_the_middle(cameras, size).K, cameras.cropped((36, 60), top, left, *size).K)


def test_bad_input_is_refused_in_words():
    cameras, depth = walked(), guessed(walked())
    with pytest.raises(MirageError, match=r"must be of the same 6 views; got 5 depth maps, 6 cameras"):
        written(cameras, depth[:5])
    with pytest.raises(MirageError, match=r"got 6 depth maps, 6 cameras, 2 views with sparse points"):
        written(cameras, depth, points=SparsePoints.none(2))
    with pytest.raises(MirageError, match=r"pictures: at least one of the 6 must be written; none can be: no depth"):
        written(cameras, torch.full_like(depth, torch.nan))
    with pytest.raises(MirageError, match=r"sparse points of view 0: must be \(M, 3\)"):
        SparsePoints((torch.zeros(3, 2),))
    holes = depth.clone()
    holes[0], holes[1, :3] = 0.0, torch.inf
    made = written(cameras, holes)
    assert made.reports[0].refused == "no depth" and made.aligned[1].by == AS_IT_IS
    assert torch.equal(of_the_middle(cameras, (36, 60)).K, K.expand(6, 3, 3))
