"""The loop, with a scripted denoiser in a synthetic room whose depth is exact."""

from dataclasses import replace

import pytest
import torch
from synthetic_room import (
    HIGH,
    LOW,
    SETTINGS,
    SIZE,
    SPEC,
    Denoiser,
    H,
    W,
    begin,
    exact_depth,
    hit,
    last,
    on_grid,
    ramp,
    truth,
    turning,
)

from mirage_core import LatentMemory, LatentPath, MirageError, splat
from mirage_core.update import Estimate, UpdateSettings
from mirage_core.walk import walk


def test_a_walk_around_the_room_remembers_the_room():
    cameras = ramp(0, 120, 240, 360)
    state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth))
    latent_cameras = cameras[::4]
    assert state.latents.shape == (13, SPEC.channels, *SIZE)
    shown = splat(state.memory, latent_cameras, SIZE)
    assert shown.known.float().mean() > 0.99
    error = (shown.latents - truth(latent_cameras)).abs().mean(dim=1)[shown.known]
    assert error.mean() < 0.05
    assert state.reports[-1].known > 0.6  # the walk comes back to where it began
    assert all(view.refused == "" for report in state.reports for view in report.views)


def test_chunks_hand_their_last_frame_over():
    cameras, denoiser = ramp(0, 60, 120), Denoiser()
    states = list(walk(begin(cameras), on_grid(cameras), SETTINGS, denoiser, exact_depth))
    assert [len(state.latents) for state in states] == [5, 9]
    first, second = denoiser.requests
    assert torch.equal(second.first, states[0].latents[-1:])
    assert torch.equal(first.first, begin(cameras).latents)
    assert torch.equal(second.preceding, states[0].latents[2:4]) and len(first.preceding) == 0
    assert torch.equal(second.preceding_shown, first.readout.latents[2:4])
    assert torch.equal(second.path.views.cam2world[0], first.path.views.cam2world[-1])


@pytest.mark.parametrize("preceding, given", [(0, 0), (1, 1), (2, 2), (4, 4), (8, 4)])
def test_context_is_as_long_as_asked_for_and_no_longer_than_the_chunk_before(preceding, given):
    cameras, denoiser = ramp(0, 60, 120, 180), Denoiser()
    settings = replace(SETTINGS, preceding=preceding)
    state = last(walk(begin(cameras), on_grid(cameras), settings, denoiser, exact_depth))
    _, second, third = denoiser.requests
    assert [len(one.preceding) for one in denoiser.requests] == [0, given, given]
    assert torch.equal(third.preceding, state.latents[8 - given : 8])
    assert torch.equal(third.preceding_shown, second.readout.latents[4 - given : 4])


def test_a_start_that_is_not_on_the_grid_is_refused():
    cameras = ramp(0, 30)
    path = LatentPath.of(cameras, SPEC, W + 4, H)
    with pytest.raises(MirageError, match=r"frames: must be \(N, C, h, w\)"):
        last(walk(begin(cameras), path, SETTINGS, Denoiser(), exact_depth))


def test_invented_places_are_found_again_with_the_memory_and_lost_without():
    cameras = ramp(0, 90, 0, 90)
    differences = []
    for remembers in (True, False):
        denoiser = Denoiser(invents=True, remembers=remembers)
        state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, denoiser, exact_depth))
        away, again = state.latents[4], state.latents[12]  # both at 90 degrees
        differences.append(float((away - again).square().mean()))
    with_memory, without = differences
    assert with_memory < 0.05 < 0.5 < without


def test_standing_still_adds_nothing():
    cameras = turning([0.0] * 33)
    states = list(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth))
    points = begin(cameras).memory.num_points
    assert [state.memory.num_points for state in states] == [points, points]
    assert [report.known for report in states[-1].reports] == [1.0, 1.0]


def test_a_second_round_adds_next_to_nothing_and_appending_does():
    cameras = ramp(0, 180, 360, 540, 720)
    reports = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth)).reports
    first, second = reports[1].points, reports[3].points
    assert second < 1.1 * first
    append = replace(SETTINGS, update=UpdateSettings(policy="append"))
    reports = last(walk(begin(cameras), on_grid(cameras), append, Denoiser(), exact_depth)).reports
    assert reports[3].points > 1.7 * reports[1].points


def test_references_are_past_views_of_the_same_place():
    cameras, denoiser = ramp(0, 90, 180, 90), Denoiser()
    state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, denoiser, exact_depth))
    picked = [frame for frame, _ in state.reports[2].references]
    assert picked and set(picked) <= set(range(4, 9))  # the third chunk turns back over what the second one saw
    assert torch.equal(denoiser.requests[2].references, state.latents[picked])
    assert state.reports[0].references == ()


def test_a_walk_that_is_taken_up_again_equals_one_without_a_break():
    cameras = ramp(0, 120, 240, 360)
    states = list(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth))
    again = last(walk(states[0], on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth))
    assert torch.equal(again.latents, states[-1].latents)
    assert torch.equal(again.memory.column("xyz"), states[-1].memory.column("xyz"))
    assert torch.equal(again.memory.as_one_block().features, states[-1].memory.as_one_block().features)


def test_the_budget_holds_after_every_chunk():
    cameras = ramp(0, 120, 240)
    for state in walk(begin(cameras), on_grid(cameras), replace(SETTINGS, max_bytes=8000), Denoiser(), exact_depth):
        assert state.memory.nbytes <= 8000 and state.memory.num_points > 50


@pytest.mark.parametrize("fit", ["scale", "scale and shift"])
def test_depth_of_any_scale_gives_the_same_memory(fit):
    cameras = ramp(0, 60, 120)
    generator = torch.Generator().manual_seed(2)

    def corrupted(latents, views, readout):
        factors = 0.5 * 4.0 ** torch.rand(len(views), generator=generator)  # 0.5 .. 2
        return Estimate(hit(views, (H, W))[0] * factors[:, None, None])

    def room_error(state):
        """Mean distance of the remembered points from the walls."""
        xyz = state.memory.column("xyz")
        return float(torch.minimum(xyz - LOW, HIGH - xyz).abs().amin(dim=1).mean())

    settings = replace(SETTINGS, update=UpdateSettings(fit=fit))
    good = last(walk(begin(cameras), on_grid(cameras), settings, Denoiser(), corrupted))
    unaligned = replace(SETTINGS, update=UpdateSettings(fit="none", tolerance=1e3))
    bad = last(walk(begin(cameras), on_grid(cameras), unaligned, Denoiser(), corrupted))
    assert room_error(good) < 0.05 and room_error(bad) > 0.3
    assert all(view.residual < 0.05 for report in good.reports for view in report.views)


def test_a_view_that_does_not_fit_the_memory_is_not_written_and_named():
    cameras = ramp(0, 30)

    def noise(latents, views, readout):
        generator = torch.Generator().manual_seed(0)
        depth = hit(views, (H, W))[0]
        depth[2:4] = 0.5 + 5.0 * torch.rand(2, *SIZE, generator=generator).repeat_interleave(4, 1).repeat_interleave(
            4, 2
        )
        return Estimate(depth)

    state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), noise))
    refused = {view.frame: view.refused for view in state.reports[0].views}
    assert refused == {0: "", 1: "", 2: "depth does not fit the memory", 3: "depth does not fit the memory", 4: ""}
    assert [len(seen) > 0 for seen in state.seen] == [True, True, False, False, True]
    assert state.left_out.flatten(1).all(dim=1).tolist() == [False, False, True, True, False]


def test_a_thing_that_stands_in_the_way_is_a_contradiction_and_named():
    cameras = turning([0.0] * 17)

    def with_a_box(latents, views, readout):
        depth = hit(views, (H, W))[0]
        depth[:, :16, :20] = 0.7  # in front of the wall that the memory knows there
        return Estimate(depth)

    before = begin(cameras)
    state = last(walk(before, on_grid(cameras), SETTINGS, Denoiser(), with_a_box))
    assert state.memory.num_points == before.memory.num_points
    assert all(view.excluded == {"contradiction": 20} for view in state.reports[0].views)
    assert state.left_out.shape == (5, *SIZE)
    assert state.left_out[:, :4, :5].all() and int(state.left_out.sum()) == 5 * 20


def test_excluded_tokens_are_not_written_and_counted_by_reason():
    cameras = ramp(0, 60)

    def with_sky(latents, views, readout):
        sky = torch.zeros(len(views), H, W, dtype=torch.bool)
        sky[:, :8] = True
        person = torch.zeros_like(sky)
        person[:, 20, 40] = True
        return Estimate(hit(views, (H, W))[0], {"sky": sky, "person": person})

    state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), with_sky))
    assert all(view.excluded == {"sky": 30, "person": 1} for view in state.reports[0].views)
    new = state.memory.blocks[1].xyz
    assert float(new[:, 1].min()) > -1.5 * 7 / 9  # nothing from the two upper rows


@pytest.mark.parametrize(
    "depth, refused",
    [
        (0.0, "no depth"),
        (torch.nan, "no depth"),
        (torch.inf, "no depth"),
    ],
)
def test_a_view_of_sky_alone_is_not_written(depth, refused):
    cameras = ramp(0, 30)
    before = begin(cameras)

    def sky(latents, views, readout):
        return Estimate(torch.full((len(views), H, W), depth))

    state = last(walk(before, on_grid(cameras), SETTINGS, Denoiser(), sky))
    assert {view.refused for view in state.reports[0].views} == {refused}
    assert state.memory.num_points == before.memory.num_points


def test_excluding_everything_writes_nothing():
    cameras = ramp(0, 30)

    def everything(latents, views, readout):
        return Estimate(hit(views, (H, W))[0], {"sky": torch.ones(len(views), H, W, dtype=torch.bool)})

    state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), everything))
    assert {view.refused for view in state.reports[0].views} == {"every token is left out"}


def test_looking_away_at_once_has_nothing_in_common_with_the_memory():
    cameras = turning([0.0] + [180.0] * 16)
    state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth))
    views = state.reports[0].views
    assert [view.refused for view in views] == ["", *["too little in common with the memory"] * 4]


def test_one_frame_and_short_paths_are_walks_too():
    for frames in (1, 5):
        cameras = turning([0.0] * frames)
        state = last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth))
        assert len(state.latents) == (frames + 3) // 4 and len(state.reports) == 1


def test_a_denoiser_that_returns_something_else_is_named():
    cameras = ramp(0, 30)
    with pytest.raises(MirageError, match=r"denoise\): must return \(5, 8, 9, 15\); got \(4, 8, 9, 15\)"):
        last(walk(begin(cameras), on_grid(cameras), SETTINGS, lambda request: request.readout.latents[1:], exact_depth))


def test_a_path_of_no_whole_latent_frames_is_refused_before_anything_is_made():
    cameras = turning([0.0] * 18)
    with pytest.raises(MirageError, match=r"frames: must be 1 \+ 4 n video frames"):
        last(walk(begin(cameras), on_grid(cameras), SETTINGS, Denoiser(), exact_depth))


def in_clips(cameras):
    """The start of a walk, and its path, in a format of clips of 17 video frames that span 1, 4, 4, 4 and 4."""
    state = begin(cameras)
    memory = LatentMemory(replace(SPEC, clip=5), state.memory.blocks, state.memory.keyframes)
    return replace(state, memory=memory), LatentPath.of(cameras, memory.spec, W, H)


def test_chunks_of_a_format_in_clips_begin_with_a_clip_and_share_two_latent_frames():
    cameras, denoiser = ramp(0, 60, 90, 120)[:39], Denoiser()
    start, path = in_clips(cameras)
    states = list(walk(start, path, replace(SETTINGS, chunk_frames=22), denoiser, exact_depth))
    assert [len(state.latents) for state in states] == [7, 12]
    first, second = denoiser.requests
    assert torch.equal(second.first, states[0].latents[5:7]) and len(first.first) == 1
    assert torch.equal(second.path.views.cam2world[:2], first.path.views.cam2world[5:7])
    assert torch.equal(second.preceding, states[0].latents[3:5])
    assert torch.equal(second.preceding_shown, first.readout.latents[3:5])
    shown = splat(states[-1].memory, path.views, SIZE)
    assert (shown.latents - truth(path.views)).abs().mean(dim=1)[shown.known].mean() < 0.05


def test_latents_of_a_single_video_frame_are_written_before_those_of_four():
    cameras = ramp(0, 60, 120)[:22]
    start, path = in_clips(cameras)
    state = last(walk(start, path, replace(SETTINGS, chunk_frames=22), Denoiser(), exact_depth))
    written = torch.cat([block.frame for block in state.memory.blocks[len(start.memory.blocks) :]])
    order = list(dict.fromkeys(written.tolist()))
    assert order == [frame for frame in (0, 5, 1, 2, 3, 4, 6) if frame in order] and 5 in order
    assert [view.frame for view in state.reports[0].views] == list(range(7))
