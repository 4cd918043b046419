"""Overlap of what views see, and the plan of a walk."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirage_core import Cameras, LatentMemory, LatentSpec, MirageError, PointBlock, splat
from mirage_core.chunks import plan_chunks
from mirage_core.retrieval import joined, overlaps, pick_references, seen_voxels, voxels_in_view
from mirage_core.timing import Timing

K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
voxel_sets = st.sets(st.integers(0, 40), max_size=20)


def as_set(numbers):
    return torch.tensor(sorted(numbers), dtype=torch.int64)


def looking(*positions, turned=False):
    """Cameras at some points, all looking along z, or back."""
    cam2world = torch.eye(4).repeat(len(positions), 1, 1)
    cam2world[:, :3, 3] = torch.tensor(positions)
    if turned:
        cam2world[:, :3, :3] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    return Cameras(cam2world, K)


def remembered(*walls):
    """Walls of 20 x 20 points across z: (z, left, right)."""
    blocks = []
    for z, left, right in walls:
        x, y = torch.meshgrid(torch.linspace(left, right, 20), torch.linspace(-0.95, 0.95, 20), indexing="xy")
        xyz = torch.stack([x, y, torch.full_like(x, z)], dim=-1).reshape(-1, 3)
        blocks.append(PointBlock(xyz, torch.zeros(len(xyz), 1), footprint=torch.full((len(xyz),), 0.12)))
    return LatentMemory(LatentSpec(1, 16, 4), tuple(blocks))


@given(target=voxel_sets, others=st.lists(voxel_sets, max_size=6))
def test_overlap_is_the_iou_of_sets(target, others):
    expected = [len(target & one) / len(target | one) if target | one else 0.0 for one in others]
    assert overlaps(as_set(target), [as_set(one) for one in others]).tolist() == pytest.approx(expected)


def test_a_view_overlaps_wholly_with_itself_and_not_with_the_other_direction():
    memory = remembered((2.0, -1.0, 1.0), (-2.0, -1.0, 1.0))
    ahead = voxels_in_view(memory, looking((0.0, 0.0, 0.0)))
    behind = voxels_in_view(memory, looking((0.0, 0.0, 0.0), turned=True))
    assert len(ahead[0]) and len(behind[0])
    assert overlaps(ahead[0], [*ahead, *behind]).tolist() == [1.0, 0.0]


def test_a_hidden_wall_counts_only_in_the_field_of_view():
    memory = remembered((1.0, -0.5, 0.5), (3.0, -1.5, 1.5))
    camera = looking((0.0, 0.0, 0.0))
    (everything,) = voxels_in_view(memory, camera)
    (shown,) = seen_voxels(memory, splat(memory, camera, (12, 12)))
    (front,) = voxels_in_view(LatentMemory(memory.spec, memory.blocks[:1]), camera)
    assert set(shown.tolist()) <= set(front.tolist()) < set(everything.tolist())


def test_voxels_have_the_same_number_in_every_memory():
    camera = looking((0.0, 0.0, 0.0))
    (alone,) = voxels_in_view(remembered((2.0, -1.0, 1.0)), camera)
    (among,) = voxels_in_view(remembered((-5.0, -3.0, 3.0), (2.0, -1.0, 1.0)), camera)
    assert torch.equal(alone, among)


def test_references_come_best_first_earlier_first_and_only_above_the_threshold():
    sets = [as_set(one) for one in ({1, 2}, {1, 2, 3, 4}, {9}, {3, 4, 1, 2}, {4})]
    target = as_set({1, 2, 3, 4})
    assert [pick.position for pick in pick_references(target, sets, most=3)] == [1, 3, 0]
    assert [pick.position for pick in pick_references(target, sets, most=9, least_overlap=0.3)] == [1, 3, 0]
    assert pick_references(target, sets, most=0) == ()
    assert pick_references(target, []) == ()


def test_the_union_of_views_is_sorted_and_holds_each_voxel_once():
    assert joined([as_set({3, 1}), as_set({2, 3})]).tolist() == [1, 2, 3]


def test_points_too_far_for_a_voxel_number_are_refused():
    memory = remembered((2e6, -1.0, 1.0))
    with pytest.raises(MirageError, match=r"voxel: must be at least 1\.9"):
        voxels_in_view(memory, looking((0.0, 0.0, 0.0)))


@given(count=st.integers(0, 60), chunk=st.integers(1, 12), stride=st.sampled_from([1, 4, 6, 8]))
def test_chunks_cover_the_path_once_and_hand_one_frame_over(count, chunk, stride):
    frames = 1 + stride * count
    chunks = plan_chunks(frames, Timing(stride), 1 + stride * chunk)
    assert [frame for one in chunks for frame in range(one.start, one.stop)] == list(range(frames))
    assert all(before.stop - 1 == after.begin for before, after in pairwise(chunks))
    assert chunks[-1].stop == frames and all(one.stop - one.begin <= 1 + stride * chunk for one in chunks)
    assert all((one.frames - 1) % stride == 0 for one in chunks)


@pytest.mark.parametrize("frames", [0, 2, 34, 35, 33.0])
def test_a_path_with_part_of_a_latent_frame_is_refused(frames):
    with pytest.raises(MirageError, match=rf"frames: must be 1 \+ 4 n video frames, .*; got {frames}"):
        plan_chunks(frames, Timing(4))


@pytest.mark.parametrize("stride, frames", [(4, 97), (8, 97), (8, 81)])
def test_chunks_of_33_frames_fit_wan_and_ltx(stride, frames):
    chunks = plan_chunks(frames, Timing(stride))
    assert {one.frames for one in chunks[:-1]} == {33} and chunks[-1].stop == frames


def test_chunks_that_do_not_fit_mochi_name_those_that_do():
    with pytest.raises(MirageError, match=r"chunk_frames: must be 1 \+ 6 n.*\(31, 37, \.\.\.\); got 33"):
        plan_chunks(61, Timing(6))
    assert [one.frames for one in plan_chunks(73, Timing(6), chunk_frames=31)] == [31, 31, 13]


def test_a_chunk_that_would_add_nothing_is_refused():
    with pytest.raises(MirageError, match=r"chunk_frames: must be 1 \+ 4 n.*at least 5 .*; got 1"):
        plan_chunks(33, Timing(4), chunk_frames=1)
