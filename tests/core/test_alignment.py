"""Bringing estimated depth to the memory's."""

import math

import pytest
import torch

from mirage_core import MirageError
from mirage_core.alignment import completed, contradictions, fit_depth


def scene(seed=0, size=(11, 20)):
    """Depth of a slanted floor with a box on it, and a share of it that a memory knows."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.linspace(0.0, 1.0, size[0])[:, None].expand(size)
    depth = 6.0 - 4.0 * rows
    depth = torch.where((torch.arange(size[1]) > 12) & (rows > 0.4), 2.0, depth)
    known = torch.rand(size, generator=generator) < 0.5
    return depth, torch.where(known, depth, 0.0)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7, 2.0])
def test_a_scale_is_found_although_a_third_of_the_tokens_is_wrong(scale):
    depth, remembered = scene()
    wrong = torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    estimate = torch.where(wrong, depth * 3.0, depth) / scale
    fit = fit_depth(estimate, remembered)
    assert fit.scale == pytest.approx(scale, rel=1e-3) and fit.shift == 0.0
    assert fit.residual < 1e-3 and fit.compared == int((remembered > 0).sum())
    torch.testing.assert_close(fit.applied(estimate)[~wrong], depth[~wrong], rtol=1e-3, atol=0)


@pytest.mark.parametrize("scale, shift", [(1.6, 0.1), (0.7, -0.05), (1.0, 0.0)])
def test_scale_and_shift_of_inverse_depth_are_found(scale, shift):
    depth, remembered = scene()
    wrong = torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) < 0.25
    estimate = 1.0 / (scale * (1.0 / depth - shift))
    estimate = torch.where(wrong, estimate * 2.0, estimate)
    fit = fit_depth(estimate, remembered, kind="scale and shift")
    assert fit.scale == pytest.approx(scale, rel=0.02) and fit.shift == pytest.approx(shift, abs=0.01)
    assert fit.residual < 0.01
    assert (fit_depth(estimate, remembered).residual > 0.01) == (shift != 0)


def test_a_wall_straight_ahead_has_no_shift():
    estimate, remembered = torch.full((6, 9), 2.0), torch.full((6, 9), 3.0)
    fit = fit_depth(estimate, remembered, kind="scale and shift")
    assert (fit.scale, fit.shift) == (pytest.approx(1.5), 0.0)


def test_too_few_common_tokens_give_no_fit():
    depth, remembered = scene()
    remembered = torch.zeros_like(remembered)
    remembered.view(-1)[:15] = 1.0
    assert fit_depth(depth, remembered) is None


def test_depth_that_a_shift_sends_behind_infinity_is_dropped():
    depth, remembered = scene()
    estimate = 1.0 / (1.0 / depth + 0.05)
    fit = fit_depth(estimate, remembered, kind="scale and shift")
    assert fit.shift == pytest.approx(-0.05, abs=0.005)
    assert fit.applied(torch.tensor([0.0, 2.0, 1e3])).tolist() == [0.0, pytest.approx(1 / 0.45, rel=0.05), 0.0]


def test_contradictions_are_tokens_clearly_before_or_behind_and_only_where_something_is_known():
    remembered = torch.full((5, 7), 4.0)
    remembered[:, 5:] = 0.0
    depth = torch.full((5, 7), 4.2)
    depth[1, 1], depth[3, 3], depth[2, 6], depth[0, 0] = 2.0, 8.0, 9.0, 0.0
    found = contradictions(depth, remembered)
    assert found.nonzero().tolist() == [[1, 1], [3, 3]]
    assert not contradictions(depth, remembered, tolerance=1.5).any()


def test_depth_between_a_near_and_a_far_neighbour_contradicts_nothing():
    remembered = torch.full((4, 6), 2.0)
    remembered[:, 3:] = 6.0  # an edge runs between columns 2 and 3
    depth = torch.full((4, 6), 2.0)
    depth[:, 2], depth[:, 3:] = 3.5, 6.0
    assert not contradictions(depth, remembered).any()
    depth[:, 1] = 3.5  # a column farther from the edge
    assert contradictions(depth, remembered)[:, 1].all()


def test_holes_are_filled_between_what_surrounds_them_and_nothing_else_changes():
    depth = torch.linspace(2.0, 4.0, 21)[None].expand(13, 21).clone()
    holed = depth.clone()
    holed[3:9, 5:14] = 0.0
    filled = completed(holed)
    assert torch.equal(filled[holed > 0], depth[holed > 0])
    assert (filled / depth - 1).abs().max() < 0.12
    assert filled.min() >= 2.0 and filled.max() <= 4.0


def test_one_known_token_fills_a_view_and_none_is_refused():
    depth = torch.zeros(5, 8)
    depth[4, 0] = 3.0
    assert torch.allclose(completed(depth), torch.full((5, 8), 3.0))
    with pytest.raises(MirageError, match="depth: must be known somewhere"):
        completed(torch.zeros(5, 8))


def test_the_fit_applies_to_nothing_as_nothing():
    depth, remembered = scene()
    assert fit_depth(depth, remembered).applied(torch.zeros(2)).tolist() == [0.0, 0.0]
    assert math.isfinite(float(fit_depth(depth, remembered).applied(torch.tensor(1e-12))))
