"""Loop closure: which frames are compared, and how."""

import pytest
import torch
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, last, on_grid, ramp, turning

from mirage_core import Cameras, MirageError
from mirage_core.metrics import (
    BEST_PSNR,
    closure_text,
    loop_closure,
    loop_closure_across,
    picture_scores,
    revisits,
    revisits_across,
)
from mirage_core.walk import walk


def pictures(count, seed=0):
    return torch.rand(count, 24, 32, 3, generator=torch.Generator().manual_seed(seed))


def test_a_way_out_and_back_meets_every_pose_again():
    cameras = ramp(0, 40, 0, frames=9)  # 0 5 .. 40 35 .. 0
    found = revisits(cameras, distance=0.05, angle=1.0)
    assert [(earlier, later) for earlier, later, _, _ in found] == [(k, 16 - k) for k in range(7, -1, -1)]
    assert all(distance < 1e-6 and angle < 0.01 for *_, distance, angle in found)


def test_standing_still_and_creeping_are_no_revisits():
    assert revisits(turning([0.0] * 20), distance=0.05, angle=2.0) == ()
    assert revisits(ramp(0, 30, frames=31), distance=0.05, angle=2.0) == ()


def test_a_full_turn_comes_back_by_angle_and_a_parallel_way_does_not():
    found = revisits(ramp(0, 180, 360), distance=0.05, angle=1.0)
    assert [(earlier, later) for earlier, later, _, _ in found] == [(0, 32)]
    cam2world = torch.eye(4).repeat(4, 1, 1)
    cam2world[:, 0, 3] = torch.tensor([0.0, 1.0, 1.0, 0.2])
    assert revisits(Cameras(cam2world, torch.tensor([[1.0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])), 0.1, 5.0) == ()


def test_equal_pictures_score_best_and_noise_lowers_both_scores():
    one = pictures(1)[0]
    assert picture_scores(one, one) == (BEST_PSNR, pytest.approx(1.0, abs=1e-5))
    noisy = (one + 0.1 * torch.randn(one.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    decibels, similarity = picture_scores(one, noisy)
    mean_squared = float((one - noisy).square().mean())
    assert decibels == pytest.approx(-10 * torch.log10(torch.tensor(mean_squared)).item(), abs=1e-3)
    assert 0.5 < similarity < 0.999


def test_frames_of_revisited_poses_are_compared():
    cameras = ramp(0, 40, 0, frames=9)
    frames = pictures(17)
    frames[16] = frames[0]
    scores = {(one.earlier, one.later): one.psnr for one in loop_closure(frames, cameras, 0.05, 1.0)}
    assert scores[0, 16] == BEST_PSNR and scores[3, 13] < 15
    assert "8 frames come back" in closure_text(loop_closure(frames, cameras, 0.05, 1.0))
    assert "never comes back" in closure_text(())


def test_other_numbers_of_frames_and_cameras_are_refused():
    with pytest.raises(MirageError, match="one each; got 5 frames and 17 cameras"):
        loop_closure(pictures(5), ramp(0, 40, 0, frames=9), 0.05, 1.0)


def test_two_branches_meet_where_both_come_back_and_not_where_they_part():
    """One turns to the right and back, the other to the left, back, and 20 degrees to the right."""
    right, left = ramp(0, 40, 0, frames=9), turning([0, -5, -10, -20, -40, -20, 0, 10, 20.0])
    found = revisits_across(right, left, distance=0.05, angle=1.0)
    assert [(one, other) for one, other, _, _ in found] == [(16, 0), (16, 6), (14, 7), (12, 8)]
    assert all(distance < 1e-6 and angle < 0.01 for *_, distance, angle in found)
    out = right[list(range(9))]
    assert revisits_across(out, turning([0.0, -5, -10]), 0.05, 1.0) == ()  # they part, and that is all
    assert [pair[:2] for pair in revisits_across(out, left, 0.05, 1.0)] == [(0, 6), (2, 7), (4, 8)]


def test_branches_are_compared_one_frame_of_each():
    right, left = ramp(0, 40, 0, frames=9), ramp(0, -40, 0, frames=9)
    frames, others = pictures(17), pictures(17, seed=1)
    others[16] = frames[16]
    found = loop_closure_across(frames, right, (others, left), 0.05, 1.0)
    assert [(one.earlier, one.later, one.psnr > 99) for one in found] == [(16, 0, False), (16, 16, True)]
    text = closure_text(found, across=True)
    assert text.startswith("2 frames of the other video come to a pose of the first: PSNR ")
    assert "worst: frame 0 of the other video against frame 16, " in text
    assert "never come to one pose" in closure_text((), across=True)
    with pytest.raises(MirageError, match="other_cameras: must be those of the frames, one each; got 17 frames and 3"):
        loop_closure_across(frames, right, (others, left[[0, 1, 2]]), 0.05, 1.0)
    with pytest.raises(MirageError, match="other_frames: must be of the size of the first, 32 x 24; got 30 x 24"):
        loop_closure_across(frames, right, (others[:, :, 2:], left), 0.05, 1.0)


def test_a_walk_closes_its_loop_with_the_memory_and_not_without():
    """Latents as pictures: three channels of the painted room."""
    cameras, scores = ramp(0, 90, 0, 90), []
    for remembers in (True, False):
        denoiser = Denoiser(invents=True, remembers=remembers)
        state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, denoiser, exact_depth))
        frames = (state.latents[:, :3].movedim(1, -1) * 0.5 + 0.5).repeat_interleave(2, 1).repeat_interleave(2, 2)
        found = loop_closure(frames, cameras[::4], distance=0.05, angle=1.0)
        scores.append(sum(one.psnr for one in found) / len(found))
    assert scores[0] > 20 > scores[1] + 5
