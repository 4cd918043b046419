"""Walks of 20 chunks whose denoiser raises the contrast, or shifts the mean, a little in every chunk.

The room is painted finer than the other tests' and seen by more tokens, about as many as those of a small video.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise

import pytest
import torch
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, hit, last, on_grid, ramp
from synthetic_room import truth as painted
from torch import Tensor

from mirage_core import Geometry, LatentMemory, LatentPath, LatentSpec, lift
from mirage_core.colour_drift import COPIED, ColourDrift
from mirage_core.storage import read_file, write_file
from mirage_core.update import Estimate
from mirage_core.walk import WalkState, walk
from mirage_core.walk_files import chunk_path, load_chunks, save_chunk
from mirage_core.walk_report import walk_summary, walk_text

SIZE, PIXELS = (24, 40), 4
H, W = SIZE[0] * PIXELS, SIZE[1] * PIXELS
SPEC = LatentSpec(channels=8, spatial=PIXELS, temporal=4)
FREQUENCY, PHASE = torch.tensor([2.7, 4.1, 3.3]), torch.arange(8) * 0.8
SPREAD = 0.5**0.5  # of a wave
CHUNKS = 20
ROUND = ramp(*range(0, 30 * CHUNKS + 1, 30))  # a turn and two thirds
SWINGS = ramp(*([0, 40] * (CHUNKS // 2)), 0)


def room(cameras, shift=0.0):
    places = hit(cameras, SIZE)[1]
    return torch.sin((places * FREQUENCY).sum(dim=-1)[:, None] + (PHASE + shift)[:, None, None])


def depth(latents, cameras, readout):
    return Estimate(hit(cameras, (H, W))[0])


def started(cameras):
    first = cameras[[0]]
    block = lift(room(first), Geometry(hit(first, (H, W))[0], first))
    return WalkState(room(first), LatentMemory(SPEC).insert(block, cameras=first))


def ratio(made, before):
    """Gain and offset ``(1, C, 1, 1)`` of what became of latents ``(1, C, h, w)``: nothing else did."""
    x, y = (one.double() for one in (before, made))
    x0, y0 = (one.mean(dim=(0, 2, 3), keepdim=True) for one in (x, y))
    gain = ((x - x0) * (y - y0)).sum(dim=(0, 2, 3), keepdim=True) / (x - x0).square().sum(dim=(0, 2, 3), keepdim=True)
    return gain.float(), (y0 - gain * x0).float()


@dataclass
class Drifting:
    """Draws the room as its first latent frame looks, and in every chunk a little stronger, or shifted.

    Attributes:
        noise: of what it draws, in spreads.
        others: share of the known tokens in which it draws another thing.
        look: gain and offset of what it draws, against the room.
    """

    gain: float = 1.0
    offset: float = 0.0
    noise: float = 0.0
    others: float = 0.0
    look: tuple[Tensor | float, Tensor | float] = (1.0, 0.0)
    made: Tensor | None = None
    chance: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    def __call__(self, request):
        self.taken_up(request.first)
        gain, offset = self.look
        self.look = (self.gain * gain, self.gain * offset + self.offset)
        gain, offset = self.look
        drawn = gain * room(request.path.views) + offset
        drawn = drawn + self.noise * SPREAD * torch.randn(drawn.shape, generator=self.chance)
        others = (torch.rand(len(drawn), *SIZE, generator=self.chance) < self.others) & request.readout.known
        drawn = torch.where(others[:, None], gain * room(request.path.views, shift=1.5) + offset, drawn)
        self.made = drawn[-1:]
        return torch.cat([request.first, drawn[1:]])

    def taken_up(self, first):
        """Go on from what became of the last latent frame."""
        if self.made is not None:
            gain, offset = ratio(first, self.made)
            self.look = (gain * self.look[0], gain * self.look[1] + offset)


def looks_after(cameras, hold_colours, **drift):
    """Gain of all channels together, and gains and offsets ``(C,)``, of the last latent frame against the room."""
    denoiser, settings = Drifting(**drift), replace(SETTINGS, hold_colours=hold_colours)
    state = last(walk(started(cameras), LatentPath.of(cameras, SPEC, W, H), settings, denoiser, depth))
    assert state.finished == CHUNKS
    denoiser.taken_up(state.latents[-1:])
    gain, offset = (torch.as_tensor(one).flatten() for one in denoiser.look)
    return float(gain.mean()), gain, offset / SPREAD


@pytest.mark.parametrize("cameras", [ROUND, SWINGS], ids=["round", "swings"])
def test_three_percent_a_chunk_are_under_one_percent_after_twenty(cameras):
    together, gains, offsets = looks_after(cameras, True, gain=1.03)
    assert abs(together - 1.0) < 0.01 and (gains - 1.0).abs().max() < 0.01 and offsets.abs().max() < 0.02


def test_without_it_they_are_eighty_percent():
    together, _, _ = looks_after(ROUND, False, gain=1.03)
    assert together == pytest.approx(1.03**CHUNKS, rel=0.01)


@pytest.mark.parametrize("cameras, gain", [(ROUND, 1.03), (SWINGS, 0.97)], ids=["round", "swings"])
def test_so_they_are_with_noise_and_where_a_fifth_is_contradicted(cameras, gain):
    together, gains, offsets = looks_after(cameras, True, gain=gain, noise=0.05, others=0.2)
    assert abs(together - 1.0) < 0.01 and (gains - 1.0).abs().max() < 0.03 and offsets.abs().max() < 0.03


def test_a_shift_of_the_mean_is_held_too():
    _, gains, offsets = looks_after(ROUND, True, offset=0.02, noise=0.05)
    assert (gains - 1.0).abs().max() < 0.03 and offsets.abs().max() < 0.03
    _, _, offsets = looks_after(ROUND, False, offset=0.02, noise=0.05)
    assert offsets.min() > 0.5


@pytest.mark.parametrize("cameras, others", [(ROUND, 0.2), (SWINGS, 0.0)], ids=["round", "swings"])
def test_where_nothing_drifts_nothing_is_made_to(cameras, others):
    together, gains, offsets = looks_after(cameras, True, noise=0.05, others=others)
    assert abs(together - 1.0) < 0.01 and (gains - 1.0).abs().max() < 0.03 and offsets.abs().max() < 0.03


def test_frames_that_a_chunk_begins_with_stay_as_they_are():
    path = LatentPath.of(ROUND[:49], SPEC, W, H)
    states = list(walk(started(ROUND), path, SETTINGS, Drifting(gain=1.05), depth))
    for before, after in pairwise(states):
        assert torch.equal(after.latents[: len(before.latents)], before.latents)
    assert torch.equal(states[-1].latents[:1], started(ROUND).latents)
    assert all(state.reports[-1].colours.left == "" for state in states)


def test_depth_is_estimated_of_the_corrected_latents_and_the_memory_holds_them():
    seen = []

    def estimate(latents, cameras, readout):
        seen.append(latents)
        return depth(latents, cameras, readout)

    state = last(walk(started(ROUND), LatentPath.of(ROUND[:17], SPEC, W, H), SETTINGS, Drifting(gain=1.05), estimate))
    assert torch.equal(seen[0], state.latents)
    written = state.memory.blocks[-1].features
    assert written.abs().max() < 1.02 < Drifting(gain=1.05).gain


def test_a_denoiser_that_shows_the_memory_is_not_touched_and_sound_is_not_either():
    cameras, sound = ramp(0, 60, 120), torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    with_sound = Denoiser()
    held = last(walk(begin(cameras), on_grid(cameras), SETTINGS, lambda q: (with_sound(q), sound), exact_depth))
    off = replace(SETTINGS, hold_colours=False)
    free = last(walk(begin(cameras), on_grid(cameras), off, Denoiser(), exact_depth))
    assert torch.equal(held.latents, free.latents)
    assert [report.colours.left for report in held.reports] == [COPIED, COPIED]
    assert [report.colours for report in free.reports] == [None, None]
    assert all(torch.equal(one, sound) for one in held.sound) and len(held.sound) == 2


def drifted(hold_colours=True):
    path, settings = LatentPath.of(ROUND[:17], SPEC, W, H), replace(SETTINGS, hold_colours=hold_colours)
    return last(walk(started(ROUND), path, settings, Drifting(gain=1.03), depth))


def test_the_report_says_what_was_taken_out():
    state = drifted()
    colours = state.reports[0].colours
    assert "  colour drift taken out: contrast +" in walk_text(state)
    assert f"in 8 channels of {colours.compared:,} known tokens" in walk_text(state)
    summary = json.loads(json.dumps(walk_summary(state)))
    assert summary["chunks"][0]["colours"] == asdict(colours)
    assert "colour" not in walk_text(drifted(hold_colours=False))


@pytest.mark.parametrize(
    "colours, said",
    [
        (
            ColourDrift("", 1.03, 0.012, 8, 1234),
            "colour drift taken out: contrast +3.0%, mean moved by 1.2%, in 8 chan",
        ),
        (ColourDrift("too little known"), "colours left as they were made: too little known\n"),
        (ColourDrift("no drift", 1.0, 0.0, 8, 99), "left as they were made: no drift (contrast +0.0%, mean moved by 0"),
    ],
)
def test_the_report_says_what_was_left(colours, said):
    state = drifted()
    state = replace(state, reports=(replace(state.reports[0], colours=colours),))
    assert said in walk_text(state)


def test_a_saved_chunk_keeps_what_was_taken_out(tmp_path):
    state = drifted()
    save_chunk(tmp_path, started(ROUND), state, {}, {})
    assert load_chunks(tmp_path, started(ROUND), {}, 1).reports == state.reports


def test_a_chunk_that_an_earlier_version_has_saved_says_nothing_of_colours(tmp_path):
    state = drifted()
    save_chunk(tmp_path, started(ROUND), state, {}, {})
    path = chunk_path(tmp_path, 0)
    header, tensors = read_file(path)
    report = json.loads(header["report"])
    del report["colours"]
    write_file(path, tensors, {**header, "report": json.dumps(report)})
    assert load_chunks(tmp_path, started(ROUND), {}, 1).reports == (replace(state.reports[0], colours=None),)


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("degrees", [18, 40])
def test_a_model_that_creeps_on_whatever_was_taken_out_is_held_among_few_tokens(degrees, noise):
    """It is 1.03^n as strong in chunk n, also where its first frame is not; 9 x 15 tokens."""
    cameras = ramp(*[degrees * chunk for chunk in range(CHUNKS + 1)])

    def creeping(request):
        draw = torch.Generator().manual_seed(request.chunk.number)
        made = 1.03 ** (request.chunk.number + 1) * painted(request.path.views)
        made = made + noise * torch.randn(made.shape, generator=draw)
        return torch.cat([request.first, made[len(request.first) :]])

    contrast = []
    for hold in (True, False):
        settings = replace(SETTINGS, hold_colours=hold)
        state = last(walk(begin(cameras), on_grid(cameras), settings, creeping, exact_depth))
        contrast.append(float(state.frames[-4:].std() / painted(cameras[::4][-4:]).std()))
    held, crept = contrast
    assert abs(held - 1.0) < 0.03 and crept > 1.5
