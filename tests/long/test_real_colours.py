"""Drift of colours between real views of one place: the later frame stands for what a perfect model would make."""

import math

import pytest
from real_rgbd import read

from mirage_core import splat
from mirage_core.colour_drift import MEANT, hold_colours


def compared(walk, source, target, made=None):
    """What is found between the target frame, or what is made of it, and what the source frame's memory shows of it."""
    readout = splat(walk.memory_of(source), walk.geometry.cameras[[target]], walk.size)
    return hold_colours(walk.latents[[target]] if made is None else made, readout, 0)


@pytest.fixture(scope="module")
def living_room():
    """Rendered with one exposure."""
    return read("icl_livingroom", 8)


@pytest.fixture(scope="module")
def dining():
    """Taken with a camera that chose its exposure anew for every frame."""
    return read("hololens_dining", 8)


def test_a_real_later_frame_of_one_exposure_has_no_drift(living_room):
    there, back = (compared(living_room, *pair)[1] for pair in ((0, 1), (1, 0)))
    for drift in (there, back):
        assert drift.compared > 250 and drift.channels >= 3
        assert drift.gain == pytest.approx(1.0, abs=0.03) and drift.offset < 0.06
    # there and back cancel: neither of the two views is favoured
    assert abs(math.log(there.gain * back.gain)) < 0.015


def test_a_gain_on_a_real_frame_is_found_beside_what_there_was(living_room):
    made = living_room.latents[[1]]
    before, after = compared(living_room, 0, 1)[1], compared(living_room, 0, 1, 1.05 * made)[1]
    assert after.gain / before.gain == pytest.approx(1.05, abs=0.005)


def test_exposures_that_a_camera_has_chosen_are_no_drift_and_cancel_there_and_back(dining):
    there, back = (compared(dining, *pair) for pair in ((0, 1), (1, 0)))
    for (latents, drift), target in ((there, 1), (back, 0)):
        assert drift.left == MEANT and drift.channels >= 3
        assert latents.equal(dining.latents[[target]])
    # of lines of least squares both would be too flat, and their product 6 % below 1
    assert abs(math.log(there[1].gain * back[1].gain)) < 0.03
