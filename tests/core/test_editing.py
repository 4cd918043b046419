"""Cutting memories, and joining two walks that began at one place."""

import pytest
import torch
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, last, on_grid, ramp

from mirage_core import LatentMemory, LatentSpec, MirageError, PointBlock
from mirage_core.editing import Selection, cropped
from mirage_core.walk import walk


@pytest.fixture
def memory():
    """8 points at the corners of a cube of 2 units, each of its own frame and confidence, in two blocks."""
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
    points = PointBlock(
        corners, torch.arange(8.0)[:, None], confidence=torch.arange(8) / 8, frame=torch.arange(8, dtype=torch.int32)
    )
    return LatentMemory(LatentSpec(1, 16, 4), (points[:4], points[4:]))


def numbers(memory):
    return sorted(int(value) for block in memory.blocks for value in block.features[:, 0])


@pytest.mark.parametrize(
    "selection, chosen",
    [
        (Selection(), range(8)),
        (Selection(box=torch.tensor([[0.5, -1.5, -1.5], [1.5, 1.5, 1.5]])), range(4, 8)),
        (Selection(box=torch.tensor([[-1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]])), [0, 1]),
        (Selection(frames=(2, 5)), range(2, 6)),
        (Selection(confidence=0.5), range(4, 8)),
        (Selection(box=torch.tensor([[0.5, -1.5, -1.5], [1.5, 1.5, 1.5]]), frames=(0, 5), confidence=0.6), [5]),
        (Selection(frames=(20, 30)), []),
    ],
)
def test_what_is_kept_and_what_is_dropped_make_up_the_whole(memory, selection, chosen):
    assert numbers(cropped(memory, selection)) == list(chosen)
    assert numbers(cropped(memory, selection, keep=False)) == sorted(set(range(8)) - set(chosen))
    assert numbers(memory) == list(range(8))


def test_blocks_that_lose_nothing_are_shared(memory):
    left = cropped(memory, Selection(frames=(0, 5)))
    assert left.blocks[0] is memory.blocks[0] and len(left.blocks[1]) == 2


def test_views_of_frames_that_are_cut_off_are_no_keyframes():
    cameras = ramp(0, 90)
    memory = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth)).memory
    left = cropped(memory, Selection(frames=(2, 3)))
    assert {view.frame for view in left.keyframes} == {2, 3}
    assert {view.frame for view in cropped(memory, Selection(frames=(2, 3)), keep=False).keyframes} == {0, 1, 4}


def test_two_walks_from_one_crossroads_join_to_one_world():
    start = begin(ramp(0, 90))
    ways = [ramp(0, 90), ramp(0, -90)]
    ends = [last(walk(start, on_grid(way), SETTINGS, Denoiser(), exact_depth)).memory for way in ways]
    both = ends[0].merge(cropped(ends[1], Selection(frames=(1, 99))))
    assert both.num_points < ends[0].num_points + ends[1].num_points
    low, high = both.bounds
    assert low[0] < -2.9 and high[0] > 2.9


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(box=torch.tensor([[1.0, 0, 0], [0.0, 1, 1]])), "box: must rise"),
        (dict(box=torch.zeros(3)), r"box: must be \(2, 3\)"),
        (dict(frames=(5, 2)), "frames: must rise; got 5 to 2"),
    ],
)
def test_selections_that_end_before_they_begin_are_refused(wrong, message):
    with pytest.raises(MirageError, match=message):
        Selection(**wrong)
