"""The patch codec with a learned decoder."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from mirage_core import MirageError
from mirage_core.codec import PatchCodec
from mirage_core.learned_codec import LearnedCodec, load_codec


@pytest.fixture
def codec() -> LearnedCodec:
    """With statistics of its own, and a decoder that does something."""
    torch.manual_seed(0)
    made = LearnedCodec(torch.randn(48), torch.rand(48) + 0.5, torch.randn(48), torch.rand(48) + 0.5)
    torch.nn.init.normal_(made.fine[-2].weight, std=0.02)
    return made.eval().requires_grad_(False)


@pytest.fixture
def video() -> torch.Tensor:
    return torch.rand(2, 3, 9, 48, 80, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_latents_have_the_models_scale(codec, video):
    latents, plain = codec.encode(video), PatchCodec(16).encode(video)
    assert latents.shape == (2, 48, 3, 3, 5)
    for channel in (0, 7, 47):
        normal = (plain[:, channel] - codec.mean[channel]) / codec.deviation[channel]
        wanted = normal * codec.model_deviation[channel] + codec.model_mean[channel]
        torch.testing.assert_close(latents[:, channel], wanted)


def test_a_new_decoder_is_the_inverse_transform(video):
    plain, new = PatchCodec(16), LearnedCodec(torch.randn(48), torch.rand(48) + 0.5, torch.randn(48))
    with torch.no_grad():
        torch.testing.assert_close(new.decode(new.encode(video)), plain.decode(plain.encode(video)), atol=1e-5, rtol=0)


def test_a_decoder_adds_what_it_has_learnt_to_every_frame_alone(codec, video):
    latents = codec.encode(video)
    whole, one = codec.frames(latents), codec.frames(latents[:, :, 1:2])
    torch.testing.assert_close(whole[:, :, 1:2], one, atol=1e-5, rtol=0)
    plain = PatchCodec(16)
    assert (whole - plain.frames(plain.encode(video))).abs().mean() > 1e-3


def test_the_mean_colour_of_a_token_is_that_of_its_patch(codec, video):
    patches = video[0, :, 0].unflatten(1, (3, 16)).unflatten(3, (5, 16)).mean(dim=(2, 4))  # (3, h, w)
    features = codec.encode(video)[0, :, 0].flatten(1).T  # (h w, C)
    torch.testing.assert_close(codec.mean_colours(features), patches.flatten(1).T, atol=1e-5, rtol=0)


def test_a_saved_codec_decodes_as_before(codec, video, tmp_path):
    save_file(codec.state_dict(), tmp_path / "codec.safetensors")
    loaded = load_codec(tmp_path / "codec.safetensors")
    assert torch.equal(loaded.encode(video), codec.encode(video))
    assert torch.equal(loaded.decode(codec.encode(video)), codec.decode(codec.encode(video)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("coarse.0.bias"), r"x\.safetensors: .* trained codec; it lacks coarse\.0\.bias"),
        (lambda weights: weights.update(more=torch.zeros(1)), "it also holds more"),
        (lambda weights: weights["deviation"].fill_(0.0), "deviation must be finite and above 0 in every channel"),
        (lambda weights: weights["model_deviation"].fill_(torch.nan), "model_deviation must be finite and above 0"),
        (lambda weights: weights.update(mean=torch.zeros(16)), r"mean must be \(48,\) in a trained codec; got .*16"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(codec, tmp_path, change, message):
    save_file(codec.state_dict(), tmp_path / "x.safetensors")
    weights = load_file(tmp_path / "x.safetensors")
    change(weights)
    save_file(weights, tmp_path / "x.safetensors")
    with pytest.raises(MirageError, match=message):
        load_codec(tmp_path / "x.safetensors")


def test_a_damaged_file_is_refused_by_name(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"half a file")
    with pytest.raises(MirageError, match=r"x\.safetensors: must be a whole \.safetensors file"):
        load_codec(tmp_path / "x.safetensors")
