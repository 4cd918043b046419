"""A walk's video while it grows, finished, taken up again and cut off, read as ComfyUI reads videos."""

import os
import resource
import tracemalloc
from fractions import Fraction
from itertools import islice

import av
import pytest
import torch
from videos import CHUNKS, SIZE, Videos, assert_shows, packets, pictures, sound

BORDERS = (9, 10, 18)


@pytest.fixture(scope="module")
def videos(comfy):
    return Videos(comfy)


def test_the_file_plays_in_full_after_every_append(videos, tmp_path):
    frames, path = pictures(18), tmp_path / "walk.mp4"
    made = videos.begun(path)
    made.append(frames[:0])
    assert made.frames == 0
    shown = 0
    for chunk in frames.split(list(CHUNKS)):
        made.append(chunk)
        shown += len(chunk)
        loaded = videos.loaded(path)
        seen = loaded.get_components()
        assert_shows(seen.images, frames[:shown])
        assert (seen.frame_rate, loaded.get_dimensions(), seen.audio) == (24, (80, 48), None)
        assert loaded.get_duration() == pytest.approx(shown / 24, abs=1e-5)
        assert made.frames == shown == videos.file.VideoFile.of(path).frames
        assert_shows(videos.file.video_frames(path, 0, shown - 1), frames[:shown])


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(23.976, Fraction(24000, 1001)), (29.97, Fraction(30000, 1001)), (16.0, 16), (12.5, Fraction(25, 2)), (0.5, 0.5)],
)
def test_a_finished_video_says_how_long_it_is(videos, tmp_path, fps, rate):
    made = videos.grown(tmp_path / "walk.mp4", pictures(18), fps=fps)
    loaded = videos.loaded(str(made.finished()))
    assert (loaded.get_frame_count(), loaded.get_frame_rate()) == (18, rate)
    assert loaded.get_duration() == pytest.approx(18 / float(rate), abs=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["walk.mp4"]


def test_finishing_changes_no_packet_and_puts_the_index_first(videos, tmp_path):
    frames, path = pictures(18), tmp_path / "walk.mp4"
    made = videos.grown(path, frames)
    before, seen = packets(path), videos.file.video_frames(path, 0, 17)
    made.finished()
    assert packets(path) == before and len(before) == 18
    assert torch.equal(videos.file.video_frames(path, 0, 17), seen)
    content = path.read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat") and b"moof" not in content
    assert_shows(videos.loaded(path).get_components().images, frames)


@pytest.mark.parametrize("finish", [False, True])
def test_comfyui_saves_it_without_encoding_it_again(videos, tmp_path, finish):
    made = videos.grown(tmp_path / "walk.mp4", pictures(18))
    if finish:
        made.finished()
    saved = tmp_path / "saved.mp4"
    videos.loaded(made.path).save_to(str(saved), metadata={"prompt": "a walk"})  # format and codec: auto
    assert packets(saved) == packets(made.path)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("kept", [*BORDERS, 4, 13])
@pytest.mark.parametrize("state", ["growing", "finished", "with sound"])
def test_a_video_goes_on_behind_the_video_frames_that_are_kept(videos, tmp_path, state, kept, same):
    frames, other = pictures(18), pictures(5, seed=1)
    source = tmp_path / "source" / "walk.mp4"
    path = source if same else tmp_path / "new" / "walk.mp4"
    first = videos.grown(source, frames)
    if state != "growing":
        first.finished(sound(18 / 24) if state == "with sound" else None)
    before = packets(source)
    made = videos.begun(path, videos.encoding(), SIZE, source, kept)
    assert made.frames == kept and packets(path) == before[:kept]
    made.append(other)
    assert_shows(videos.loaded(path).get_components().images, torch.cat([frames[:kept], other]))
    assert videos.file.VideoFile.of(path).frames == kept + 5
    made.finished()
    assert videos.loaded(path).get_frame_count() == kept + 5 and packets(path)[:kept] == before[:kept]
    assert same or packets(source) == before


@pytest.mark.parametrize(
    ("fps", "crf", "size"),
    [(23.976, 10, SIZE), (24, 0, SIZE), (24, 30, SIZE), (24, 10, (80, 48))],
    ids=["rate", "lossless", "quality", "size"],
)
def test_video_frames_encoded_otherwise_are_not_kept(videos, tmp_path, fps, crf, size):
    made = videos.grown(tmp_path / "walk.mp4", pictures(18))
    encoding = videos.encoding(crf, fps)
    assert videos.usable(made.path) == 18
    assert videos.usable(made.path, encoding, size) == 0
    before = made.path.read_bytes()
    with pytest.raises(videos.error, match=r"at most the 0 video frames that can be kept .*; got 9"):
        videos.begun(made.path, encoding, size, made.path, 9)
    assert made.path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_too_few_video_frames_are_told_and_refused(videos, tmp_path):
    made = videos.grown(tmp_path / "walk.mp4", pictures(18))
    with pytest.raises(videos.error, match=r"at most the 18 video frames .*; got 19\. Encode all of them again"):
        videos.begun(tmp_path / "new.mp4", made.encoding, SIZE, made.path, 19)
    assert videos.usable(tmp_path / "none.mp4") == 0
    (tmp_path / "none.mp4").write_bytes(b"no video")
    assert videos.usable(tmp_path / "none.mp4") == 0
    with pytest.raises(videos.error, match=r"none\.mp4: must be a video of a walk"):
        videos.file.video_frames(tmp_path / "none.mp4", 0, 0)


def test_nothing_of_another_walk_is_left(videos, tmp_path):
    path = tmp_path / "walk.mp4"
    videos.grown(path, pictures(18)).finished()
    made = videos.begun(path)
    assert videos.usable(path) == 0
    other = pictures(5, seed=1)
    made.append(other)
    assert_shows(videos.loaded(path).get_components().images, other)


def test_a_file_that_was_cut_off_anywhere_keeps_the_parts_before(videos, tmp_path):
    """Noise, so that the last part is long; every 1000th byte behind the second part."""
    frames = torch.cat([pictures(10), torch.rand(8, *SIZE, 3, generator=torch.Generator().manual_seed(2))])
    path = tmp_path / "walk.mp4"
    made = videos.grown(path, frames)
    with path.open("rb") as file:
        second = videos.growing.parts_of(file).parts[1].stop
    content, before, cut = path.read_bytes(), packets(path), tmp_path / "cut.mp4"
    places = [second, second + 1, second + 20, *range(second + 1000, len(content), 1000), len(content) - 1]
    assert len(places) > 20
    for place in places:
        cut.write_bytes(content[:place])
        assert videos.usable(cut) == 10
        with av.open(str(cut)) as container:  # as any player would
            assert len(list(islice(container.decode(video=0), 10))) == 10
    assert_shows(videos.file.video_frames(cut, 0, 9), frames[:10])
    again = videos.begun(cut, made.encoding, SIZE, cut, 10)
    again.append(frames[10:])
    assert packets(cut) == before


def test_what_could_not_be_written_is_written_over(videos, tmp_path, monkeypatch):
    frames = pictures(18)
    made = videos.grown(tmp_path / "walk.mp4", frames[:10], chunks=(9, 1))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(videos.error, match=r"video: must be written to .*No space left on device.*Make room"):
            made.append(torch.rand(8, *SIZE, 3, generator=torch.Generator().manual_seed(5)))  # noise: more bytes
    assert made.frames == 10
    made.append(frames[10:])
    assert made.path.stat().st_size == made.stop
    assert_shows(videos.loaded(made.path).get_components().images, frames)


def test_what_cannot_be_encoded_is_refused(videos, tmp_path):
    path = tmp_path / "walk.mp4"
    for fps, crf, message in ((0, 10, "fps: must be 0.1 to 1000"), (24, 52, r"crf: must be 0 \(lossless\) or 1")):
        with pytest.raises(videos.error, match=message):
            videos.encoding(crf, fps)
    with pytest.raises(videos.error, match=r"must be even both ways for H\.264; got 81 x 48"):
        videos.begun(path, videos.encoding(), (48, 81))
    made = videos.begun(path)
    with pytest.raises(videos.error, match="must have a video frame before it is finished"):
        made.finished()
    with pytest.raises(videos.error, match=r"80 x 48 pixels, \(F, H, W, 3\); got \(1, 80, 48, 3\)"):
        made.append(pictures(1, size=(80, 48)))
    made.append(pictures(1))
    made.finished()
    with pytest.raises(videos.error, match="must be growing; it is finished"):
        made.append(pictures(1))


def test_memory_does_not_grow_with_the_walk(videos, tmp_path):
    """One append warms up; what the next thirty take stays below one picture's floats."""
    size = (192, 320)
    frames = pictures(12, size=size)
    made = videos.begun(tmp_path / "walk.mp4", videos.encoding(), size)
    one = frames[0].numel() * 4
    for _ in range(4):
        made.append(frames)
    tracemalloc.start()
    begin, resident = tracemalloc.get_traced_memory()[0], peak_resident()
    for _ in range(30):
        made.append(frames)
    grew, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.frames == 34 * 12
    assert grew - begin < one and peak_resident() - resident < 16 * one


def peak_resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_one_append_holds_one_picture_at_a_time(videos, tmp_path, monkeypatch):
    """However many are given: each is converted when the encoder has taken the one before."""
    steps, encoding = [], videos.encoding()
    picture, lasting = type(encoding).picture, videos.growing._lasting
    monkeypatch.setattr(type(encoding), "picture", lambda *given: steps.append("converted") or picture(*given))
    monkeypatch.setattr(videos.growing, "_lasting", lambda made: steps.append("encoded") or lasting(made))
    videos.begun(tmp_path / "walk.mp4", encoding).append(pictures(40))
    assert steps == ["converted", "encoded"] * 40 + ["encoded"]  # the last: what the encoder still had


def test_the_same_video_frames_are_encoded_to_the_same_bytes(videos, tmp_path):
    """So that a walk that was taken up again can be compared with one that was not."""
    for name in ("a.mp4", "b.mp4"):
        videos.grown(tmp_path / name, pictures(18))
    assert packets(tmp_path / "a.mp4") == packets(tmp_path / "b.mp4")
