"""Sound beside a walk's video."""

import pytest
import torch
from videos import Videos, assert_shows, packets, pictures, sound


@pytest.fixture(scope="module")
def videos(comfy):
    return Videos(comfy)


@pytest.mark.parametrize("seconds", [0.3, 0.75, 2.0])
@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (24000, 1)])
def test_sound_is_as_long_as_the_video(videos, tmp_path, seconds, rate, channels):
    frames = pictures(18)
    made = videos.grown(tmp_path / "walk.mp4", frames)
    before = packets(made.path)
    made.finished(sound(seconds, rate, channels))
    assert packets(made.path) == before
    loaded = videos.loaded(made.path)
    seen = loaded.get_components()
    assert_shows(seen.images, frames)
    heard, packet = seen.audio["waveform"], 1024  # samples that AAC packs together
    assert seen.audio["sample_rate"] == rate and heard.shape[1] == channels
    assert 0 <= heard.shape[2] - round(rate * 18 / 24) < packet
    said = round(min(seconds, 18 / 24) * rate)
    clear = slice(packet, said - packet)  # where the tone neither begins nor ends
    tone = sound(seconds, rate, channels)["waveform"][..., clear]
    torch.testing.assert_close(heard[..., clear], tone, rtol=0, atol=0.05)
    assert not (heard[..., said + packet :].abs() > 1e-3).any()
    assert loaded.get_frame_count() == 18 and loaded.get_duration() == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ({"waveform": torch.zeros(1, 3, 9), "sample_rate": 48000}, r"1, 2 or 6 channels.*got \(1, 3, 9\)"),
        ({"waveform": torch.zeros(2, 1, 9), "sample_rate": 48000}, r"must be one sound.*got \(2, 1, 9\)"),
        ({"waveform": torch.zeros(1, 1, 9), "sample_rate": 12345}, "got 12345. Resample it first"),
    ],
)
def test_sound_that_aac_cannot_hold_is_refused_and_the_video_stays(videos, tmp_path, audio, message):
    made = videos.grown(tmp_path / "walk.mp4", pictures(18))
    before = made.path.read_bytes()
    with pytest.raises(videos.error, match=message):
        made.finished(audio)
    assert made.path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
