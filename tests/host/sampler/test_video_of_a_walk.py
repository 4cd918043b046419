"""The video of Scene Walk: decoded once, whole after every chunk, the same after a break."""

from pathlib import Path

import av
import pytest
import torch
from remembered import first

CHANNELS = {"per-token": 48, "blend": 16}  # Wan 2.2's small decoder, and Wan 2.1's VAE
VIDEO = "walk.mp4"


def folder_of(output):
    return Path(output.result[4].splitlines()[0].removeprefix("saved in "))


def pictures(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.fixture
def stops_in_the_second_chunk(models, monkeypatch):
    """Interrupts ComfyUI while a model of blend samples its second chunk, once."""
    import comfy.model_management

    network, calls = models["wan21_t2v"].model.diffusion_model, []
    forward = network.forward_orig

    def interrupting(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            comfy.model_management.interrupt_current_processing()
        return forward(*args, **kwargs)

    monkeypatch.setattr(network, "forward_orig", interrupting)
    return comfy.model_management.InterruptProcessingException


@pytest.mark.parametrize("name", CHANNELS)
def test_frames_are_those_of_the_whole_decoded_at_once(name, long, walked, extras):
    output = walked(name, long(name))
    vae = extras["branch" if CHANNELS[name] == 48 else "vace"]["vae"]
    whole = vae.decode(output.result[0]["samples"])[0]
    assert whole.shape == output.result[1].shape
    difference = (whole - output.result[1]).abs()
    assert difference.max() < (1e-4 if name == "blend" else 0.02)  # the small decoder is not a causal one


@pytest.mark.parametrize("name", CHANNELS)
def test_a_vae_decodes_every_latent_frame_once(name, long, walked, extras, monkeypatch):
    vae, sizes = extras["branch" if CHANNELS[name] == 48 else "vace"]["vae"], []
    if name == "blend":  # else context is decoded again
        decoder = vae.first_stage_model.decoder
        forward = decoder.forward
        monkeypatch.setattr(decoder, "forward", lambda x, **kwargs: (sizes.append(x.shape[2]), forward(x, **kwargs))[1])
        walked(name, long(name), hold_colours=False)  # which decodes the start once more
        assert sum(sizes) == 5
    else:
        decode = vae.decode
        monkeypatch.setattr(vae, "decode", lambda z, *rest: (sizes.append(z.shape[2]), decode(z, *rest))[1])
        walked(name, long(name), hold_colours=False)  # which decodes the start once more
        assert len(sizes) == 2


def test_the_video_is_that_of_the_frames_and_is_saved_without_coding_it_again(long, walked, tmp_path):
    output = walked("blend", long("blend"), save_as="walks/filmed", fps=16.0, crf=10)
    frames, video = output.result[1], output.result[7]
    file = folder_of(output) / VIDEO
    assert video.get_frame_count() == 17 and video.get_frame_rate() == 16 and video.get_dimensions() == (80, 48)
    grey = [one.mean(dim=-1) for one in (video.get_components().images, frames)]
    assert (grey[0] - grey[1]).abs().mean() < 0.06  # noise, and H.264 halves the resolution of colours
    video.save_to(str(tmp_path / "saved.mp4"))
    assert packets(tmp_path / "saved.mp4") == packets(file)


def test_without_loss_it_is_the_frames_to_the_last_bit_of_eight(long, walked):
    output = walked("blend", long("blend"), save_as="walks/lossless", crf=0)
    expected = (output.result[1].clamp(0, 1) * 255).round().to(torch.uint8)
    shown = torch.stack([torch.from_numpy(one) for one in pictures(folder_of(output) / VIDEO)])
    assert torch.equal(shown, expected)


def test_a_walk_that_stops_leaves_the_video_of_its_finished_chunks_and_goes_on_with_it(
    long, walked, stops_in_the_second_chunk
):
    import folder_paths

    here = long("blend")
    with pytest.raises(stops_in_the_second_chunk):
        walked("blend", here, save_as="walks/stopping")
    (folder,) = (Path(folder_paths.get_output_directory()) / "walks" / "stopping").iterdir()
    part, before = packets(folder / VIDEO), pictures(folder / VIDEO)
    assert len(before) == 9
    again = walked("blend", here, save_as="walks/stopping")
    assert "made before: 1 of 2" in again.result[4]
    assert packets(folder / VIDEO)[:9] == part and len(pictures(folder / VIDEO)) == 17
    whole = walked("blend", here, save_as="walks/unbroken")
    assert torch.equal(again.result[1], whole.result[1])
    assert packets(folder / VIDEO) == packets(folder_of(whole) / VIDEO)


@pytest.mark.parametrize("damage", ["gone", "cut off", "of another size"])
def test_a_video_that_is_lost_is_made_again(damage, long, walked):
    here, name = long("blend"), f"walks/lost {damage}"
    whole = walked("blend", here, save_as=name)
    file = folder_of(whole) / VIDEO
    expected = packets(file)
    if damage == "gone":
        file.unlink()
    elif damage == "cut off":
        file.write_bytes(file.read_bytes()[:1000])
    else:
        other = walked("per-token", long("per-token"), save_as="walks/other size")
        file.write_bytes((folder_of(other) / VIDEO).read_bytes())
    again = walked("blend", here, save_as=name)
    assert packets(file) == expected and torch.equal(again.result[1], whole.result[1])


def test_other_coding_makes_the_video_anew_and_keeps_the_walk(long, walked):
    here = long("blend")
    one = walked("blend", here, save_as="walks/coded", crf=10)
    size = sum(map(len, packets(folder_of(one) / VIDEO)))
    for changed in ({"crf": 40}, {"crf": 40, "fps": 12.0}):
        other = walked("blend", here, save_as="walks/coded", **changed)
        assert "made before: 2 of 2" in other.result[4] and folder_of(one) == folder_of(other)
        assert sum(map(len, packets(folder_of(one) / VIDEO))) < size / 2
    assert other.result[7].get_frame_rate() == 12 and other.result[7].get_frame_count() == 17


def test_kept_chunks_bring_their_part_of_the_video(long, walked):
    here = long("blend")
    whole = walked("blend", here, save_as="walks/kept")
    name = "walks/kept/" + folder_of(whole).name
    redone = walked("blend", here, save_as="walks/kept", keep_from=name, keep_chunks=1, seed=9)
    assert packets(folder_of(redone) / VIDEO)[:9] == packets(folder_of(whole) / VIDEO)[:9]
    assert torch.equal(redone.result[1][:9], whole.result[1][:9])
    assert not torch.equal(redone.result[1][9:], whole.result[1][9:])


def test_a_walk_that_is_not_saved_has_its_video_in_the_temp_folder(long, walked):
    import folder_paths

    output = walked("blend", long("blend"), save_as="")
    file = Path(output.result[7].get_stream_source())
    assert file.is_relative_to(Path(folder_paths.get_temp_directory()).resolve()) and len(pictures(file)) == 17
    assert "not saved, as save_as is empty" in output.result[4]
    other = walked("blend", long("blend"), save_as="")
    assert other.result[7].get_stream_source() != str(file) and "made before" not in other.result[4]


def test_latents_of_a_walk_lie_in_its_files(long, walked, pack):
    output = walked("blend", long("blend"), save_as="walks/in files")
    frames, spec = pack.module("mirage_core.walk_files").saved_frames(folder_of(output))
    assert torch.equal(frames[:].transpose(0, 1)[None], output.result[0]["samples"]) and spec.channels == 16


def clip(here, latents):
    """A LATENT of some latent frames, and the cameras of its video."""
    noise = torch.randn(1, here.splat.shape[1], latents, 6, 10, generator=torch.Generator().manual_seed(5))
    noise[:, :, :1] = first(here)["samples"]
    return {"samples": noise}, here.cameras[: 4 * latents - 3]


@pytest.mark.parametrize("name", ["per-token", "vace", "concat", "branch", "blend", "uni3c"])
@pytest.mark.parametrize("latents", [2, 3, 4])
def test_a_walk_goes_on_from_a_clip(name, latents, long, walked):
    """Chunks of three latent frames: the clip ends within the first, with it, or within the second."""
    here = long(name)
    start, cameras = clip(here, latents)
    output = walked(name, here, start=start, save_as=f"walks/clip {name}")
    made = output.result[0]["samples"]
    torch.testing.assert_close(made[:, :, :latents], start["samples"], atol=0, rtol=0)
    assert made.shape[2] == 5 and torch.isfinite(made).all() and made[:, :, latents:].std() > 0.01
    chunks = output.ui["mirage_walk"][0]["chunks"]
    assert [chunk["given"] for chunk in chunks] == [min(latents, 3), latents - min(latents, 3)]
    assert [view["frame"] for chunk in chunks for view in chunk["views"]] == [0, 1, 2, 3, 4]
    here.cameras = here.cameras[4 * latents - 4 :]  # from the last of the clip on
    apart = walked(name, here, start=start, start_cameras=cameras, save_as="")
    assert torch.equal(apart.result[0]["samples"], made) and len(apart.result[3]) == 17


def test_a_clip_of_pictures_is_encoded_as_one_video(long, walked, extras):
    here = long("blend")
    film = torch.rand(5, *here.size, 3, generator=torch.Generator().manual_seed(1))
    made = walked("blend", here, start_picture=film).result[0]["samples"]
    torch.testing.assert_close(made[:, :, :2], extras["vace"]["vae"].encode(film))


def test_clips_that_do_not_fit_are_refused_in_words(pack, long, walked):
    here = long("blend")
    error = pack.core.MirageError
    start, cameras = clip(here, 5)
    with pytest.raises(error, match=r"cameras: must be those of the start and of the walk .* more than 17 .*; got 17"):
        walked("blend", here, start=start)
    start, cameras = clip(here, 2)
    with pytest.raises(error, match=r"cameras: must begin where start_cameras end, .* 0\.15 scene units apart"):
        walked("blend", here, start=start, start_cameras=cameras)
    path, here.cameras = here.cameras, here.cameras[8:]
    with pytest.raises(error, match=r"start_cameras: must be one per video frame of the start, 5 of its 2 .*; got 9"):
        walked("blend", here, start=start, start_cameras=path[:9])
