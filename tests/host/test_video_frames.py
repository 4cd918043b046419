"""Video frames of a walk's video: their colours, and any range of them."""

import av
import pytest
import torch
from videos import Videos, assert_shows, packets, pictures, sound


@pytest.fixture(scope="module")
def videos(comfy):
    return Videos(comfy)


def test_colours_are_marked_and_read_as_bt709_in_limited_range(videos, tmp_path):
    """Bars of full colour are far from what another matrix or range would make of them."""
    bars = torch.tensor([[1.0, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]])
    frames = bars.repeat_interleave(16, 0).expand(2, 32, 128, 3)
    made = videos.grown(tmp_path / "walk.mp4", frames, crf=4, chunks=(2,))
    with av.open(str(made.path)) as container:
        coder = container.streams.video[0].codec_context
        marks = [coder.color_primaries, coder.color_trc, coder.colorspace, coder.color_range, coder.pix_fmt]
        assert marks == [1, 1, 1, 1, "yuv420p"]
    middles = videos.file.video_frames(made.path, 0, 1)[:, :, 8::16]
    torch.testing.assert_close(middles, frames[:, :, 8::16], rtol=0, atol=4 / 255)


@pytest.mark.parametrize("finish", [False, True])
def test_lossless_is_exact_in_8_bits(videos, tmp_path, finish):
    noise = torch.randint(0, 256, (18, 47, 81, 3), generator=torch.Generator().manual_seed(0))  # odd sizes, too
    made = videos.grown(tmp_path / "walk.mp4", noise / 255, crf=0)
    if finish:
        made.finished()
    assert torch.equal((videos.file.video_frames(made.path, 0, 17) * 255).round().long(), noise)
    assert_shows(videos.loaded(made.path).get_components().images, noise / 255, most=1)
    # ComfyUI's own way to floats is up to 1.2 of 255 darker for any lossless video; FFmpeg's 8 bits are exact:
    with av.open(str(made.path)) as container:
        exact = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert torch.equal(torch.stack(exact).long(), noise)


@pytest.mark.parametrize("finish", [False, True])
@pytest.mark.parametrize(("first", "last"), [(0, 0), (8, 9), (9, 9), (10, 10), (12, 17), (3, 14), (17, 17)])
def test_any_range_of_video_frames_is_read_exactly(videos, tmp_path, finish, first, last):
    frames = pictures(18)
    made = videos.grown(tmp_path / "walk.mp4", frames, fps=23.976)
    if finish:
        made.finished(sound(0.5))  # it begins before the video, with silence that nobody hears
    every = videos.file.video_frames(made.path, 0, 17)
    assert torch.equal(videos.file.video_frames(made.path, first, last), every[first : last + 1])
    assert_shows(every, frames)


@pytest.mark.parametrize("finish", [False, True])
def test_a_late_range_is_sought_not_decoded_from_the_start(videos, tmp_path, finish):
    """What lies before its keyframe is overwritten: nothing of it is needed."""
    made = videos.grown(tmp_path / "walk.mp4", pictures(18))
    if finish:
        made.finished()
    late = videos.file.video_frames(made.path, 12, 17)
    content, spoilt = made.path.read_bytes(), packets(made.path)[:9]
    for packet in spoilt:
        assert content.count(packet) == 1
        content = content.replace(packet, b"\x00" * len(packet))
    made.path.write_bytes(content)
    assert torch.equal(videos.file.video_frames(made.path, 12, 17), late)
    with pytest.raises(videos.error, match=r"walk\.mp4: must be a video of a walk"):
        videos.file.video_frames(made.path, 0, 17)


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (0, 18), (5, 4)])
def test_video_frames_that_are_not_there_are_refused(videos, tmp_path, first, last):
    made = videos.grown(tmp_path / "walk.mp4", pictures(18))
    with pytest.raises(videos.error, match=f"video frames that it has, 0 to 17; got {first} to {last}"):
        videos.file.video_frames(made.path, first, last)
