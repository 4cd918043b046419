"""What is said of a path before anything is sampled."""

import math
from dataclasses import replace

import pytest
import torch
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, last, ramp
from synthetic_room import on_grid as in_the_room

from mirage_core import Cameras, Geometry, LatentMemory, LatentPath, LatentSpec, MirageError, lift
from mirage_core.coverage import coverage
from mirage_core.walk import walk
from mirage_core.walk_report import expectation

SIZE = (6, 8)
SPEC = LatentSpec(3, 8, 2)
K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 4 / 3, 0.5], [0.0, 0.0, 1.0]])


def path(*positions):
    cam2world = torch.eye(4).repeat(len(positions), 1, 1)
    cam2world[:, :3, 3] = torch.tensor(positions)
    return on_grid(Cameras(cam2world, K))


def on_grid(cameras):
    return LatentPath.of(cameras, SPEC, 64, 48)


@pytest.fixture
def wall():
    """A memory of a wall 4 units ahead, seen once; latent frames two video frames apart."""
    camera = path((0.0, 0.0, 0.0)).video
    block = lift(torch.randn(1, 3, *SIZE), Geometry(torch.full((1, 48, 64), 4.0), camera))
    return LatentMemory(SPEC).insert(block, cameras=camera)


def test_a_path_that_stays_in_front_of_the_wall_is_all_known(wall):
    found = coverage(wall, path(*[(0.0, 0.0, 0.2 * n) for n in range(5)]))
    assert found.path.frames == (0, 2, 4) and min(found.known) > 0.95
    assert not found.entering and not found.leaving and "Careful" not in found.report


def test_a_path_through_the_wall_is_told_with_its_frames(wall):
    found = coverage(wall, path(*[(0.0, 0.0, 0.5 * n) for n in range(11)]), near_share=0.15)
    assert 4 in found.entering and 0 not in found.entering  # video frame 8 stands in the wall
    assert "the path enters things" in found.report and "8" in found.report
    assert found.nearest[4] < 0.5 and found.nearest[0] == float("inf")


def test_a_path_past_the_end_of_the_wall_leaves_the_memory(wall):
    found = coverage(wall, path(*[(1.5 * n, 0.0, 0.0) for n in range(7)]))
    assert found.mean == sum(found.known) / 4 and 0.2 < found.mean < 0.8
    assert found.leaving == (2, 3) and "in frames 4 to 6 less than 20% is known" in found.report


def test_a_path_that_sees_nothing_says_so(wall):
    away = torch.eye(4)
    away[:3, :3] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    found = coverage(wall, on_grid(Cameras(away[None], K)))
    assert found.known == (0.0,) and "leaves the memory" in found.report


def test_limits_out_of_range_are_refused(wall):
    with pytest.raises(MirageError, match="near_share: must be a finite number above 0"):
        coverage(wall, path((0.0, 0.0, 0.0)), near_share=0)
    with pytest.raises(MirageError, match=r"least_known: must lie in 0\.\.1"):
        coverage(wall, path((0.0, 0.0, 0.0)), least_known=1.5)


def test_a_walk_warns_of_its_path_before_it_begins():
    cameras = ramp(0.0, 180.0, frames=33)
    text = expectation(begin(cameras), in_the_room(cameras), SETTINGS).text
    assert "33 frames in 2 chunks" in text.splitlines()[0]
    assert any("less than 20% is known: the path leaves the memory" in line for line in text.splitlines()[1:])
    assert "Careful" not in expectation(begin(cameras), in_the_room(cameras[slice(0, 1)]), SETTINGS).text


def test_a_walk_says_beforehand_how_large_its_memory_will_be_at_most():
    cameras = ramp(0.0, 180.0, frames=33)
    state, path = begin(cameras), in_the_room(cameras)
    tokens, before = math.prod(path.size), state.memory.num_points
    each = state.memory.nbytes / before
    filled = expectation(state, path, SETTINGS)
    assert before < filled.points < before + tokens and filled.nbytes == math.ceil(filled.points * each)
    all_of_it = replace(SETTINGS, update=replace(SETTINGS.update, policy="append"))
    assert expectation(state, path, all_of_it).points == before + tokens
    assert expectation(state, path, replace(SETTINGS, max_bytes=50_000)).nbytes <= 50_000
    walked = last(walk(state, path, SETTINGS, Denoiser(invents=True), exact_depth))
    assert before < walked.memory.num_points <= filled.points
