"""Latent frames in pieces, of which some lie in files."""

import pytest
import torch
from safetensors.torch import save_file

from mirage_core import MirageError
from mirage_core.latent_frames import LatentFrames, SavedLatents

ALL = torch.randn(11, 3, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def frames(tmp_path):
    save_file({"latents": ALL[4:9].contiguous()}, tmp_path / "chunk")
    return LatentFrames((ALL[:4], SavedLatents(tmp_path / "chunk", "latents", (5, 3, 2, 2)), ALL[9:]))


@pytest.mark.parametrize(
    "index",
    [
        slice(None),
        slice(3, 5),
        slice(5, 8),
        slice(-2, None),
        slice(8, 3),
        slice(2, 2),
        slice(0, 11, 3),
        [9, 0, 4, -1],
        [],
    ],
)
def test_they_read_like_one_tensor(frames, index):
    assert len(frames) == 11 and frames.shape == (11, 3, 2, 2)
    assert torch.equal(frames[index], ALL[index])


@pytest.mark.parametrize("start, stop", [(0, 4), (2, 6), (4, 9), (5, 7), (9, 11), (8, 14)])
def test_a_part_takes_the_place_of_others(frames, start, stop):
    part = torch.ones(stop - start, 3, 2, 2)
    expected = torch.cat([ALL[:start], part, ALL[stop:]])
    assert torch.equal(frames.with_part(start, part)[:], expected)
    assert torch.equal(frames[:], ALL)


def test_a_file_that_is_gone_or_damaged_is_named(frames, tmp_path):
    (tmp_path / "chunk").write_bytes(b"damaged")
    with pytest.raises(MirageError, match=r"chunk: must be a whole \.safetensors file"):
        frames[5:6]
    (tmp_path / "chunk").unlink()
    with pytest.raises(MirageError, match=r"chunk: must stay in .* while it is in use; it is gone"):
        frames[5:6]
    assert torch.equal(frames[:4], ALL[:4])


def test_an_index_behind_the_end_is_an_error(frames):
    with pytest.raises(IndexError):
        frames[[11]]
