"""Pictures for people: what they are made of. Those of whole walks are looked at in the nodes' own tests."""

import numpy as np
import pytest
import torch
from remembered import Pack


@pytest.fixture
def pixels(comfy):
    return Pack(comfy).module("nodes.pictures.pixels")


def test_bytes_become_colours_and_the_same_bytes_again(pixels):
    every = torch.arange(256, dtype=torch.uint8).view(16, 16, 1).expand(16, 16, 3)
    colours = pixels.as_image(pixels.as_picture(every / 255.0))
    assert colours.shape == (1, 16, 16, 3) and colours.dtype == torch.float32
    assert float(colours.min()) == 0.0 and float(colours.max()) == 1.0
    assert np.array_equal(np.array(pixels.as_picture(colours[0])), every.numpy())


def test_of_a_depth_the_nearest_is_white_and_the_unknown_black(comfy):
    depth = torch.tensor([[[2.0, 4.0, 0.0]]])  # (1, 1, 3)
    image = Pack(comfy).module("nodes.pictures.depth").depth_image(depth)
    assert image.shape == (1, 1, 3, 3)
    assert image[0, 0].tolist() == [[1.0] * 3, [0.5] * 3, [0.0] * 3]


def test_a_depth_that_is_nowhere_known_is_black(comfy):
    image = Pack(comfy).module("nodes.pictures.depth").depth_image(torch.zeros(2, 3, 4))
    assert image.shape == (2, 3, 4, 3) and not image.any()


@pytest.mark.parametrize(
    ("scores", "rows"),
    [
        ([20.0], [("worst", 20.0)]),
        ([30.0, 20.0], [("worst", 20.0), ("best", 30.0)]),
        ([30.0, 10.0, 20.0], [("worst", 10.0), ("median", 20.0), ("best", 30.0)]),
        ([40.0, 30.0, 10.0, 20.0], [("worst", 10.0), ("median", 30.0), ("best", 40.0)]),
    ],
)
def test_revisits_are_shown_by_rank_and_none_twice(comfy, scores, rows):
    pack = Pack(comfy)
    revisit, shown = pack.module("mirage_core.metrics").Revisit, pack.module("nodes.pictures.closure").shown
    found = [revisit(0, n + 1, 0.0, 0.0, psnr, ssim=0.5) for n, psnr in enumerate(scores)]
    assert [(name, one.psnr) for name, one in shown(found)] == rows


def test_loop_closure_of_two_walks_shows_the_other_walks_frames_on_the_right(comfy):
    pack = Pack(comfy)
    revisit, picture = pack.module("mirage_core.metrics").Revisit, pack.module("nodes.pictures.closure").closure_picture
    red, green = torch.zeros(2, 2, 20, 30, 3)
    red[..., 0], green[..., 1] = 1.0, 1.0
    drawn = picture(red, [revisit(0, 1, 0.0, 0.0, 20.0, ssim=0.5)], green)[0]
    left, right = ((drawn[:, half] > 0.9).flatten(0, 1) for half in (slice(0, 480), slice(480, None)))
    of_red, of_green = torch.tensor([True, False, False]), torch.tensor([False, True, False])
    assert (left == of_red).all(1).any() and not (left == of_green).all(1).any()
    assert (right == of_green).all(1).any() and not (right == of_red).all(1).any()


PICTURES, PLACES = torch.zeros(2, 16, 16, 3), "the cameras of the pictures"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"other_cameras": PLACES}, "other_frames, other_video: connect one of them; neither is connected"),
        ({"other_frames": PICTURES}, "other_cameras: must be those of the second walk; nothing is connected"),
        ({"frames": None}, "^frames, video: connect one of them; neither is connected"),
    ],
)
def test_loop_closure_asks_for_what_is_not_connected(comfy, other, message):
    pack = Pack(comfy)
    cameras = pack.module("mirage_core").Cameras(torch.eye(4).repeat(2, 1, 1), torch.tensor([1.0, 1.0, 1.0]).diag())
    given = {name: cameras if value is PLACES else value for name, value in other.items()}
    with pytest.raises(ValueError, match=message):
        pack.node("Mirage_LoopClosure").execute(
            **{"frames": PICTURES, "cameras": cameras, **given}, distance=1, angle=1
        )


def test_where_nothing_is_known_a_frame_is_grey_or_fades_into_it(comfy):
    with_unknown = Pack(comfy).module("nodes.host.seen_frames").with_unknown
    frames = torch.tensor([[[[0.2, 0.4, 0.8], [0.2, 0.4, 0.8]]]])  # (1, 1, 2, 3)
    known = torch.tensor([[[[1.0], [0.0]]]])
    assert torch.equal(with_unknown(frames, known, 0.5)[0, 0, 1], torch.full((3,), 0.5))
    faded = with_unknown(frames, known, 0.5, left=0.25)[0, 0]
    assert torch.equal(faded[0], frames[0, 0, 0])
    torch.testing.assert_close(faded[1], torch.tensor([0.55, 0.6, 0.7]))
