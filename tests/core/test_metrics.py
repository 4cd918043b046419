"""Loop closure: which frames are compared, and how."""

import pytest
import torch
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, last, on_grid, ramp, turning

from mirage_core import Cameras, MirageError
from mirage_core.metrics import BEST_PSNR, closure_text, loop_closure, picture_scores, revisits
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
