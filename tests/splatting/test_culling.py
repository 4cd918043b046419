"""Blocks that no view can see are not read, and nobody can tell from the result."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, splat
from mirage_core.splatting import Views, portable, visible_blocks

SPEC = LatentSpec(2, 16)
each_scene = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def scene(seed, far, spread):
    """40 blocks of 1 to 30 points around places up to ``far`` away, and three cameras among them."""
    g = torch.Generator().manual_seed(seed)

    def block(place):
        n = int(torch.randint(1, 31, (1,), generator=g))
        xyz = place + spread * torch.randn(n, 3, generator=g)
        return PointBlock(xyz, torch.randn(n, 2, generator=g), torch.rand(n, generator=g) * spread)

    blocks = tuple(block(place) for place in far * torch.randn(40, 3, generator=g))
    turn = torch.linalg.qr(torch.randn(3, 3, 3, generator=g, dtype=torch.float64))[0]
    turn *= torch.linalg.det(turn)[:, None, None]
    cam2world = torch.eye(4).repeat(3, 1, 1)
    cam2world[:, :3, :3] = turn.float()
    cam2world[:, :3, 3] = far / 4 * torch.randn(3, 3, generator=g)
    K = torch.tensor([[0.9, 0.0, 0.45], [0.0, 1.3, 0.6], [0.0, 0.0, 1.0]])
    return LatentMemory(SPEC, blocks), Cameras(cam2world, K)


@each_scene
@given(st.integers(0, 2**16), st.sampled_from([0.5, 8.0, 500.0]), st.sampled_from([0.01, 0.5, 4.0]), st.booleans())
def test_a_readout_is_the_same_as_without_culling(seed, far, spread, corner):
    memory, cameras = scene(seed, far, spread)
    anchor = "corner" if corner else "center"
    points = memory.as_one_block()
    for footprint in (points.footprint, None):
        every = portable.winning_points(points.xyz, footprint, Views.of(cameras, (5, 8), anchor))
        ours = splat(memory, cameras, (5, 8), footprint is not None, anchor)
        assert torch.equal(ours.point, every)
        expected = torch.where(ours.known[:, None], points.features[every.clamp(min=0)].permute(0, 3, 1, 2), 0.0)
        assert torch.equal(ours.latents, expected)


def test_far_blocks_are_skipped_and_near_ones_are_not():
    memory, cameras = scene(seed=1, far=8.0, spread=0.01)
    views = Views.of(cameras, (5, 8), "center")
    seen = visible_blocks(memory.blocks, views)
    winners = portable.winning_points(memory.as_one_block().xyz, memory.as_one_block().footprint, views)
    ends = torch.tensor([len(block) for block in memory.blocks]).cumsum(0)
    owners = set(torch.searchsorted(ends, winners[winners >= 0], right=True).tolist())
    assert 0 < len(owners) and owners <= set(seen) and len(seen) < 0.7 * len(memory.blocks)


def test_views_that_look_past_everything_know_nothing():
    away = torch.eye(4)
    away[:3, :3] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    block = PointBlock(torch.tensor([[0.0, 0.0, 4.0]]), torch.ones(1, 2, dtype=torch.float16), torch.ones(1))
    readout = splat(LatentMemory(SPEC, (block,)), Cameras(away[None].repeat(2, 1, 1), torch.eye(3)), (3, 5))
    assert readout.latents.shape == (2, 2, 3, 5) and readout.latents.dtype == torch.float16
    assert readout.offset.shape == (2, 2, 3, 5) and bool((readout.point == -1).all())
    for name in ("latents", "known", "depth", "offset", "scale"):
        assert not bool(getattr(readout, name).any())


def test_points_and_tokens_of_blocks_out_of_view_are_never_read():
    """A block that answers to nothing but its box: reading its columns would fail."""
    memory, cameras = scene(seed=1, far=8.0, spread=0.01)
    seen = visible_blocks(memory.blocks, Views.of(cameras, (5, 8), "center"))
    expected = splat(memory, cameras, (5, 8))
    for number, block in enumerate(memory.blocks):
        _ = block.box
        if number not in seen:
            n = len(block)
            object.__setattr__(block, "xyz", torch.empty(n, 3, device="meta"))
            object.__setattr__(block, "features", torch.empty(n, 2, device="meta"))
            object.__setattr__(block, "footprint", torch.empty(n, device="meta"))
    assert torch.equal(splat(memory, cameras, (5, 8), device="cpu").latents, expected.latents)


@pytest.mark.parametrize("anchor", ["center", "corner"])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_disk_that_reaches_into_the_view_from_as_far_as_disks_do_is_read(side, anchor):
    """Its point lies four cells from the token at the border, less a hundredth: no block farther out is ever seen."""
    h, w = 5, 8
    away = 4.0 - 0.01
    at = 0.5 if anchor == "center" else 0.0  # where a token stands in its cell
    u, v = {
        "left": (at - away, at + 2),
        "right": (at + w - 1 + away, at + 2),
        "top": (at + 3, at - away),
        "bottom": (at + 3, at + h - 1 + away),
    }[side]
    K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    point = torch.tensor([[(u / w - 0.5) * 2.0, (v / h - 0.5) * 2.0, 2.0]])
    block = PointBlock(point, torch.ones(1, 2), footprint=torch.tensor([100.0]))
    readout = splat(LatentMemory(SPEC, (block,)), Cameras(torch.eye(4)[None], K), (h, w), token_anchor=anchor)
    at_border = {"left": (slice(None), 0), "right": (slice(None), -1), "top": (0,), "bottom": (-1,)}[side]
    known = readout.known[0]
    assert bool(known[at_border].any()) and int(known.sum()) == int(known[at_border].sum())
