"""Depth of pictures, and tokens in the world."""

import pytest
import torch

from mirage_core import Cameras, Geometry, MirageError, lift
from mirage_core.conventions import MIN_DEPTH
from mirage_core.geometry import token_crop
from mirage_core.timing import Timing

K = torch.tensor([[[0.8, 0.0, 0.4], [0.0, 1.3, 0.55], [0.0, 0.0, 1.0]]])


def cameras(views=1):
    return Cameras(torch.eye(4).repeat(views, 1, 1), K)


def geometry(depth, valid=None):
    return Geometry(depth, cameras(len(depth)), valid)


def test_the_median_ignores_holes_and_the_bilinear_sample_averages_them_in():
    depth = torch.full((1, 12, 20), 4.0)
    depth[:, :, 1::2] = 0.0  # every other column is a hole
    tokens = (3, 5)
    assert torch.equal(geometry(depth).pooled(tokens, "median")[0], torch.full((1, 3, 5), 4.0))
    assert torch.equal(geometry(depth).pooled(tokens, "min")[0], torch.full((1, 3, 5), 4.0))
    assert torch.equal(geometry(depth).pooled(tokens, "bilinear")[0], torch.full((1, 3, 5), 2.0))


def test_a_token_that_mostly_sees_holes_has_no_depth():
    depth = torch.full((1, 4, 8), 4.0)
    depth[0, :2, :4] = 0.0  # 8 of the 16 pixels of token 0: just enough are left
    depth[0, :2, 4:] = depth[0, 2, 4] = 0.0  # 9 of token 1
    pooled, share = geometry(depth).pooled((1, 2))
    assert pooled.tolist() == [[[4.0, 0.0]]]
    assert share.tolist() == [[[0.5, 7 / 16]]]


def test_the_median_is_a_depth_that_was_seen_and_the_minimum_the_nearest():
    depth = torch.tensor([[[1.0, 2.0], [8.0, 9.0]]])
    assert geometry(depth).pooled((1, 1), "median")[0].item() == 2.0
    assert geometry(depth).pooled((1, 1), "min")[0].item() == 1.0


def test_tokens_own_their_pixels_where_the_grid_does_not_divide_the_picture():
    depth = torch.arange(1.0, 8.0).view(1, 7, 1).expand(1, 7, 11)  # rows 1..7 over 3 tokens: 2, 3 and 2 rows
    assert geometry(depth).pooled((3, 4), "min")[0][0, :, 0].tolist() == [1.0, 3.0, 6.0]


def test_pixels_that_are_not_valid_do_not_count_whatever_they_hold():
    depth = torch.full((1, 4, 4), 5.0)
    valid = torch.ones(1, 4, 4, dtype=torch.bool)
    depth[0, 0, 0], valid[0, 0, 0] = float("nan"), False
    assert geometry(depth, valid).pooled((1, 1), "min")[0].item() == 5.0


def test_an_edge_is_a_token_with_two_depths_and_not_a_few_stray_pixels():
    depth = torch.full((1, 8, 16), 2.0)
    depth[0, :, 3:8] = 6.0  # token 0 straddles it
    depth[0, 0, 9] = 6.0  # a stray pixel in token 1
    assert geometry(depth).edges((1, 2), tolerance=0.25).tolist() == [[[True, False]]]
    assert len(lift(torch.zeros(1, 2, 1, 2), geometry(depth), edge=0.25)) == 1


def test_latent_frames_take_the_first_and_then_every_fourth_pixel_frame():
    depth = torch.arange(1.0, 10.0).view(9, 1, 1).expand(9, 4, 4)
    assert geometry(depth).at_latent_frames(Timing(4)).depth[:, 0, 0].tolist() == [1.0, 5.0, 9.0]


def test_a_crop_changes_depth_and_camera_together():
    depth = torch.rand(1, 12, 20, generator=torch.Generator().manual_seed(0)) + 1
    whole = lift(torch.zeros(1, 2, 12, 20), geometry(depth)).xyz.view(12, 20, 3)
    cut = lift(torch.zeros(1, 2, 6, 8), geometry(depth).cropped(4, 10, 6, 8)).xyz.view(6, 8, 3)
    torch.testing.assert_close(cut, whole[4:10, 10:18])


def test_the_part_that_a_vae_encodes_is_the_centre_in_whole_tokens():
    depth = torch.arange(1.0, 15.0).view(1, 14, 1).expand(1, 14, 21)
    cut = geometry(depth).cropped_to_tokens((3, 5), spatial=4)
    assert cut.image_size == (12, 20)
    assert cut.depth[0, :, 0].tolist() == list(range(2, 14))


def test_a_depth_that_is_finer_than_the_picture_is_cut_in_larger_tokens():
    depth = torch.arange(1.0, 30.0).view(1, 29, 1).expand(1, 29, 43)  # of the picture above, twice as large
    cut = geometry(depth).cropped_to_tokens((3, 5), spatial=4)
    assert cut.image_size == (24, 40) and cut.depth[0, :, 0].tolist() == list(range(3, 27))
    with pytest.raises(MirageError, match=r"depth: must have the size of the picture .*got depth of 43 x 29"):
        geometry(depth).cropped_to_tokens((3, 4), spatial=4)


def test_the_centre_of_a_picture_lies_half_a_pixel_up_and_left_where_it_must():
    assert token_crop((14, 21), 4) == (slice(1, 13), slice(0, 20))
    assert token_crop((12, 23), 4) == (slice(0, 12), slice(1, 21))


def test_a_token_lies_on_the_ray_through_its_centre():
    block = lift(torch.zeros(1, 2, 3, 5), geometry(torch.full((1, 12, 20), 4.0)))
    x, y = ((3.5 / 5) - 0.4) / 0.8 * 4.0, ((1.5 / 3) - 0.55) / 1.3 * 4.0
    torch.testing.assert_close(block.xyz.view(3, 5, 3)[1, 3], torch.tensor([x, y, 4.0]))


def test_the_corner_anchor_puts_it_on_the_ray_through_its_corner():
    block = lift(torch.zeros(1, 2, 3, 5), geometry(torch.full((1, 12, 20), 4.0)), token_anchor="corner")
    x, y = ((3 / 5) - 0.4) / 0.8 * 4.0, ((1 / 3) - 0.55) / 1.3 * 4.0
    torch.testing.assert_close(block.xyz.view(3, 5, 3)[1, 3], torch.tensor([x, y, 4.0]))


def test_a_footprint_is_the_width_of_the_token_in_the_world():
    square = Cameras(torch.eye(4).unsqueeze(0), torch.tensor([[[0.8, 0, 0.5], [0, 0.8 * 5 / 3, 0.5], [0, 0, 1.0]]]))
    block = lift(torch.zeros(1, 2, 3, 5), Geometry(torch.full((1, 12, 20), 4.0), square))
    neighbours = block.xyz.view(3, 5, 3)
    torch.testing.assert_close(block.footprint[0], neighbours[0, 1, 0] - neighbours[0, 0, 0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_features_keep_their_type_and_their_order(dtype):
    latents = torch.arange(30.0).view(1, 2, 3, 5).to(dtype)
    block = lift(latents, geometry(torch.full((1, 12, 20), 4.0)))
    assert block.features.dtype == dtype and block.xyz.dtype == torch.float32
    assert block.features[7].tolist() == [7.0, 22.0]  # row 1, column 2


def test_a_token_is_left_out_if_any_of_its_pixels_is_excluded():
    exclude = torch.zeros(2, 12, 20, dtype=torch.bool)
    exclude[1, 5, 11] = True  # row 1, column 2 of frame 1
    depth = torch.full((2, 12, 20), 4.0)
    block = lift(torch.zeros(2, 2, 3, 5), geometry(depth), exclude=exclude, frames=torch.tensor([4, 9]))
    assert len(block) == 29
    assert (block.frame == 4).sum() == 15 and (block.frame == 9).sum() == 14


def test_confidence_is_the_share_of_valid_pixels():
    depth = torch.full((1, 4, 4), 4.0)
    depth[0, 0] = 0.0
    assert lift(torch.zeros(1, 2, 1, 1), geometry(depth)).confidence.tolist() == [0.75]


def test_a_depth_on_the_camera_is_no_place_for_a_token():
    depth = torch.full((1, 4, 8), MIN_DEPTH / 2)
    depth[:, :, 4:] = 1.0
    assert len(lift(torch.zeros(1, 2, 1, 2), geometry(depth))) == 1
