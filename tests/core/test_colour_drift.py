"""What is taken out of one chunk, and what is left alone: readouts made by hand."""

from dataclasses import replace

import pytest
import torch

from mirage_core import MirageError, Readout
from mirage_core.colour_drift import COPIED, LEAST_TOKENS, LITTLE_KNOWN, MEANT, NONE, OTHERWISE, hold_colours

T, C, h, w = 4, 6, 9, 15


def tokens(seed=0, frames=T):
    """Latents of many spreads and means, one per channel."""
    g = torch.Generator().manual_seed(seed)
    spreads, means = torch.linspace(0.3, 3.0, C).view(-1, 1, 1), torch.linspace(-2.0, 2.0, C).view(-1, 1, 1)
    return torch.randn(frames, C, h, w, generator=g) * spreads + means


def noise(latents, amount, seed):
    spreads = latents.std(dim=(0, 2, 3), keepdim=True)
    return amount * spreads * torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))


def readout_of(latents, known=None):
    """A readout that shows latents, every token a point of its own, just where and as large as it was written."""
    known = torch.ones(len(latents), h, w, dtype=torch.bool) if known is None else known
    numbers = torch.arange(known.numel()).view(known.shape)
    return Readout(
        latents=torch.where(known[:, None], latents, torch.zeros_like(latents)),
        known=known,
        depth=known.float(),
        point=torch.where(known, numbers, -1),
        offset=torch.zeros(len(latents), 2, h, w),
        scale=known.float(),
    )


def some(share, seed=5):
    return torch.rand(T, h, w, generator=torch.Generator().manual_seed(seed)) < share


def apart(latents, others):
    return float((latents - others).abs().amax())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_gain_and_an_offset_come_out_exactly_and_what_was_given_stays(dtype):
    shown = tokens().to(dtype)  # as a memory of that dtype shows it
    made = 1.03 * shown.float() + torch.linspace(-0.02, 0.03, C).view(-1, 1, 1)
    latents, drift = hold_colours(made, readout_of(shown), 1)
    assert torch.equal(latents[:1], made[:1])
    assert apart(latents[1:], shown[1:].float()) < 1e-4
    assert (drift.left, drift.channels, drift.otherwise) == ("", C, 0)
    assert drift.gain == pytest.approx(1.03, abs=1e-5) and drift.compared == 3 * h * w


def test_every_channel_has_its_own_drift_and_what_is_unknown_is_brought_along():
    shown, gains = tokens(), torch.linspace(0.95, 1.08, C).view(-1, 1, 1)
    latents, drift = hold_colours(gains * shown, readout_of(shown, some(0.5)), 0)
    assert drift.left == "" and apart(latents, shown) < 1e-4


def test_the_dtype_of_the_latents_stays():
    shown = tokens()
    latents, drift = hold_colours((1.05 * shown).half(), readout_of(shown), 1)
    assert latents.dtype == torch.float16 and drift.left == ""
    assert apart(latents[1:].float(), shown[1:]) < 0.01


def test_noise_on_both_sides_is_no_loss_of_contrast():
    """Where a line of least squares would say 0.92, and to take that out would add 9 % to the contrast of the chunk."""
    surface = tokens(frames=40)
    shown, made = surface + noise(surface, 0.3, 1), surface + noise(surface, 0.3, 2)
    x, y = (one.movedim(1, 0).flatten(1) for one in (shown, made))
    centred = x - x.mean(dim=1, keepdim=True)
    slope = (centred * y).sum(dim=1) / centred.square().sum(dim=1)
    assert slope.mean() < 0.93
    _, drift = hold_colours(made, readout_of(shown), 0)
    assert drift.channels == C and drift.gain == pytest.approx(1.0, abs=0.01) and drift.offset < 0.01


def test_chance_alone_takes_next_to_nothing_out():
    """Over many chunks: what is taken out is a part of what a ratio of spreads alone would say."""
    taken, raw = [], []
    for seed in range(20):
        shown = tokens(seed)
        made = shown + noise(shown, 0.05, 100 + seed)
        latents, _ = hold_colours(made, readout_of(shown), 0)
        before, after, truth = (one.std(dim=(0, 2, 3)) for one in (made, latents, shown))
        taken.append(before / after - 1.0)
        raw.append(before / truth - 1.0)
    taken, raw = torch.stack(taken), torch.stack(raw)
    assert taken.square().mean().sqrt() < 0.8 * raw.square().mean().sqrt()
    assert taken.mean().abs() < 0.002


def test_what_was_copied_is_not_touched_not_even_by_rounding():
    shown = tokens()
    latents, drift = hold_colours(shown, readout_of(shown), 1)
    assert latents is shown and drift.left == COPIED
    unknown = ~some(0.6)
    made = torch.where(unknown[:, None], 1.1 * shown, shown)
    latents, drift = hold_colours(made, readout_of(shown, ~unknown), 1)
    assert latents is made and drift.left == COPIED


def test_copied_tokens_stay_and_say_nothing_of_the_others():
    shown, copies = tokens(), some(0.7)
    made = torch.where(copies[:, None], shown, 1.04 * shown)
    latents, drift = hold_colours(made, readout_of(shown), 0)
    assert drift.gain == pytest.approx(1.04, abs=1e-4)
    assert torch.equal(latents.movedim(1, -1)[copies], made.movedim(1, -1)[copies])
    assert apart(latents, shown) < 1e-3


@pytest.mark.parametrize("contrast", [0.05, 1.0, 2.0])
def test_tokens_that_show_another_thing_are_left_out(contrast):
    shown, others = tokens(), some(0.4)
    made = torch.where(others[:, None], contrast * tokens(seed=9) + 0.5, 1.03 * shown + noise(shown, 0.02, 3))
    _, drift = hold_colours(made, readout_of(shown), 0)
    assert drift.gain == pytest.approx(1.03, abs=0.003)
    assert abs(drift.otherwise - int(others.sum())) < 0.05 * int(others.sum())
    assert drift.offset == pytest.approx(0.03, abs=0.015)


def test_tokens_seen_beside_their_place_or_at_another_size_are_left_out():
    shown = tokens()
    readout, beside, larger = readout_of(shown), some(0.3), some(0.3, seed=6)
    readout = replace(
        readout, offset=beside[:, None] * torch.tensor([0.4, -0.1]).view(2, 1, 1), scale=torch.where(larger, 2.0, 1.0)
    )
    made = torch.where((beside | larger)[:, None], 1.2 * shown, 1.03 * shown)
    _, drift = hold_colours(made, readout, 0)
    assert drift.gain == pytest.approx(1.03, abs=1e-5)
    assert (drift.compared, drift.otherwise) == (int((~(beside | larger)).sum()), 0)


def test_where_too_little_is_known_nothing_is_done():
    shown, known = tokens(), torch.zeros(T, h, w, dtype=torch.bool)
    for columns, rows in ((0, 0), (5, 3), (7, 9)):  # none, then 15 and 63 tokens of one latent frame
        known[-1, :rows, :columns] = True
        made = 1.03 * shown
        latents, drift = hold_colours(made, readout_of(shown, known), 1)
        assert latents is made and drift.left == LITTLE_KNOWN
    known[-1, :, :8] = True
    assert int(known.sum()) > LEAST_TOKENS
    assert hold_colours(1.03 * shown, readout_of(shown, known), 1)[1].left == ""


def test_a_corner_of_the_picture_does_not_speak_for_all_of_it():
    shown, known = tokens(frames=20), torch.zeros(20, h, w, dtype=torch.bool)
    known[:, :2, :4] = True  # 160 tokens, 6 % of the picture
    assert hold_colours(1.03 * shown, readout_of(shown, known), 0)[1].left == LITTLE_KNOWN


def test_a_few_points_that_every_frame_sees_are_few():
    shown, known = tokens(frames=1).repeat(T, 1, 1, 1), torch.zeros(T, h, w, dtype=torch.bool)
    known[:, :7, :9] = True  # 63 points, four times
    readout = readout_of(shown, known)
    readout = replace(readout, point=readout.point[:1].repeat(T, 1, 1))
    assert hold_colours(1.03 * shown, readout, 0)[1].left == LITTLE_KNOWN


def test_a_picture_that_has_nothing_to_do_with_the_memory_is_left_as_it_is():
    made = tokens(seed=1)
    latents, drift = hold_colours(made, readout_of(tokens()), 0)
    assert latents is made and drift.left == OTHERWISE and drift.channels == 0


@pytest.mark.parametrize("gain, offset", [(1.3, 0.0), (0.8, 0.0), (1.0, 0.5)])
def test_a_change_larger_than_drift_is_left_and_named(gain, offset):
    shown = tokens()
    made = gain * shown + offset
    latents, drift = hold_colours(made, readout_of(shown), 0)
    assert latents is made and drift.left == MEANT and drift.channels == C
    assert drift.gain == pytest.approx(gain, abs=1e-4)


def test_channels_that_are_flat_or_do_not_hold_together_are_left_as_they_are():
    shown = tokens()
    shown[:, 1] = 0.7
    made = 1.03 * shown
    made[:, 4] = 1.5 * tokens(seed=8)[:, 4]
    latents, drift = hold_colours(made, readout_of(shown), 0)
    assert torch.equal(latents[:, [1, 4]], made[:, [1, 4]])
    assert drift.channels == C - 2 and apart(latents[:, [0, 2, 3, 5]], shown[:, [0, 2, 3, 5]]) < 1e-4


def test_noise_that_is_no_drift_leaves_the_latents_as_they_are():
    shown = tokens(frames=2).repeat(2, 1, 1, 1)
    errors = noise(shown[:2], 0.01, 4)
    made = shown + torch.cat([errors, -errors])  # means are equal, spreads to 0.005 %
    latents, drift = hold_colours(made, readout_of(shown), 0)
    assert latents is made and drift.left == NONE


def test_tokens_that_are_not_finite_are_not_compared():
    shown = tokens()
    made = 1.03 * shown
    made[2, 3, 4, 5] = torch.nan
    latents, drift = hold_colours(made, readout_of(shown), 0)
    assert drift.compared == T * h * w - 1
    assert apart(latents.nan_to_num(0.0)[:2], shown[:2]) < 1e-4


def test_many_tokens_are_compared_by_some_of_them():
    shown = tokens(frames=80)
    latents, drift = hold_colours(1.03 * shown, readout_of(shown), 0)
    assert drift.compared == 8192 and apart(latents, shown) < 1e-4


def test_a_chunk_that_was_given_as_a_whole_stays():
    made = 1.03 * tokens()
    latents, drift = hold_colours(made, readout_of(tokens()), T)
    assert latents is made and drift.left == LITTLE_KNOWN


def test_latents_of_another_shape_are_refused():
    with pytest.raises(
        MirageError, match=r"latents: must be \(4, 6, 9, 15\) like readout; got float32 \(3, 6, 9, 15\)"
    ):
        hold_colours(tokens(frames=3), readout_of(tokens()), 1)
