"""Locked points are never replaced, pruned or written over."""

from dataclasses import replace

import pytest
import torch
from synthetic_room import SETTINGS, SIZE, SPEC, Denoiser, H, W, begin, exact_depth, hit, last, on_grid, ramp, turning

from mirage_core import Geometry, LatentMemory, MirageError, lift, splat
from mirage_core.memory import POLICIES
from mirage_core.report import memory_report
from mirage_core.shapes import Box, painted
from mirage_core.update import UpdateSettings
from mirage_core.walk import walk
from mirage_core.walk_files import load_chunks, save_chunk

FAR = 9.0
RIGHT = dict(low=(0.0, -FAR, -FAR), high=(FAR, FAR, FAR))


def tokens(seed):
    """What the middle of the room sees straight ahead, with random latents."""
    camera = turning([0.0])
    latents = torch.randn(1, SPEC.channels, *SIZE, generator=torch.Generator().manual_seed(seed))
    return lift(latents, Geometry(hit(camera, (H, W))[0], camera)), camera


def half_locked(policy="append"):
    """135 tokens of one view, of which those on the right are locked."""
    block, camera = tokens(seed=0)
    return painted(LatentMemory(SPEC).insert(block, policy, camera), [Box(does="lock", **RIGHT)])


def rows(memory):
    """All points as sortable rows: place and latent."""
    return {tuple(row) for block in memory.blocks for row in torch.cat([block.xyz, block.tokens()], dim=1).tolist()}


def only_locked(memory):
    return painted(memory, [Box(does="erase", low=(-FAR,) * 3, high=(FAR,) * 3)])


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_removes_a_locked_point_or_writes_over_it(policy):
    memory = half_locked()
    block, camera = tokens(seed=1)
    after = memory.insert(block, policy, camera)
    before, shown = (splat(one, camera, SIZE).latents for one in (memory, after))
    right = splat(only_locked(memory), camera, SIZE).known[0]
    assert 60 <= int(right.sum()) < 135 and memory.num_locked == after.num_locked
    assert rows(only_locked(memory)) <= rows(after)
    assert torch.equal(shown[:, :, right], before[:, :, right])
    left = int((~right).sum())
    assert after.num_points == {"fill": 135, "refresh": 135, "append": 135 + left}[policy]
    if policy == "refresh":  # what is not locked is replaced
        assert not torch.isclose(shown[:, :, ~right], before[:, :, ~right]).all(dim=1).any()


def test_what_agrees_with_a_hidden_locked_point_is_not_written_either():
    """A screen in front of a locked wall is taken away by a view that shows the wall, which is then as it was."""
    memory = painted(half_locked(), [Box(does="lock", low=(-FAR,) * 3, high=(FAR,) * 3)])
    block, camera = tokens(seed=1)
    screen, _ = tokens(seed=2)
    hidden = memory.insert(replace(screen, xyz=0.5 * screen.xyz, footprint=0.5 * screen.footprint), "fill", camera)
    assert hidden.num_points == 270 and hidden.num_locked == 135
    assert rows(hidden.insert(block, "refresh", camera)) == rows(memory)


def test_what_locked_points_show_between_them_or_hide_behind_each_other_is_known():
    """Few wide ones that cover a wall; and a wall behind a screen, both locked: neither wall is written again."""
    everywhere = [Box(does="lock", low=(-FAR,) * 3, high=(FAR,) * 3)]
    block, camera = tokens(seed=1)
    few = painted(LatentMemory(SPEC).insert(block, "append", camera).compact(0.6), everywhere)
    again = few.insert(block, "append", camera)
    assert few.num_points < 80 and splat(few, camera, SIZE).known.float().mean() > 0.8
    assert again.num_points - few.num_points <= int((~splat(few, camera, SIZE).known).sum())
    near = replace(block, xyz=0.5 * block.xyz, footprint=0.5 * block.footprint)
    both = painted(LatentMemory(SPEC).insert(near, "append", camera).insert(block, "append", camera), everywhere)
    assert both.num_points == 270 == both.insert(block, "append", camera).num_points


def test_append_needs_cameras_where_a_point_is_locked():
    block, _ = tokens(seed=1)
    with pytest.raises(MirageError, match="cameras: must be those the block was lifted from"):
        half_locked().insert(block, "append")
    assert painted(half_locked(), [Box(does="unlock", **RIGHT)]).insert(block, "append").num_points == 270


@pytest.mark.parametrize("store", ["float32", "int8"])
def test_compacting_and_pruning_keep_locked_points_as_they_are(store):
    memory = half_locked().stored_as(store)
    kept = rows(only_locked(memory))
    coarse = memory.compact(2.0)
    assert kept < rows(coarse) < rows(memory) and coarse.num_points < memory.num_points - 30
    budget = memory.nbytes * 3 // 4
    pruned = memory.prune(budget)
    assert kept < rows(pruned) < rows(memory) and 0.9 * budget < pruned.nbytes <= budget
    assert coarse.num_locked == pruned.num_locked == memory.num_locked == len(kept)
    widths = [one.blocks[0].footprint.sort().values for one in (coarse, pruned, only_locked(memory))]
    assert torch.equal(widths[0], widths[2]) and torch.equal(widths[1], widths[2])  # none stands for others


def test_a_budget_below_the_locked_points_is_refused_before_a_walk_begins():
    memory = half_locked()
    each = memory.nbytes // memory.num_points
    least = (memory.num_locked + 1) * each
    assert memory.prune(least).num_points == memory.num_locked + 1
    message = rf"budget .*: must hold the {memory.num_locked} locked points and one more, {least} bytes .* Unlock some"
    with pytest.raises(MirageError, match=message):
        memory.prune(least - 1)
    cameras, denoiser = ramp(0, 90), Denoiser()
    state = replace(begin(cameras), memory=memory)
    with pytest.raises(MirageError, match=message):
        next(walk(state, on_grid(cameras), replace(SETTINGS, max_bytes=least - 1), denoiser, exact_depth))
    assert denoiser.requests == []


def test_two_branches_of_a_locked_memory_hold_its_locked_points_once():
    memory = half_locked()
    both = memory.merge(memory.transform(translation=torch.zeros(3)))
    assert both.num_locked == 2 * memory.num_locked
    assert both.compact(0.01).num_locked == memory.num_locked
    moved = memory.merge(memory.transform(translation=torch.tensor([0.0, 0.0, 1.0])))
    assert moved.compact(0.01).num_locked == moved.num_locked == 2 * memory.num_locked


def test_a_walk_keeps_what_is_locked_and_is_taken_up_again_bit_for_bit(tmp_path):
    cameras, path = ramp(0, 90, 0), on_grid(ramp(0, 90, 0))
    start = begin(cameras)
    start = replace(start, memory=painted(start.memory, [Box(does="lock", **RIGHT)]))
    settings = replace(SETTINGS, max_bytes=9000, update=UpdateSettings("refresh"))

    def walked(state, folder):
        def keep(before, after):
            return save_chunk(folder, before, after, {}, {})

        return last(walk(state, path, settings, Denoiser(invents=True), exact_depth, keep=keep))

    whole = walked(start, tmp_path / "whole")
    assert whole.finished == 2 and rows(only_locked(start.memory)) <= rows(whole.memory)
    assert f"locked: {start.memory.num_locked} points" in memory_report(whole.memory)
    half = load_chunks(tmp_path / "whole", start, {}, most=1)
    again = walked(half, tmp_path / "again")
    for mine, other in zip(again.memory.blocks, whole.memory.blocks, strict=True):
        assert list(mine.columns) == list(other.columns)
        assert all(torch.equal(column, other.columns[name]) for name, column in mine.columns.items())
    assert torch.equal(again.latents, whole.latents)
