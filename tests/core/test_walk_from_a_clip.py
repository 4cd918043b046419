"""Walks that begin with a clip, and what the estimator of depth is asked for."""

from dataclasses import replace

import pytest
import torch
from synthetic_room import SETTINGS, SIZE, Denoiser, begin, exact_depth, last, on_grid, ramp, truth, turning

from mirage_core import MirageError, splat
from mirage_core.walk import walk


def clip_of(cameras, frames):
    """A walk that begins with a clip, whose first view alone is remembered."""
    return replace(begin(cameras), frames=truth(cameras[::4][:frames]))


@pytest.mark.parametrize("frames", [2, 4, 5, 6, 8, 9, 12])
def test_a_walk_goes_on_from_a_clip_and_remembers_all_of_it(frames):
    """Chunks of 5 latent frames that share one: the clip ends within one, with one, or in a later one."""
    cameras, denoiser = ramp(0, 90, 180, 270), Denoiser(invents=True)
    start = clip_of(cameras, frames)
    states = list(walk(start, on_grid(cameras), SETTINGS, denoiser, exact_depth))
    assert [state.written for state in states] == [5, 9, 13]
    assert torch.equal(states[-1].latents[:frames], start.latents)
    assert [report.given for report in states[-1].reports] == [
        min(max(frames - first, 0), added) for first, added in ((0, 5), (5, 4), (9, 4))
    ]
    within = [request.chunk.number for request in denoiser.requests]
    assert within == [number for number, last in enumerate((5, 9, 13)) if frames < last]  # the rest is there already
    first = denoiser.requests[0]
    assert torch.equal(first.first, start.latents[4 * first.chunk.number :])
    views = [view.frame for report in states[-1].reports for view in report.views if not view.refused]
    assert views == list(range(13))  # of the clip, too
    written = next(state for state in states if state.written >= frames)
    shown = splat(written.memory, cameras[::4][:frames], SIZE)
    assert shown.known.float().mean() > 0.95
    again = last(walk(states[0], on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth))
    assert torch.equal(again.latents, states[-1].latents)


def test_a_clip_that_is_longer_than_its_path_is_refused():
    cameras = ramp(0, 90)
    start = replace(begin(cameras), frames=truth(turning([0.0] * 6)))
    with pytest.raises(MirageError, match=r"frames: must be .* 1 to 5 frames of the path .*; got \(6, 8, 9, 15\)"):
        last(walk(start, on_grid(cameras), SETTINGS, Denoiser(), exact_depth))


def test_the_estimator_is_asked_for_what_a_chunk_adds_alone():
    asked = []

    def depth(latents, views, readout):
        asked.append((len(latents), len(views), len(readout.known)))
        return exact_depth(latents, views, readout)

    cameras = ramp(0, 60, 120)
    last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), depth))
    assert asked == [(5, 5, 5), (4, 4, 4)]
