"""The memory as an immutable value."""

import pytest
import torch

from mirage_core import (
    Cameras,
    Geometry,
    Keyframe,
    Keyframes,
    LatentMemory,
    LatentSpec,
    MirageError,
    PointBlock,
    lift,
    splat,
)

SPEC = LatentSpec(channels=3, spatial=4, temporal=4, name="test")
SIZE = (3, 5)  # tokens
K = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 5 / 3, 0.5], [0.0, 0.0, 1.0]]])


def at(*positions):
    """Cameras looking along z from some positions."""
    cam2world = torch.eye(4).repeat(len(positions), 1, 1)
    cam2world[:, :3, 3] = torch.tensor(positions)
    return Cameras(cam2world, K)


def wall(cameras, distance=4.0, seed=0):
    """What cameras see of a wall, z = distance in the world, with random latents."""
    depth = (distance - cameras.centers[:, 2])[:, None, None].expand(-1, 12, 20)
    latents = torch.randn(len(cameras), 3, *SIZE, generator=torch.Generator().manual_seed(seed))
    return lift(latents, Geometry(depth, cameras))


def remember(block, cameras, policy="fill", memory=None):
    return (memory or LatentMemory(SPEC)).insert(block, policy=policy, cameras=cameras)


def test_an_insertion_returns_a_new_memory_that_shares_the_old_blocks():
    here, aside = at((0.0, 0.0, 0.0)), at((3.0, 0.0, 0.0))
    old = remember(wall(here), here)
    blocks, points = old.blocks, old.num_points
    new = remember(wall(aside), aside, memory=old)
    assert new is not old and old.blocks is blocks and old.num_points == points < new.num_points
    assert new.blocks[0] is old.blocks[0]
    assert len(new.keyframes) == 2 and len(old.keyframes) == 1


def test_fill_adds_nothing_that_the_memory_explains():
    here = at((0.0, 0.0, 0.0))
    memory = remember(wall(here), here)
    assert memory.num_points == 15
    assert remember(wall(here, seed=1), here, memory=memory).num_points == 15
    still = at(*[(0.0, 0.0, 0.0)] * 4)
    assert remember(wall(still), still).num_points == 15


def test_fill_adds_what_is_clearly_nearer_and_what_is_clearly_farther():
    here = at((0.0, 0.0, 0.0))
    memory = remember(wall(here), here)
    assert remember(wall(here, distance=2.0), here, memory=memory).num_points == 30
    assert remember(wall(here, distance=8.0), here, memory=memory).num_points == 30
    assert remember(wall(here, distance=4.1), here, memory=memory).num_points == 15  # within a sensor's noise


def test_append_adds_everything():
    here = at((0.0, 0.0, 0.0))
    memory = remember(wall(here), here)
    assert remember(wall(here), here, "append", memory).num_points == 30


def test_refresh_replaces_the_same_place_and_what_stood_in_front_and_keeps_what_is_hidden():
    here = at((0.0, 0.0, 0.0))
    old = remember(wall(here), here)
    for distance, points in ((4.0, 15), (8.0, 15), (2.0, 30)):
        new = wall(here, distance, seed=1)
        memory = remember(new, here, "refresh", old)
        assert memory.num_points == points
        assert torch.equal(splat(memory, here, SIZE).latents, splat(remember(new, here), here, SIZE).latents)


def test_frames_that_were_recorded_name_the_keyframes():
    here = at((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    depth = torch.full((2, 12, 20), 4.0)
    block = lift(torch.zeros(2, 3, *SIZE), Geometry(depth, here), frames=torch.tensor([7, 11]))
    memory = remember(block, here)
    assert [keyframe.frame for keyframe in memory.keyframes] == [7, 11]
    assert set(memory.as_one_block().frame.tolist()) == {7, 11}
    torch.testing.assert_close(memory.keyframes[1].camera.cam2world, here[1].cam2world)


def test_bytes_and_bounds_are_those_of_the_points():
    memory = LatentMemory(SPEC).insert(PointBlock(torch.tensor([[1.0, 2, 3], [-1, 5, 0]]), torch.zeros(2, 3)), "append")
    assert memory.nbytes == 2 * (3 * 4 + 3 * 4 + 4 + 4 + 4)
    assert memory.bounds.tolist() == [[-1, 2, 0], [1, 5, 3]]
    assert "2 points" in repr(memory) and len(repr(memory)) < 100


def test_a_moved_world_looks_the_same_to_cameras_that_move_with_it():
    here = at((0.0, 0.0, 0.0), (0.5, 0.25, 1.0))
    memory = remember(wall(here), here, "append")
    turn = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # exact in float32
    move = dict(scale=2.0, rotation=turn, translation=torch.tensor([4.0, -8.0, 1.0]))
    moved, cameras = memory.transform(**move), here.transformed(**move)
    before, after = splat(memory, here, SIZE), splat(moved, cameras, SIZE)
    assert torch.equal(before.point, after.point) and torch.equal(before.scale, after.scale)
    torch.testing.assert_close(after.depth, 2 * before.depth)
    torch.testing.assert_close(moved.keyframes[1].camera.cam2world, cameras[1].cam2world)


def test_keyframes_are_a_sequence_that_any_keyframes_make():
    cameras = at((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (2.0, 0.0, 0.0))
    memory = LatentMemory(SPEC, keyframes=[Keyframe(cameras[[view]], 4 * view) for view in range(3)])
    assert [view.frame for view in memory.keyframes] == [0, 4, 8] and len(memory.keyframes[-1].camera) == 1
    torch.testing.assert_close(memory.keyframes[-1].camera.centers, cameras.centers[2:])
    assert [view.frame for view in memory.keyframes.chosen([2, 0])] == [8, 0] and not memory.keyframes.chosen([])
    with pytest.raises(IndexError):
        memory.keyframes[3]
    with pytest.raises(MirageError, match="one number per camera, 3; got 2"):
        Keyframes(cameras, (0, 1))


def test_a_merged_memory_holds_both_and_keeps_the_name_it_knows():
    here, aside = at((0.0, 0.0, 0.0)), at((3.0, 0.0, 0.0))
    unnamed = LatentMemory(LatentSpec(3, 4, 4)).insert(wall(aside), "append", aside)
    merged = unnamed.merge(remember(wall(here), here))
    assert merged.num_points == 30 and len(merged.keyframes) == 2
    assert merged.spec == SPEC


def test_compacting_keeps_the_finest_point_of_each_voxel_and_lets_it_cover_the_others():
    xyz = torch.tensor([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [5.1, 0.1, 0.1]])
    block = PointBlock(xyz, torch.arange(9.0).view(3, 3), footprint=torch.tensor([0.4, 0.3, 0.2]))
    memory = LatentMemory(SPEC).insert(block, "append").compact(voxel=1.0)
    assert memory.num_points == 2
    kept = memory.as_one_block()
    assert kept.features.tolist() == [[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]
    torch.testing.assert_close(kept.footprint, torch.tensor([0.5, 0.2]))  # sqrt(0.4^2 + 0.3^2)


def test_compacting_cuts_blocks_along_a_curve_through_space():
    g = torch.Generator().manual_seed(0)
    block = PointBlock(torch.rand(20_000, 3, generator=g) * 8, torch.zeros(20_000, 3))
    memory = LatentMemory(SPEC).insert(block, "append").compact(voxel=0.01)
    volumes = [(b.bounds[1] - b.bounds[0]).prod() for b in memory.blocks]
    assert len(volumes) == 5 and sum(volumes) < 0.5 * 5 * 8**3  # blocks that were cut at random would each fill it


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
def test_pruning_stays_below_the_budget_and_spreads_what_it_keeps(share):
    g = torch.Generator().manual_seed(0)
    xyz = torch.rand(3_000, 3, generator=g) * torch.tensor([8.0, 4.0, 0.0])
    memory = LatentMemory(SPEC).insert(PointBlock(xyz, torch.zeros(3_000, 3), torch.full((3_000,), 0.1)), "append")
    budget = int(share * memory.nbytes)
    pruned = memory.prune(max_bytes=budget)
    assert 0.5 * budget < pruned.nbytes <= budget
    torch.testing.assert_close(pruned.bounds, memory.bounds, atol=0.5, rtol=0)
    assert memory.prune(max_bytes=memory.nbytes) is memory


def test_an_empty_memory_can_be_compacted_pruned_and_merged():
    empty = LatentMemory(SPEC)
    assert (empty.num_points, empty.nbytes) == (0, 0)
    assert empty.compact(1.0) is empty and empty.prune(max_bytes=1) is empty
    assert empty.merge(empty).num_points == 0


@pytest.mark.parametrize("store", ["float16", "bfloat16", "int8"])
def test_features_are_kept_as_asked_and_read_back_close(store):
    cameras = at((0.0, 0.0, 0.0), (0.5, 0.0, 0.0))
    exact = LatentMemory(SPEC).insert(wall(cameras), "append", cameras)
    kept = LatentMemory(SPEC, store=store).insert(wall(cameras), "append", cameras)
    assert kept.blocks[0].store == store and exact.blocks[0].store == "float32"
    assert exact.stored_as(store).nbytes == kept.nbytes < exact.nbytes
    read, wanted = (splat(memory, cameras, SIZE).latents.float() for memory in (kept, exact))
    largest = wanted.abs().amax(dim=1, keepdim=True)
    allowed = {"float16": 2**-10, "bfloat16": 2**-7, "int8": 0.501 / 127}[store]
    assert bool(((read - wanted).abs() <= allowed * largest).all()) and not torch.equal(read, wanted)


def test_a_token_of_zeros_stays_zero_as_int8():
    block = PointBlock(torch.ones(2, 3), torch.tensor([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5]])).stored_as("int8")
    torch.testing.assert_close(block.tokens()[0], torch.zeros(3))
    torch.testing.assert_close(block.tokens()[1, 1], torch.tensor(-2.0))


def test_all_that_is_inserted_or_merged_is_kept_as_the_memory_keeps_it():
    cameras = at((0.0, 0.0, 0.0))
    whole = LatentMemory(SPEC).insert(wall(cameras), "append", cameras)
    small = whole.stored_as("int8")
    more = small.insert(wall(cameras, seed=1), "append", cameras).merge(whole)
    assert [block.store for block in more.blocks] == ["int8"] * 3 and more.compact(0.01).blocks[0].store == "int8"
    assert [block.store for block in whole.merge(small).blocks] == ["float32"] * 2


def test_tokens_are_exact_where_the_camera_is_back():
    here = at((0.0, 0.0, 0.0))
    memory = remember(wall(here), here)
    token = 4.0 / SIZE[1]  # width at the wall
    back = splat(memory, at((0.0, 0.0, 0.0), (token / 32, 0.0, 0.0), (token / 8, 0.0, 0.0), (0.0, 0.0, 0.5)), SIZE)
    assert back.exact[0].all()
    assert torch.equal(back.exact[1], back.known[1]) and back.known[1].any()  # within 1/16 of a token
    assert not back.exact[2:].any() and back.known[2:].any(dim=(1, 2)).all()  # moved too far; seen too large
    aside = splat(memory, at((100.0, 0.0, 0.0)), SIZE)
    assert not aside.exact.any()


def test_int8_features_need_their_scale():
    with pytest.raises(MirageError, match="features: must be floating point, or int8 with a feature_scale"):
        PointBlock(torch.ones(2, 3), torch.ones(2, 3, dtype=torch.int8))
    with pytest.raises(MirageError, match="store: must be one of float32, float16, bfloat16, int8; got 'int4'"):
        LatentMemory(SPEC, store="int4")


def test_a_large_insert_is_cut_along_a_curve_through_space_and_loses_nothing():
    g = torch.Generator().manual_seed(0)
    block = PointBlock(torch.rand(20_000, 3, generator=g) * 8, torch.rand(20_000, 3, generator=g))
    memory = LatentMemory(SPEC).insert(block, "append")
    volumes = [(b.bounds[1] - b.bounds[0]).prod() for b in memory.blocks]
    assert len(volumes) == 5 and sum(volumes) < 0.5 * 5 * 8**3
    rows = torch.cat([memory.as_one_block().xyz, memory.as_one_block().features], dim=1)
    expected = torch.cat([block.xyz, block.features], dim=1)
    assert torch.equal(rows.unique(dim=0), expected.unique(dim=0))


def test_many_small_inserts_are_joined_in_the_order_in_which_they_came():
    memory = LatentMemory(SPEC)
    for number in range(100):
        memory = memory.insert(PointBlock(torch.full((100, 3), float(number)), torch.zeros(100, 3)), "append")
    assert memory.num_points == 10_000 and len(memory.blocks) < 24
    assert torch.equal(memory.as_one_block().xyz[:, 0], torch.arange(100.0).repeat_interleave(100))


def test_parts_of_values_that_were_checked_are_not_checked_again(monkeypatch):
    """A part, a move to another device and blocks side by side cost what their tensors do."""
    cameras = at((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (2.0, 0.0, 0.0))
    block, geometry = wall(cameras), Geometry(torch.full((3, 12, 20), 4.0), cameras)

    def checked(self):
        raise AssertionError(f"a {type(self).__name__} is checked again")

    for kind in (Cameras, PointBlock, Geometry):
        monkeypatch.setattr(kind, "__post_init__", checked)
    part = cameras[[2, 0]].to("meta")
    assert part.device.type == "meta" and torch.equal(part.on_cpu.cam2world, cameras.cam2world[[2, 0]])
    assert torch.equal(part[1].on_cpu.centers, cameras.centers[:1])
    there = Cameras.concatenated([part, cameras])
    assert len(there) == 5 and there.on_cpu.centers[:, 0].tolist() == [2.0, 0.0, 0.0, 1.0, 2.0]
    right = block.xyz[:, 0] > 0
    assert len(PointBlock.concatenated([block[right], block[:4]]).to("meta")) == 4 + int(right.sum())
    assert geometry[1:].depth.shape == (2, 12, 20)


def test_parts_that_are_no_cameras_points_or_geometry_are_refused():
    cameras = at((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    with pytest.raises(MirageError, match=r"cam2world: must hold at least one camera; got float32 \(0, 4, 4\)"):
        cameras[2:]
    with pytest.raises(MirageError, match=r"cam2world: must be \(T, 4, 4\); got float32 \(4, 4\)"):
        cameras[torch.tensor(1)]
    with pytest.raises(MirageError, match=r"xyz: must be \(N, 3\); got float32 \(3,\)"):
        wall(cameras)[3]
    half = Geometry(torch.cat([torch.ones(1, 12, 20), torch.zeros(1, 12, 20)]), cameras)
    with pytest.raises(MirageError, match="without a valid pixel"):
        half[1]
