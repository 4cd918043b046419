"""Colours of a video: BT.709 in limited range, as players read it."""

import pytest
import torch

from mirage_core.colours import as_bt709, of_bt709


def flat(colour, h=6, w=10):
    return torch.tensor(colour).expand(h, w, 3)


@pytest.mark.parametrize(
    ("colour", "bytes_"),
    # luma and differences of bars of 100 %, ITU-R BT.709, 8 bits
    [
        ((0.0, 0.0, 0.0), (16, 128, 128)),
        ((1.0, 1.0, 1.0), (235, 128, 128)),
        ((1.0, 1.0, 0.0), (219, 16, 138)),
        ((0.0, 1.0, 1.0), (188, 154, 16)),
        ((0.0, 1.0, 0.0), (173, 42, 26)),
        ((1.0, 0.0, 1.0), (78, 214, 230)),
        ((1.0, 0.0, 0.0), (63, 102, 240)),
        ((0.0, 0.0, 1.0), (32, 240, 118)),
    ],
)
def test_colour_bars_have_the_bytes_of_the_standard(colour, bytes_):
    planes = as_bt709(flat(colour))
    assert planes.shape == (9, 10) and planes.dtype == torch.uint8
    luma, blue, red = planes.flatten().split([60, 15, 15])
    assert [set(plane.tolist()) for plane in (luma, blue, red)] == [{byte} for byte in bytes_]
    torch.testing.assert_close(of_bt709(planes), flat(colour), rtol=0, atol=1.5 / 255)


def test_a_ramp_of_colours_comes_back_where_it_was():
    """Differences lie on even columns and between rows: a shift by half a pixel would cost more than the rounding."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 48), indexing="ij")
    ramp = torch.stack([0.2 + 0.6 * x, 0.8 - 0.6 * y, 0.5 + 0.3 * (y - x)], -1)
    error = (of_bt709(as_bt709(ramp)) - ramp)[1:-1, 2:-2]
    assert error.abs().mean() < 0.5 / 255 and error.abs().max() < 1.5 / 255
    assert error.mean((0, 1)).abs().max() < 0.1 / 255


@pytest.mark.parametrize(("column", "seen"), [(4, [0, 0, 1 / 4, 0]), (5, [0, 0, 1 / 8, 1 / 8])])
def test_differences_lie_on_even_columns_between_two_rows(column, seen):
    """A blue dot in the first row: shared by two rows, and by columns 1 : 2 : 1 about the even one."""
    picture = flat([0.5, 0.5, 0.5], 4, 8).clone()
    picture[0, column, 2] = 1.0
    blue = as_bt709(picture).flatten()[32:40].view(2, 4).int() - 128
    whole = 224 * 0.5 * (1 - 0.0722) / 1.8556  # of the dot alone
    assert blue[0].tolist() == [round(whole * share) for share in seen] and (blue[1] == 0).all()


def test_colours_beyond_white_are_cut():
    assert torch.equal(as_bt709(flat([2.0, -1.0, 0.5])), as_bt709(flat([1.0, 0.0, 0.5])))
