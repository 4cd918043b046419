"""Where frames, tokens and lens of a path are brought together."""

import pytest
import torch

from mirage_core import Cameras, Geometry, LatentMemory, LatentPath, LatentSpec, MirageError, lift, splat

WAN, LTX, PICTURES = LatentSpec(16, 8, 4), LatentSpec(128, 32, 8), LatentSpec(4, 8)


def cameras(frames, shape=(48, 80)):
    cam2world = torch.eye(4).repeat(frames, 1, 1)
    cam2world[:, 0, 3] = torch.arange(frames)
    return Cameras(cam2world, Cameras.at_origin(60.0, shape).K)


@pytest.mark.parametrize(
    "spec, frames, numbers", [(WAN, 9, (0, 4, 8)), (LTX, 17, (0, 8, 16)), (PICTURES, 3, (0, 1, 2)), (WAN, 1, (0,))]
)
def test_every_latent_frame_stands_at_a_video_frame(spec, frames, numbers):
    path = LatentPath.of(cameras(frames), spec, 320, 192).whole()
    assert path.frames == numbers and path.unused == 0
    assert path.size == (len(numbers), 192 // spec.spatial, 320 // spec.spatial)
    assert path.views.centers[:, 0].tolist() == list(numbers)


def test_the_lens_gets_square_pixels_in_the_shape_of_the_video():
    path = LatentPath.of(cameras(5), WAN, 128, 48)
    assert path.mismatch and torch.equal(path.video.K[:, 1, 1], cameras(5).K[:, 1, 1])
    torch.testing.assert_close(path.video.K[:, 0, 0] * 128, path.video.K[:, 1, 1] * 48)
    assert not LatentPath.of(cameras(5, shape=(47, 80)), WAN, 80, 48).mismatch  # rounded to whole tokens


def test_a_part_is_the_path_between_two_video_frames():
    path = LatentPath.of(cameras(17), WAN, 80, 48)
    part = path.part(8, 17)
    assert part.size == (3, 6, 10) and part.frames == (0, 4, 8)
    assert part.views.centers[:, 0].tolist() == [8.0, 12.0, 16.0]
    assert torch.equal(part.views.cam2world, path.views[[2, 3, 4]].cam2world)


def test_frames_that_fill_no_latent_frame_are_counted_and_refused_where_all_are_needed():
    path = LatentPath.of(cameras(11), WAN, 80, 48)
    assert (path.unused, len(path)) == (2, 3)
    with pytest.raises(MirageError, match=r"cameras: must be 1 \+ 4 n video frames, .* \(9, 13, \.\.\.\); got 11"):
        path.whole()


def test_another_shape_is_said_and_refused_where_it_matters():
    path = LatentPath.of(cameras(5), WAN, 48, 48)
    shape = "must have the shape of what the cameras see, 1.667 : 1; got 48 x 48, 1.000 : 1."
    assert path.mismatch == f"width, height: {shape}"
    with pytest.raises(MirageError, match=r"width, height: must have the shape .* Cut the picture"):
        path.whole()


@pytest.mark.parametrize("width, height", [(84, 48), (80, 50), (0, 48), (80, -8)])
def test_a_video_without_whole_tokens_is_refused_with_sizes_near_it(width, height):
    with pytest.raises(MirageError, match=rf"width, height: must be multiples of 8, .* got {width} x {height}\."):
        LatentPath.of(cameras(5), WAN, width, height)
    with pytest.raises(MirageError, match="Near them are 80 or 88 and 48"):
        LatentPath.of(cameras(5), WAN, 84, 48)


def test_a_memory_is_read_along_a_path():
    path = LatentPath.of(cameras(5), WAN, 80, 48)
    first = path.views[[0]]
    block = lift(torch.randn(1, 16, 6, 10), Geometry(torch.full((1, 48, 80), 12.0), first))
    memory = LatentMemory(WAN).insert(block, cameras=first)
    ours, expected = splat(memory, path), splat(memory, path.views, (6, 10))
    assert torch.equal(ours.point, expected.point) and torch.equal(ours.latents, expected.latents)
    assert 0 < int(ours.known.sum()) < ours.known.numel()
    with pytest.raises(MirageError, match=r"size: must be .*; got None"):
        splat(memory, path.views)
