"""What a memory became is told by what changed, and is the same bit for bit."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, MirageError, lift
from mirage_core.memory_changes import changed, packed_changes
from mirage_core.points import STORES
from mirage_core.shapes import Box, painted

SPEC = LatentSpec(6, 8, 4, "test")
SIZE = (20, 30)
K = torch.tensor([[0.8, 0.0, 0.5], [0.0, 1.2, 0.5], [0.0, 0.0, 1.0]])


def view(number):
    """Tokens of a wall, seen from a little farther to the right each time, some of them nearer than before."""
    draw = torch.Generator().manual_seed(number)
    pose = torch.eye(4)[None].repeat(1, 1, 1)
    pose[:, 0, 3] = 0.5 * number
    cameras = Cameras(pose, K)
    depth = 2.0 + 0.3 * torch.rand(1, *SIZE, generator=draw)
    depth[:, :5] -= 0.2 * (number % 6)
    latents = torch.randn(1, SPEC.channels, *SIZE, generator=draw)
    return lift(latents, Geometry(depth, cameras), frames=torch.tensor([number])), cameras


def grown(views, policy="fill", store=""):
    memory = LatentMemory(SPEC, store=store)
    for number in range(views):
        block, cameras = view(number)
        memory = memory.insert(block, policy, cameras=cameras)
    return memory


def same(one, other):
    assert one.spec == other.spec and one.store == other.store
    assert [len(block) for block in one.blocks] == [len(block) for block in other.blocks]
    for mine, its in zip(one.blocks, other.blocks, strict=True):
        assert list(mine.columns) == list(its.columns)
        assert all(torch.equal(column, its.columns[name]) for name, column in mine.columns.items())
    assert one.keyframes.frames == other.keyframes.frames
    if one.keyframes:
        assert torch.equal(one.keyframes.cameras.cam2world, other.keyframes.cameras.cam2world)


def told(before, after):
    """What is told, and its bytes; it makes the same memory."""
    tensors, header = packed_changes(before, after)
    same(changed("test", before, header, tensors), after)
    return tensors, sum(tensor.nbytes for tensor in tensors.values())


@pytest.mark.parametrize("store", ["", *STORES])
@pytest.mark.parametrize("policy", ["fill", "append", "refresh"])
def test_one_more_view(policy, store):
    before = grown(3, policy, store)
    block, cameras = view(3)
    after = before.insert(block, policy, cameras=cameras)
    tensors, size = told(before, after)
    new = {name: len(tensor) for name, tensor in tensors.items() if name.endswith(".xyz")}
    assert sum(new.values()) <= len(block)  # none that was there before
    points = after.nbytes / after.num_points
    assert size < 1.3 * len(block) * points + 2000


def test_many_small_blocks_that_are_joined():
    memories = [grown(1)]
    for number in range(1, 40):
        block, _ = view(number)
        memories.append(memories[-1].insert(block[:30], "append"))
    sizes = [told(a, b)[1] for a, b in pairwise(memories)]
    assert min(len(b.blocks) - len(a.blocks) for a, b in pairwise(memories)) < 0  # joined
    assert max(sizes) < 1.5 * min(sizes)  # joining tells no point again


def test_pruning_tells_where_points_went_and_how_wide_they_became():
    before = grown(4)
    after = before.prune(before.nbytes // 2)
    tensors, size = told(before, after)
    assert all(len(tensor) == 0 for name, tensor in tensors.items() if name.endswith(".xyz"))
    assert any(name.endswith("moved.footprint") for name in tensors)
    assert size < after.nbytes


def test_from_nothing_to_nothing_and_with_nothing_changed():
    empty, memory = LatentMemory(SPEC), grown(2)
    told(empty, memory)
    told(empty, empty)
    told(memory, replace(empty, keyframes=memory.keyframes))
    assert told(memory, memory) == ({}, 0)


def test_other_features_and_signs_of_zero_are_new_points():
    before = grown(2)
    told(before, before.stored_as("int8"))
    first = before.blocks[0]
    features = first.features.clone()
    features[0], features[1] = 0.0, -0.0
    zero = replace(before, blocks=(replace(first, features=features), *before.blocks[1:]))
    signs = replace(zero, blocks=(replace(first, features=features.abs() * torch.tensor(1.0)), *before.blocks[1:]))
    tensors, header = packed_changes(signs, zero)
    made = changed("test", signs, header, tensors).blocks[0].features
    assert torch.equal(made.view(torch.int32), features.view(torch.int32))


def test_points_that_are_there_twice():
    memory = grown(2)
    told(memory, memory.merge(memory))
    twice = memory.merge(memory)
    told(twice, replace(twice, blocks=twice.blocks[1:]))


def test_the_wrong_memory_before_is_refused():
    before = grown(2)
    block, cameras = view(2)
    tensors, header = packed_changes(before, before.insert(block, cameras=cameras))
    with pytest.raises(MirageError, match=r"chunk\.safetensors: must be what changed in the memory before it"):
        changed("chunk.safetensors", LatentMemory(SPEC), header, tensors)


def test_locks_are_told_with_the_points_that_have_them():
    before = grown(2)
    right = painted(before, [Box(does="lock", low=(0.0, -9.0, -9.0), high=(9.0, 9.0, 9.0))])
    assert 0 < right.num_locked < right.num_points
    block, cameras = view(2)
    for one, other in ((before, right), (right, before), (LatentMemory(SPEC), right)):
        told(one, other)
        told(one, other.insert(block, cameras=cameras))
    wall = replace(right, blocks=tuple(block for each in right.blocks for block in (each[:90], each[90:])))
    assert told(right, wall)[1] < 1000  # locked points that went to other blocks are told by their place
