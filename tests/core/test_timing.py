"""Which video frames latent frames stand for."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mirage_core import Cameras, LatentPath, LatentSpec, MirageError
from mirage_core.chunks import plan_chunks
from mirage_core.timing import Timing

WAN, LTX, H3 = Timing(4), Timing(8), Timing(4, clip=5)
TIMINGS = st.sampled_from([Timing(1), WAN, Timing(6), LTX, H3, Timing(2, clip=3)])


def test_latents_of_minimax_h3_span_1_4_4_4_4_frames_and_begin_anew():
    assert [H3.frame_of(latent) for latent in range(8)] == [0, 4, 8, 12, 16, 17, 21, 25]
    shown = [0, *[1] * 4, *[2] * 4, *[3] * 4, *[4] * 4, 5, *[6] * 4, 7]
    assert [H3.latent_of(frame) for frame in range(23)] == shown
    assert [latent for latent in range(12) if H3.spans_one(latent)] == [0, 5, 10]
    assert [WAN.spans_one(latent) for latent in range(6)] == [True] + 5 * [False]
    assert H3.frames_of(37) == 124 and LTX.frames_of(16) == 121


@given(timing=TIMINGS, latent=st.integers(0, 300))
def test_a_latent_frame_shows_the_video_frame_that_it_stands_at_and_those_since_the_one_before(timing, latent):
    frame = timing.frame_of(latent)
    assert timing.latent_of(frame) == latent and timing.latent_of(frame + 1) == latent + 1
    assert timing.spans_one(latent) == (latent == 0 or timing.frame_of(latent - 1) + 1 == frame)


@given(timing=TIMINGS, frames=st.integers(1, 500))
def test_latent_frames_stand_within_the_video(timing, frames):
    stands_at = timing.stands_at(frames)
    assert [timing.latent_of(frame) for frame in stands_at] == list(range(len(stands_at)))
    assert stands_at[-1] < frames <= timing.frame_of(len(stands_at))


@pytest.mark.parametrize("frames", [5, 22, 39, 124, 362])
def test_lengths_of_minimax_h3(frames):
    H3.check("cameras", frames)
    assert len(H3.stands_at(frames)) == 5 * ((frames - 5) // 17) + 2


@pytest.mark.parametrize("frames, near", [(1, "5, 22"), (33, "22, 39"), (121, "107, 124"), (17, "5, 22")])
def test_other_lengths_are_refused_by_the_names_of_those_next_to_them(frames, near):
    said = rf"cameras: must be 5 \+ 17 n .*clips of 17.*\({near}, \.\.\.\); got {frames}"
    with pytest.raises(MirageError, match=said):
        H3.check("cameras", frames)


@given(count=st.integers(0, 30), chunk=st.integers(1, 9), timing=TIMINGS)
def test_chunks_begin_with_the_latent_frames_that_the_one_before_ends_with(count, chunk, timing):
    frames = timing.least + timing.step * count
    chunks = plan_chunks(frames, timing, timing.least + timing.step * chunk)
    assert [frame for one in chunks for frame in range(one.start, one.stop)] == list(range(frames))
    for before, after in pairwise(chunks):
        assert before.stop - after.begin == timing.least
        begins = timing.latent_of(after.begin)
        assert timing.frame_of(begins) == after.begin and begins % (timing.clip or 1) == 0
        assert len(timing.stands_at(before.stop)) - begins == timing.overlap
    for one in chunks:
        timing.check("frames", one.frames)


def test_a_path_reads_the_cameras_that_latents_of_clips_stand_at():
    pose = torch.eye(4).repeat(22, 1, 1)
    pose[:, 0, 3] = torch.arange(22)
    cameras = Cameras(pose, torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]]))
    path = LatentPath.of(cameras, LatentSpec(24, 16, 4, "minimax_h3", clip=5), 64, 64).whole()
    assert path.views.centers[:, 0].tolist() == [0.0, 4.0, 8.0, 12.0, 16.0, 17.0, 21.0] and path.unused == 0
    assert path.part(17, 22).views.centers[:, 0].tolist() == [17.0, 21.0]


def test_specs_of_other_timing_do_not_agree():
    assert not LatentSpec(24, 16, 4, clip=5).agrees(LatentSpec(24, 16, 4))
    assert LatentSpec(24, 16, 4, clip=5).agrees(LatentSpec(24, 16, 4, "minimax_h3", clip=5))
