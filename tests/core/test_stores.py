"""Blocks that keep their features in different ways, side by side in one memory."""

from itertools import permutations

import pytest
import torch

from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, load_memory, save_memory, splat
from mirage_core.compaction import BLOCK_POINTS

SPEC = LatentSpec(channels=5, spatial=4)
SIZE = (4, 6)
CAMERAS = Cameras(torch.eye(4).repeat(2, 1, 1), torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.5, 0.5], [0.0, 0.0, 1.0]]))
MIXES = [*permutations(["float32", "float16", "int8"]), ("bfloat16", "float16"), ("int8", "bfloat16", "int8")]
mixed = pytest.mark.parametrize("stores", MIXES, ids="-".join)


def block(number, store, points=30):
    """Points in front of the cameras, 2 to 3 units away."""
    g = torch.Generator().manual_seed(number)
    xyz = torch.rand(points, 3, generator=g) + torch.tensor([-0.5, -0.5, 2.0])
    features = 10 * torch.randn(points, 5, generator=g)
    frame = torch.full((points,), number)
    return PointBlock(xyz, features, torch.full((points,), 0.05), frame=frame).stored_as(store)


def memory(stores):
    return LatentMemory(SPEC, tuple(block(number, store) for number, store in enumerate(stores)))


def tokens(blocks):
    return torch.cat([one.tokens().float() for one in blocks])


@mixed
def test_a_view_shows_each_token_as_its_own_block_keeps_it(stores):
    both = memory(stores)
    readout = splat(both, CAMERAS, SIZE)
    shown = readout.latents.permute(0, 2, 3, 1)[readout.known].float()  # (M, C)
    assert torch.equal(shown, tokens(both.blocks)[readout.point[readout.known]])
    assert len(readout.point[readout.known].div(30, rounding_mode="floor").unique()) == len(stores)


@mixed
def test_all_points_together_carry_the_tokens_of_their_blocks(stores):
    both = memory(stores)
    assert torch.equal(both.as_one_block().tokens().float(), tokens(both.blocks))


@mixed
def test_a_saved_memory_comes_back_block_by_block(stores, tmp_path):
    both = memory(stores)
    save_memory(both, tmp_path / "mixed.safetensors")
    loaded = load_memory(tmp_path / "mixed.safetensors")
    assert [one.store for one in loaded.blocks] == list(stores)
    assert torch.equal(tokens(loaded.blocks), tokens(both.blocks))


@mixed
def test_pruning_keeps_tokens_as_the_memory_keeps_them_and_within_the_budget(stores):
    both = memory(stores)
    budget = both.nbytes // 3
    pruned = both.prune(budget)
    assert 0.5 * budget < pruned.nbytes <= budget and {one.store for one in pruned.blocks} == {stores[0]}
    everything = both.stored_as(stores[0])
    places = (pruned.as_one_block().xyz[:, None] == everything.as_one_block().xyz[None]).all(dim=-1)  # (kept, N)
    assert places.sum(dim=1).tolist() == [1] * pruned.num_points
    kept = tokens(everything.blocks)[places.int().argmax(dim=1)]
    torch.testing.assert_close(tokens(pruned.blocks), kept, rtol=1e-6, atol=0)


def test_few_points_of_one_kind_are_not_joined_with_those_of_another():
    grown = LatentMemory(SPEC, (block(0, "int8"),), store="float16")
    for number in range(1, 20):
        grown = grown.insert(block(number, "float32"), "append")
    assert [one.store for one in grown.blocks] == ["int8", *["float16"] * (len(grown.blocks) - 1)]
    assert 2 < len(grown.blocks) < 19 and max(len(one) for one in grown.blocks) <= BLOCK_POINTS
    assert torch.equal(grown.blocks[0].tokens(), block(0, "int8").tokens())
