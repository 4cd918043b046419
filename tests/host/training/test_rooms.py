"""Rooms, walks and samples."""

from dataclasses import fields
from itertools import islice

import pytest
import torch

SIZE = (60, 100)


@pytest.fixture(params=range(6))
def walk(request, training):
    """A room and a walk in it."""
    room = training("rooms").make_room(request.param)
    return room, training("walks").make_walk(room, 9, SIZE, request.param)


def places_of(training, cameras, depth):
    """World points ``(T, H, W, 3)`` of z-depths ``(T, H, W)``."""
    H, W = SIZE
    column, row = torch.meshgrid((torch.arange(W) + 0.5) / W, (torch.arange(H) + 0.5) / H, indexing="xy")
    K = cameras.K[:, :, :, None, None]
    x, y = (column - K[:, 0, 2]) / K[:, 0, 0] * depth, (row - K[:, 1, 2]) / K[:, 1, 1] * depth
    local = torch.stack([x, y, depth], dim=-1)
    return torch.einsum("tij,thwj->thwi", cameras.cam2world[:, :3, :3], local) + cameras.centers[:, None, None]


def test_every_depth_ends_on_a_surface(walk, training):
    room, cameras = walk
    _, depth = room.seen(cameras, SIZE)
    places = places_of(training, cameras, depth)
    assert float(room.clearance(places.reshape(-1, 3)).abs().max()) < 1e-4
    assert float(depth.min()) > 0.01 and bool(depth.isfinite().all())


def test_a_place_has_one_colour_from_wherever_it_is_seen(walk, training):
    room, cameras = walk
    pictures, depth = room.seen(cameras, SIZE)
    places = places_of(training, cameras, depth)[0].reshape(-1, 3)
    other = cameras[[4]]
    local = (places - other.centers[0]) @ other.cam2world[0, :3, :3]
    u = (local[:, 0] / local[:, 2] * other.K[0, 0, 0] + other.K[0, 0, 2]) * SIZE[1]
    v = (local[:, 1] / local[:, 2] * other.K[0, 1, 1] + other.K[0, 1, 2]) * SIZE[0]
    inside = (local[:, 2] > 0.1) & (u > 0) & (u < SIZE[1]) & (v > 0) & (v < SIZE[0])
    column, row = u[inside].long(), v[inside].long()
    same = (depth[4, row, column] - local[inside, 2]).abs() < 0.02 * local[inside, 2]  # not hidden there
    assert same.float().mean() > 0.3
    apart = (pictures[4, row, column] - pictures[0].reshape(-1, 3)[inside]).abs().amax(dim=1)[same]
    assert (apart < 0.05).float().mean() > 0.85  # the rest are edges of patterns, half a pixel away


def test_a_walk_keeps_off_things_and_ends_where_it_began(walk, training):
    room, cameras = walk
    assert float(room.clearance(cameras.centers).min()) > 0.1
    torch.testing.assert_close(cameras.cam2world[-1], cameras.cam2world[0], atol=1e-5, rtol=0)
    assert float((cameras.centers[4] - cameras.centers[0]).norm()) > 0.3


def test_equal_seeds_make_equal_rooms_and_walks_and_others_do_not(training):
    make_room, make_walk = training("rooms").make_room, training("walks").make_walk
    one, same, other = make_room(3), make_room(3), make_room(4)
    for field in fields(one):
        assert torch.equal(getattr(one, field.name), getattr(same, field.name))
    assert one.low.shape != other.low.shape or not torch.equal(one.low, other.low)
    assert torch.equal(make_walk(one, 5, SIZE, 1).cam2world, make_walk(same, 5, SIZE, 1).cam2world)


def test_clearance_is_negative_inside_of_things_and_outside_of_the_room(training):
    room = training("rooms").make_room(0)
    inside = (room.low[1:] + room.high[1:]) / 2
    assert float(room.clearance(inside).max()) < 0
    assert float(room.clearance(room.high[:1] + 1.0)) < 0


def test_a_room_that_is_full_leaves_no_way(training):
    room = training("rooms").make_room(0)
    room.low[1], room.high[1] = room.low[0], room.high[0]
    with pytest.raises(training("walks").NoWayError, match="no free way through this room"):
        training("walks").make_walk(room, 5, SIZE, 0)


@pytest.fixture(scope="module")
def statistics(training):
    with torch.inference_mode(False):
        return training("samples").Statistics.of_rooms((64, 96))


def latents_of(samples, room, cameras):
    pictures, depth = room.seen(cameras, (64, 96))
    return samples.encoded(pictures), depth


def test_normalised_latents_have_mean_0_and_deviation_1(training, statistics):
    samples = training("samples")
    others = range(samples.STATISTICS_ROOMS, 2 * samples.STATISTICS_ROOMS)
    many = torch.cat([latents_of(samples, *samples.walk_in_a_room(seed, 4, (64, 96)))[0] for seed in others])
    normal = statistics.normalised(many)
    torch.testing.assert_close(statistics.raw(normal), many, atol=1e-4, rtol=1e-4)
    assert normal.mean(dim=(0, 2, 3)).abs().max() < 0.5  # of rooms that were not looked at
    assert (normal.std(dim=(0, 2, 3)).log2()).abs().max() < 0.5


def test_a_frame_is_shown_as_it_was_written(training, statistics):
    samples = training("samples")
    room, cameras = samples.walk_in_a_room(5, 5, (64, 96))
    latents, depth = latents_of(samples, room, cameras)
    memory = samples.remember(samples.LatentMemory(samples.SPEC), latents[:1], depth[:1], cameras[[0]])
    sample = samples.sample_of(memory, cameras[[0]], latents[:1], statistics)
    assert bool(sample.known.all())
    torch.testing.assert_close(sample.splat, sample.latents, atol=1e-4, rtol=0)
    assert sample.placement.abs().max() < 0.01  # seen from where it was written: in the middle, at its own size


def test_the_unknown_part_of_a_scene_is_zero(training, statistics):
    samples = training("samples")
    settings = samples.Settings(image_size=(64, 96), frames=3, walk=5, windows=3, forgotten=0.0)
    made = samples.walk_samples(5, settings, statistics)
    assert [sample.latents.shape for sample in made] == [(3, 48, 4, 6)] * 3
    for sample in made:
        unknown = sample.known == 0
        assert bool(unknown.any())
        assert not sample.splat[unknown.expand_as(sample.splat)].any()
        assert not sample.placement[unknown.expand_as(sample.placement)].any()


def test_a_worn_memory_forgets_and_is_noisy(training, statistics):
    samples = training("samples")
    common = dict(image_size=(64, 96), frames=3, walk=5, windows=1, forgotten=0.0)
    clean = samples.walk_samples(5, samples.Settings(**common, noise=0.0, dropout=(0.0, 0.0)), statistics)[0]
    worn = samples.walk_samples(5, samples.Settings(**common, noise=0.5, dropout=(0.5, 0.5)), statistics)[0]
    assert torch.equal(clean.latents, worn.latents)
    assert worn.known.mean() < clean.known.mean()
    both = (worn.known * clean.known).bool().expand_as(worn.splat)
    assert (worn.splat - clean.splat)[both].std() > 0.02


def test_a_sample_now_and_then_has_no_memory(training, statistics):
    samples = training("samples")
    common = dict(image_size=(64, 96), frames=3, walk=5, windows=3)
    lost = samples.walk_samples(5, samples.Settings(**common, forgotten=1.0), statistics)
    kept = samples.walk_samples(5, samples.Settings(**common, forgotten=0.0), statistics)
    for one, other in zip(lost, kept, strict=True):
        assert torch.equal(one.latents, other.latents) and bool(other.known.any())
        assert not (one.splat.any() or one.known.any() or one.placement.any())


def test_the_stream_begins_at_any_walk_and_uses_walks_again(training, statistics):
    samples = training("samples")
    settings = samples.Settings(image_size=(64, 96), frames=3, walk=6, windows=2, walks=2)
    whole = list(islice(samples.sample_stream(settings, statistics, "cpu"), 8))
    later = list(islice(samples.sample_stream(settings, statistics, "cpu", first=1), 6))
    for one, other in zip(whole[2:], later, strict=True):
        assert torch.equal(one.splat, other.splat) and torch.equal(one.latents, other.latents)
    first, again = whole[0:2], whole[4:6]  # of one walk
    assert any(not torch.equal(one.splat, other.splat) for one, other in zip(first, again, strict=True))
    walk = samples.RecordedWalk.of(0, settings)
    frames = {tuple(frame.flatten().tolist()) for frame in statistics.normalised(walk.latents)}
    assert all(tuple(frame.flatten().tolist()) in frames for sample in again for frame in sample.latents)


def test_more_pieces_than_a_walk_has_are_refused(training):
    with pytest.raises(ValueError, match=r"windows must be 1 to 3, .*; got 4"):
        training("samples").Settings(frames=3, walk=5, windows=4)


@pytest.mark.parametrize("seed", [3, 1_000_003])
def test_rooms_without_a_way_are_passed_over_on_their_own_side(training, monkeypatch, seed):
    samples, tried = training("samples"), []

    def no_way(room, frames, image_size, seed):
        tried.append(seed)
        if len(tried) == 4:
            return "walk"
        raise samples.NoWayError

    monkeypatch.setattr(samples, "make_walk", no_way)
    assert samples.walk_in_a_room(seed, 5, (64, 96))[1] == "walk"
    assert len(set(tried)) == 4 and {one >= samples.HELD_OUT for one in tried} == {seed >= samples.HELD_OUT}


def test_the_drawn_room_of_sample_scene_is_what_the_code_draws(training, pack):
    picture, depth, K = training("sample_room").sample_room()
    image, geometry = pack.node("Mirage_SampleScene").execute("a drawn room").result
    torch.testing.assert_close(image[0], picture, atol=0.6 / 255, rtol=0)
    torch.testing.assert_close(geometry.depth[0], depth, atol=1.1e-4, rtol=0)
    torch.testing.assert_close(geometry.cameras.K[0], K)
    assert training("sample_room").SEED >= training("samples").HELD_OUT


def test_the_panorama_of_sample_panorama_is_what_the_code_draws(training, pack):
    picture, distance = training("sample_panorama").sample_panorama()
    image, lengths = pack.node("Mirage_SamplePanorama").execute().result
    torch.testing.assert_close(image[0], picture, atol=0.6 / 255, rtol=0)
    torch.testing.assert_close(lengths[0, ..., 1] * 10.0, distance, atol=6e-4, rtol=0)
    place = training("sample_panorama").PLACE
    camera = pack.core.Cameras.at_origin(90.0, (64, 96)).transformed(translation=torch.tensor(place))
    seen, depth = training("rooms").make_room(training("sample_room").SEED).seen(camera, (64, 96))
    panorama = pack.module("mirage_core.panorama").Panorama(picture, distance)
    pictures, geometry = panorama.seen(camera.relative_to(camera), (64, 96))
    assert ((geometry.depth - depth).abs() < 0.01 * depth).float().mean() > 0.98
    assert (pictures - seen).abs().mean() < 0.01
