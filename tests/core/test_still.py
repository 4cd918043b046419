"""What is still looks otherwise in latent frames of one and of several video frames, and is not taken for drift."""

from dataclasses import replace

import pytest
import torch
from synthetic_room import SETTINGS, SPEC, begin, exact_depth, last, on_grid, ramp, truth

from mirage_core import LatentMemory, splat
from mirage_core.still import Still
from mirage_core.timing import Timing
from mirage_core.walk import walk

GAIN = torch.linspace(0.7, 1.2, SPEC.channels)
OFFSET = torch.linspace(-0.2, 0.3, SPEC.channels)
SEVERAL = Still(GAIN, OFFSET)


def of_several(latents):
    return GAIN.view(-1, 1, 1) * latents + OFFSET.view(-1, 1, 1)


def draws(request, creep=1.0):
    """The room, in latents of several video frames where they span them."""
    made = truth(request.path.views)
    first = request.chunk.begin // 4
    made = torch.stack([one if first + t == 0 else of_several(one) for t, one in enumerate(made)])
    made = creep ** (request.chunk.number + 1) * made
    return torch.cat([request.first, made[len(request.first) :]])


def test_it_is_measured_on_two_latent_frames_of_one_still():
    one = torch.randn(SPEC.channels, 9, 15, generator=torch.Generator().manual_seed(0))
    one[3] = 0.5  # a flat channel has no contrast
    found = Still.of(one, of_several(one))
    expected = GAIN.clone()
    expected[3] = 1.0
    torch.testing.assert_close(found.gain, expected)
    mean = of_several(one).mean(dim=(1, 2)) - expected * one.mean(dim=(1, 2))
    torch.testing.assert_close(found.offset, mean)


@pytest.mark.parametrize("clip", [0, 2])
def test_tokens_are_shown_as_the_readers_kind_would_show_them(clip):
    """Both ways: latent frames of a format in clips are of one video frame again and again."""
    cameras = ramp(0, 0)[:1]
    memory = begin(cameras).memory
    written = torch.arange(memory.num_points) % 2  # of latent frame 0, and of 1, in turn
    block = replace(memory.as_one_block(), frame=written.int())
    memory = LatentMemory(replace(SPEC, clip=clip), (block,))
    readout = splat(memory, cameras[[0, 0, 0]], (9, 15))
    shown = SEVERAL.alike(readout, memory, 0, Timing(4, clip))
    mine = torch.tensor([True, False, bool(clip)])[:, None, None]  # of one video frame
    of_one = written[readout.point] == 0
    up, down = of_several(readout.latents), (readout.latents - OFFSET.view(-1, 1, 1)) / GAIN.view(-1, 1, 1)
    expected = torch.where((of_one & ~mine)[:, None], up, readout.latents)
    expected = torch.where((~of_one & mine)[:, None], down, expected)
    torch.testing.assert_close(shown.latents, expected)
    assert torch.equal(shown.known, readout.known)


def contrast(still, creep):
    cameras = ramp(*range(0, 361, 18))
    walked = walk(begin(cameras), on_grid(cameras), SETTINGS, lambda one: draws(one, creep), exact_depth, still=still)
    made, expected = last(walked).frames[-4:], of_several(truth(cameras[::4][-4:]))
    return float((made.std(dim=(0, 2, 3)) / expected.std(dim=(0, 2, 3)) - 1.0).abs().max())


def test_the_kinds_are_no_drift_and_drift_between_them_is_found():
    assert contrast(SEVERAL, 1.0) < 0.02
    assert contrast(SEVERAL, 1.03) < 0.05
    assert contrast(None, 1.0) > 0.1  # taken for drift, without knowing better
