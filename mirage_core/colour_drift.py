"""Colours that stay: what a new chunk has gained in contrast and colour since the memory was written, taken out again.

In a long video contrast and colour creep, chunk after chunk. The memory knows how known tokens looked, so that each
chunk can be compared with it, channel by channel, as ``made = gain * remembered + offset``.

A remembered token is seen beside its own place, by a part of a token, so that both sides of the comparison are noisy.
A line of least squares is then too flat, and to take a gain of less than 1 out would raise the contrast in every chunk.
Here the gain is the ratio of both spreads over the same tokens, which is as likely too large as too small when both are
views of one surface (reduced major axis: Kermack and Haldane 1950, Biometrika 37). Noise that a chunk has and the
memory has not counts as contrast.

What noise alone would give is not drift: of every number as much is taken out as stands clear of its standard error
(the non-negative garrote: Breiman 1995, Technometrics 37). So a walk without drift is not made to wander by its fits.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from .errors import check_shape
from .readout import Readout

LEAST_TOKENS = 64  # remembered ones, each counted once: with fewer, chance alone moves a spread by more than drift does
LEAST_SHARE = 2.0**-4  # of the new tokens: less is one corner, and says nothing about the rest of the picture
MOST_TOKENS = 8192  # that are compared: more make the fit slower, not better
SAME_PLACE = 0.25  # of a token, along each axis: what is seen farther from its cell's centre is compared worse
SAME_SIZE = 0.5  # doublings: tokens seen much nearer or farther than when written have other statistics
SAME_VALUE = 2.0**-10  # of a channel's spread: tokens as near as that to the remembered ones were copied, not made
FLAT = 2.0**-10  # of the widest channel's spread: a channel that varies less says nothing of contrast
APART = 3.0  # times the usual distance from what is remembered: another thing
MOST_APART = 0.5  # share of other things: beyond it the picture was not taken up, and there is nothing to hold it to
LEAST_CORRELATION = 0.5  # of a channel, made and remembered: below it, its two spreads are not of the same detail
LARGEST_ERROR = 2.0**-3  # standard error of a gain: a channel that is known worse is left as it is
# of contrast, and of a channel's size: more from one chunk to the next is a change that was meant
LARGEST_DRIFT = 2.0**-3
LEAST_DRIFT = 2.0**-12  # likewise: less is rounding
MEDIAN = 0.6745  # of the absolute values of normal ones, over their spread
STEPS = 20  # of looking for other things; mostly fewer than 8 are taken

LITTLE_KNOWN = "too little known"
COPIED = "what is known was copied"
OTHERWISE = "what is known looks otherwise"
MEANT = "too much for drift, so it may be meant"
NONE = "no drift"


@dataclass(frozen=True)
class ColourDrift:
    """What was taken out of one chunk.

    Attributes:
        left: why nothing was; empty if something was.
        gain: of contrast, since the memory was written; median over channels.
        offset: of the mean, in sizes of its channel (roots of its mean square); likewise over channels.
        channels: that were fitted; the others are left as they are.
        compared: tokens that the fit rests on.
        otherwise: tokens that are known, but show another thing.
    """

    left: str
    gain: float = 1.0
    offset: float = 0.0
    channels: int = 0
    compared: int = 0
    otherwise: int = 0


class _Fit(NamedTuple):
    """What is to be taken out of C' of the channels: ``(C',)`` each, float64 but for ``channels``, int64."""

    channels: Tensor
    gain: Tensor
    middle: Tensor  # mean of the made tokens, about which the gain turns
    offset: Tensor  # of that mean, latent values
    size: Tensor  # root of the mean square of the remembered tokens
    error: float  # standard, of the gain that all channels have in common, as a logarithm

    def applied(self, made: Tensor) -> Tensor:
        """Those channels ``(T, C', h, w)``, without gain and offset."""
        gain, middle, offset = (
            one.to(made.device, torch.float32).view(-1, 1, 1) for one in (self.gain, self.middle, self.offset)
        )
        return ((made.float() - middle) / gain + (middle - offset)).to(made.dtype)


def hold_colours(
    latents: Tensor, readout: Readout, held: int, before: ColourDrift | None = None
) -> tuple[Tensor, ColourDrift]:
    """Take out what a chunk has gained in contrast and colour against what the memory shows of it.

    Compared are new tokens that the memory knows, at about the size at which they were written. Depth is not there yet,
    so whatever stands in front, moves, or is drawn otherwise is told by the latents themselves: a token is left out as
    a whole when, over all channels, it lies ``APART`` times as far from its remembered self as tokens usually do. Up to
    half of the tokens may. Tokens that were copied from the memory say nothing of what the model does, and stay.

    Args:
        latents: ``(T, C, h, w)`` of the chunk, as made.
        readout: what the memory shows of the same T latent frames.
        held: latent frames at the beginning that were given; they stay as they are, bit for bit.
        before: what was taken out of the chunk before: a model may creep on from there, though not leap.

    Returns:
        The latents, the same tensor if nothing is taken out, and what was done.

    Raises:
        MirageError: latents and readout differ in shape.
    """
    check_shape("latents", latents, f"{tuple(readout.latents.shape)} like readout", readout.latents.shape)
    made, shown = latents[held:], readout.latents[held:].to(latents.device).float()
    known = readout.known[held:].to(latents.device)
    copied = _copied(made, shown, known)  # bool (T', h, w)
    within = readout.placement.new_tensor([SAME_PLACE, SAME_PLACE, SAME_SIZE]).view(-1, 1, 1)
    near = (readout.placement[held:].abs() <= within).to(latents.device)  # bool (T', 3, h, w)
    fresh = known & ~copied & (made.isfinite() & shown.isfinite()).all(dim=1)
    # few that fell near their cell's centre, and are compared well, or many that are compared worse
    sets = [useful for useful in (fresh & near.all(dim=1), fresh & near[:, 2]) if int(useful.sum()) >= LEAST_TOKENS]
    if not sets or int(fresh.sum()) < LEAST_SHARE * fresh.numel():
        return latents, ColourDrift(COPIED if int(copied.sum()) > int(fresh.sum()) else LITTLE_KNOWN)
    points, made_last, shown_last = readout.point[held:].to(latents.device), made.movedim(1, -1), shown.movedim(1, -1)
    fits = [_fitted(*_some(points[useful], shown_last[useful], made_last[useful]), before) for useful in sets]
    drift, fit, _ = min(fits, key=lambda one: one[2])
    if fit is None:
        return latents, drift
    channels, latents = fit.channels.to(latents.device), latents.clone()
    made = made[:, channels]
    latents[held:, channels] = torch.where(copied[:, None], made, fit.applied(made))
    return latents, drift


def _copied(made: Tensor, shown: Tensor, known: Tensor) -> Tensor:
    """Known tokens that came back as they were shown, but for rounding: bool ``(T, h, w)``."""
    if not bool(known.any()):
        return known
    spread = shown.movedim(1, -1)[known].std(dim=0, correction=0)  # (C,)
    return known & ((made.float() - shown).abs() <= SAME_VALUE * spread.view(-1, 1, 1)).all(dim=1)


def _some(points: Tensor, shown: Tensor, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """At most ``MOST_TOKENS`` of M tokens, drawn by chance, always the same; tokens become float64 ``(C, M)``."""
    if len(points) > MOST_TOKENS:
        drawn = torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:MOST_TOKENS].to(points.device)
        points, shown, made = points[drawn], shown[drawn], made[drawn]
    return points.cpu(), shown.T.cpu().double(), made.T.cpu().double()


def _fitted(
    points: Tensor, shown: Tensor, made: Tensor, before: ColourDrift | None
) -> tuple[ColourDrift, _Fit | None, float]:
    """What is to be taken out, the fit if that is anything, and the standard error of its gain.

    Args:
        points: int64 ``(M,)`` of the memory, which tokens in several latent frames share.
        shown, made: ``(C, M)``.
    """
    kept = _of_one_thing(shown, made)  # bool (M,)
    compared, otherwise = int(kept.sum()), int((~kept).sum())
    drift = ColourDrift(OTHERWISE, compared=compared, otherwise=otherwise)
    if otherwise > MOST_APART * len(kept):
        return drift, None, math.inf
    witnesses = len(torch.unique(points[kept]))  # a point that is seen in every latent frame is still one witness
    if witnesses < LEAST_TOKENS:
        return replace(drift, left=LITTLE_KNOWN), None, math.inf
    fit = _fit(shown[:, kept], made[:, kept], witnesses)
    if not len(fit.channels):
        return drift, None, math.inf
    logarithms, shares = fit.gain.log(), fit.offset / fit.size
    gain, offset = float(fit.gain.median()), float(shares.square().mean().sqrt())
    drift = replace(drift, left="", gain=gain, offset=offset, channels=len(fit.channels))
    largest = float(torch.cat([logarithms, shares]).abs().amax())
    crept = before is not None and not before.left
    gained, moved = (math.log(before.gain), before.offset) if crept else (0.0, 0.0)
    # over all channels, as chance may be as large in one; the more contrast has crept, the more the mean moves with it
    leap = max(abs(math.log(gain) - gained), offset - moved - abs(gained) / 2)
    if leap > LARGEST_DRIFT:
        return replace(drift, left=MEANT), None, fit.error
    return (drift, fit, fit.error) if largest > LEAST_DRIFT else (replace(drift, left=NONE), None, fit.error)


def _of_one_thing(shown: Tensor, made: Tensor) -> Tensor:
    """Tokens that show what they showed when they were remembered, of ``(C, M)`` each: bool ``(M,)``.

    The distance of a token is that of its channels, each in units of its usual distance; channels count as far as they
    hold together. It begins from no drift, and goes on from what it finds until the tokens stay.
    """
    kept = torch.ones(shown.shape[1], dtype=torch.bool)
    gain = torch.ones(len(shown), 1, dtype=shown.dtype)
    least = SAME_VALUE * shown.std(dim=1, correction=0, keepdim=True).clamp(min=1e-12)
    for _ in range(STEPS):
        apart = made - gain * shown
        apart = apart - apart[:, kept].median(dim=1, keepdim=True).values
        usual = torch.maximum(apart[:, kept].abs().median(dim=1, keepdim=True).values / MEDIAN, least)
        correlation = _spreads(shown[:, kept], made[:, kept])[2]
        weight = correlation.clamp(min=1e-3).square()[:, None]
        distance = ((weight * (apart / usual).square()).sum(dim=0) / weight.sum()).sqrt()  # (M,)
        before, kept = kept, distance <= APART * distance.median().clamp(min=1.0)
        if torch.equal(before, kept):
            break
        spread_shown, spread_made, _ = _spreads(shown[:, kept], made[:, kept])
        gain = torch.where(spread_shown > 0, spread_made / spread_shown, 1.0)[:, None]
    return kept


def _spreads(shown: Tensor, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Spread of each channel, remembered and made, and their correlation, 0 of a constant channel: ``(C,)`` each."""
    spread_shown, spread_made = (one.std(dim=1, correction=0) for one in (shown, made))
    both = (shown - shown.mean(dim=1, keepdim=True)) * (made - made.mean(dim=1, keepdim=True))
    correlation = both.mean(dim=1) / (spread_shown * spread_made).clamp(min=1e-30)
    return spread_shown, spread_made, correlation.clamp(-1.0, 1.0)


def _fit(shown: Tensor, made: Tensor, witnesses: int) -> _Fit:
    """Fit the made tokens ``(C, M)`` to the remembered ones, where they hold together; chance stays in them.

    Most drift of contrast is that of all channels alike, which is known better than what each has beside it.
    """
    spread_shown, spread_made, correlation = _spreads(shown, made)
    error = ((1.0 - correlation.square()) / witnesses).sqrt()  # standard, of the logarithm of a ratio of spreads
    varied = torch.minimum(spread_shown, spread_made) > FLAT * spread_shown.amax()
    holds = varied & (correlation >= LEAST_CORRELATION) & (error <= LARGEST_ERROR)  # bool (C,)
    channels = holds.nonzero().squeeze(1)  # int64 (C',)
    middle, before = made[channels].mean(dim=1), shown[channels].mean(dim=1)
    size = shown[channels].square().mean(dim=1).sqrt()
    spread, error, correlation = spread_shown[channels], error[channels], correlation[channels]
    offset = _clear(middle - before, spread * (2.0 * (1.0 - correlation) / witnesses).sqrt())
    gain, of_common = (spread_made[channels] / spread).log(), math.inf
    if len(channels):
        common, of_common = gain.median(), float(error.median()) / len(channels) ** 0.5
        gain = _clear(common, gain.new_tensor(of_common)) + _clear(gain - common, error)
    return _Fit(channels, gain.exp(), middle, offset, size, of_common)


def _clear(value: Tensor, error: Tensor) -> Tensor:
    """As much of a number as stands clear of its standard error."""
    return value * (1.0 - (error / value).square()).clamp(min=0.0).nan_to_num(0.0)
