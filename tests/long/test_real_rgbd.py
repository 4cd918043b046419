"""What pooling, footprints and policies do on real sensor depth with holes (tests/data says where it is from)."""

import pytest
import torch
from real_rgbd import read, score

from mirage_core import Geometry, LatentMemory, lift, splat
from mirage_core.update import Estimate, UpdateSettings, write_views


@pytest.fixture(scope="module", params=[16, 8], ids=["16 px", "8 px"])
def dining(request):
    return read("hololens_dining", request.param)


@pytest.fixture(scope="module", params=[16, 8], ids=["16 px", "8 px"])
def hall(request):
    """Three visits: 0 is the first, 1 and 2 the later ones; 0 shows little that 1 and 2 together do not."""
    return read("hololens_hall_revisit", request.param)


def test_the_real_depth_has_holes_and_the_frames_share_tokens(dining):
    assert 0.6 < float(dining.geometry.valid.float().mean()) < 0.75
    assert score(dining).shared > 500


def test_averaging_the_zeros_of_holes_in_costs_half_as_much_error_again_as_the_median(dining):
    """Squared error of all 48 channels; the ratio over all 53 pairs of the eight frames of this walk is 1.5 as well.

    What both poolings share, tokens of two views that are cut differently and moving highlights, is in both numbers.
    """
    _, median, _, median_wrong = score(dining, pooling="median")
    _, bilinear, _, bilinear_wrong = score(dining, pooling="bilinear")
    assert bilinear >= 1.5 * median
    assert median_wrong < 0.01
    assert bilinear_wrong > 0.15


def test_footprints_fill_most_of_what_is_truly_seen_at_the_same_error(dining):
    points_filled, _, points_error, points_wrong = score(dining, footprint=False)
    filled, _, error, wrong = score(dining, footprint=True)
    assert points_filled < 0.75
    assert filled > 0.9
    assert error <= 1.05 * points_error
    assert wrong <= points_wrong + 0.005


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_inserting_the_same_real_frame_twice_adds_nothing(dining, frame):
    once = dining.memory_of(frame, policy="fill")
    assert once.num_points == len(dining.lift(frame))
    assert dining.memory_of(frame, frame, policy="fill").num_points == once.num_points


def test_standing_still_adds_nothing(dining):
    latents, still = dining.latents[[0] * 5], dining.geometry[[0] * 5]
    block = lift(latents, still)
    memory = LatentMemory(dining.spec).insert(block, cameras=still.cameras)
    assert len(block) == 5 * memory.num_points
    assert memory.num_points == len(dining.lift(0))


def test_standing_still_with_the_noise_of_a_sensor_adds_next_to_nothing(dining):
    noise = 1 + 0.01 * torch.randn(5, *dining.geometry.image_size, generator=torch.Generator().manual_seed(0))
    still = Geometry(dining.geometry.depth[[0] * 5] * noise, dining.geometry.cameras[[0] * 5])
    memory = LatentMemory(dining.spec).insert(lift(dining.latents[[0] * 5], still), cameras=still.cameras)
    assert memory.num_points <= 1.01 * len(dining.lift(0))


def test_walking_the_same_way_again_adds_nothing(dining, hall):
    for walk in (dining, hall):
        once = walk.memory_of(0, 1, 2, policy="fill")
        block = lift(walk.latents, walk.geometry)
        assert once.insert(block, cameras=walk.geometry.cameras).num_points == once.num_points


def test_a_walk_grows_the_memory_by_what_is_new(dining):
    filled, appended = dining.memory_of(0, 1, 2, policy="fill"), dining.memory_of(0, 1, 2, policy="append")
    assert appended.num_points == sum(len(dining.lift(frame)) for frame in range(3))
    assert len(dining.lift(0)) < filled.num_points < 0.7 * appended.num_points


def test_what_fill_leaves_out_is_hardly_missed(dining):
    size, cameras = dining.size, dining.geometry.cameras
    filled, appended = (splat(dining.memory_of(0, 1, 2, policy=p), cameras, size) for p in ("fill", "append"))
    assert float((appended.known & ~filled.known).sum()) <= 0.02 * float(appended.known.sum())


def test_a_revisit_adds_much_less_than_append_does(hall):
    before = hall.memory_of(1, 2, policy="fill").num_points
    added = hall.memory_of(1, 2, 0, policy="fill").num_points - before
    assert 0 < added < 0.4 * len(hall.lift(0))
    assert hall.memory_of(1, 2, 0, policy="append").num_points == sum(len(hall.lift(frame)) for frame in range(3))


def test_refresh_replaces_what_the_new_view_sees_and_keeps_the_rest(hall):
    before = hall.memory_of(1, 2, policy="refresh")
    after = before.insert(hall.lift(0), "refresh", hall.geometry.cameras[[0]])
    kept = after.num_points - len(hall.lift(0))
    assert 0 < kept < before.num_points
    shown = splat(after, hall.geometry.cameras[[0]], hall.size)
    first_new = kept  # the new points are the last
    assert int((shown.point >= first_new).sum()) > 0.9 * len(hall.lift(0))


def test_refreshing_with_the_same_real_frame_changes_no_number_of_points(hall):
    once, twice = hall.memory_of(1, policy="refresh"), hall.memory_of(1, 1, policy="refresh")
    assert once.num_points == twice.num_points == len(hall.lift(1))


def test_pruning_a_real_memory_to_half_keeps_most_of_what_is_seen(dining):
    whole = dining.memory_of(0, 1, 2)
    half = whole.prune(whole.nbytes // 2)
    cameras, size = dining.geometry.cameras, dining.size
    before, after = splat(whole, cameras, size).known_share, splat(half, cameras, size).known_share
    assert half.nbytes <= whole.nbytes // 2
    assert bool((after > 0.85 * before).all())


@pytest.mark.parametrize("fit", ["scale", "scale and shift"])
def test_alignment_keeps_a_memory_true_when_every_new_depth_has_another_scale(dining, fit):
    """Points that the later frames wrote, compared with what the sensor saw: with alignment they stay within a few
    percent of those written from the true depth; without it they are at half or twice their distance.
    """

    def written(factors, **settings):
        depth = dining.geometry.depth[1:] * torch.tensor(factors)[:, None, None]
        estimated = Estimate(depth)
        cameras = dining.geometry.cameras[1:]
        memory, reports, _ = write_views(
            dining.memory_of(0), dining.latents[1:], estimated, cameras, 1, UpdateSettings(policy="append", **settings)
        )
        return memory, reports

    def depth_error(memory):
        """Median error of the depth at which the later cameras see the points that they wrote."""
        errors = []
        for frame in (1, 2):
            points = memory.as_one_block()
            mine = LatentMemory(memory.spec, (points[points.frame == frame],))
            seen = splat(mine, dining.geometry.cameras[[frame]], dining.size, footprint=False)
            true = dining.geometry.pooled(dining.size)[0][frame]
            both = seen.known[0] & (true > 0)
            errors.append((seen.depth[0] / true - 1).abs()[both])
        return float(torch.cat(errors).median())

    aligned, reports = written([0.6, 1.8], fit=fit)
    unaligned, _ = written([0.6, 1.8], fit="none", tolerance=1e3)
    assert [report.refused for report in reports] == ["", ""]
    assert depth_error(aligned) < 0.04
    assert depth_error(unaligned) > 0.3
    assert [report.scale * factor for report, factor in zip(reports, (0.6, 1.8), strict=True)] == (
        pytest.approx([1.0, 1.0], abs=0.05) if fit == "scale" else pytest.approx([1.0, 1.0], abs=0.4)
    )


def test_a_memory_of_the_first_visit_knows_the_hall_again(hall):
    """What the first visit saw, read at the later ones, against what was really there then."""
    memory = hall.memory_of(0)
    seen = splat(memory, hall.geometry.cameras[1:], hall.size)
    there = hall.geometry.pooled(hall.size)[0][1:]
    same = seen.known & ((seen.depth / there.clamp(min=0.1) - 1).abs() < 0.1) & (there > 0)
    assert seen.known.float().mean() > 0.15 and same.float().mean() > 0.08  # the depth camera missed 44 %
    error = (seen.latents - hall.latents[1:]).abs().mean(dim=1)
    other = (seen.latents - hall.latents[[2, 1]]).abs().mean(dim=1)  # the other visit's picture in its place
    assert error[same].mean() < 0.8 * other[same].mean()
