"""Video frames decoded as their latents come, against those of all latents decoded at once."""

import functools
import logging

import pytest
import torch
from remembered import Pack
from streaming import Before, streamed, streamed_on
from tiny_vaes import latents_of, tiny_vae

WAN = ("wan21", "wan22")
OTHERS = ("taehv", "ltx", "hunyuan", "hunyuan15", "cogvideox", "cosmos", "mochi")
# Mean difference from all at once, 0..1, of three chunks of five latent frames: measured, and a third more.
DIFFERENCE = {
    "taehv": 1e-5,
    "ltx": 0.004,
    "hunyuan": 0.08,
    "hunyuan15": 0.014,
    "cogvideox": 0.019,
    "cosmos": 0.005,
    "mochi": 0.012,
}


@pytest.fixture(scope="module")
def pack(comfy):
    return Pack(comfy)


@pytest.fixture(scope="module")
def vae(pack):
    """A VAE by name."""

    @functools.cache
    def build(name):
        if name == "codec":
            return pack.node("Mirage_PatchCodec").execute("8").result[0]
        return tiny_vae(name)

    return build


@pytest.fixture(scope="module")
def decoding(pack):
    return pack.module("nodes.host.decoding")


@pytest.fixture
def decoder(pack, decoding):
    """A new decoder for a VAE."""
    spec_of = pack.module("nodes.host.formats").spec_of
    return lambda vae: decoding.streamed_decoder(vae, spec_of(vae).timing)


@pytest.mark.parametrize("sizes", [(3, 2, 2, 2, 2, 2), (6, 5, 2), (1,) * 13, (4, 9), (13,)], ids=str)
@pytest.mark.parametrize("name", WAN)
def test_chunks_of_wan_are_what_all_at_once_is(vae, decoder, decoding, name, sizes):
    latents = latents_of(vae(name), sum(sizes))
    whole = decoding.decoded(vae(name), latents)
    assert whole.std() > 0.1
    torch.testing.assert_close(torch.cat(streamed(decoder(vae(name)), latents, sizes)), whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", WAN)
def test_a_video_of_wan_is_taken_up_again_at_every_chunk_bit_for_bit(vae, decoder, name):
    sizes = (3, 2, 5, 30, 2, 2)
    latents = latents_of(vae(name), sum(sizes), w=2)
    made = streamed(decoder(vae(name)), latents, sizes)
    for chunk in range(1, len(sizes)):
        before = Before(latents[: sum(sizes[:chunk])])
        again = decoder(vae(name))
        again.take_up(before)
        done = again.decode(latents[len(before) : len(before) + sizes[chunk]])
        assert torch.equal(done.frames, made[chunk]) and before.read == set(range(len(before))[-38:])


@pytest.mark.parametrize("name", WAN)
def test_no_fewer_latent_frames_would_do_to_take_up_a_video_of_wan(pack, vae, decoder, monkeypatch, name):
    causal = pack.module("nodes.host.decoding.causal")
    needed = causal.reach(vae(name).first_stage_model.decoder)
    assert needed == 38  # as that of the published ones, which have as many layers
    latents = latents_of(vae(name), 43, w=2)
    made = streamed(decoder(vae(name)), latents, (42, 1))[1]
    for reach, same in ((needed, True), (needed - 8, False)):  # of those between, the part is smaller than roundings
        monkeypatch.setattr(causal, "reach", lambda _, reach=reach: reach)
        again = decoder(vae(name))
        again.take_up(latents[:42])
        assert torch.equal(again.decode(latents[42:]).frames, made) is same


@pytest.mark.parametrize("name", WAN)
def test_what_wan_keeps_between_chunks_is_no_view_of_what_is_larger(vae, decoder, name):
    kept = decoder(vae(name))
    kept.decode(latents_of(vae(name), 3))
    tensors = [one for one in kept._cache.kept if isinstance(one, torch.Tensor)]
    assert len(tensors) > 20
    assert all(one.untyped_storage().nbytes() == one.numel() * one.element_size() for one in tensors)


@pytest.mark.parametrize("sizes", [(7, 5, 5, 5), (2, 5, 15), (12, 10), (22,)], ids=str)
def test_clips_of_minimax_h3_are_what_all_at_once_is_and_are_taken_up_again(vae, decoder, decoding, sizes):
    h3 = vae("h3")
    latents = latents_of(h3, sum(sizes))
    whole = decoding.decoded(h3, latents)
    made = streamed(decoder(h3), latents, sizes)
    torch.testing.assert_close(torch.cat(made), whole, rtol=0, atol=1e-4)
    for chunk in range(1, len(sizes)):
        before = Before(latents[: sum(sizes[:chunk])])
        again = decoder(h3)
        again.take_up(before)
        left = streamed_on(again, latents[len(before) :], sizes[chunk:])
        assert torch.equal(left, torch.cat(made[chunk:])) and before.read == set(range(len(before))[-7:])


def test_the_shortest_video_of_minimax_h3_and_its_tail(vae, decoder, decoding):
    h3 = vae("h3")
    latents = latents_of(h3, 7)
    first = decoder(h3)
    shown = first.decode(latents[:2])
    assert len(shown.frames) == 0 and torch.equal(shown.tail, decoding.decoded(h3, latents[:2]))
    assert torch.equal(first.decode(latents[2:], last=True).frames, decoding.decoded(h3, latents))
    assert torch.equal(decoder(h3).decode(latents[:2], last=True).frames, shown.tail)


@pytest.mark.parametrize("sizes", [(1,), (6,), (7, 4)], ids=str)
def test_latents_of_minimax_h3_that_are_no_whole_video_are_refused(vae, decoder, pack, sizes):
    latents = latents_of(vae("h3"), 11)
    with pytest.raises(pack.core.MirageError, match=r"latents: must be 2 \+ 5 n latent frames.*; got [146]"):
        streamed(decoder(vae("h3")), latents, sizes)


@pytest.mark.parametrize("sizes", [(3, 2, 2, 4), (1,) * 4, (11,)], ids=str)
@pytest.mark.parametrize("name", ["codec", "taehv", "pictures"])
def test_what_looks_back_a_little_is_what_all_at_once_is(vae, decoder, decoding, name, sizes):
    latents = latents_of(vae(name), sum(sizes))
    whole = decoding.decoded(vae(name), latents)
    torch.testing.assert_close(torch.cat(streamed(decoder(vae(name)), latents, sizes)), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "together"), [("codec", [2, 3, 3]), ("pictures", [2, 2, 2])])
def test_nothing_is_decoded_along_in_vain(vae, decoder, monkeypatch, name, together):
    seen, decode = [], vae(name).decode
    frames = 0 if name == "pictures" else 2
    monkeypatch.setattr(vae(name), "decode", lambda latents: seen.append(latents.shape[frames]) or decode(latents))
    streamed(decoder(vae(name)), latents_of(vae(name), 6), (2, 2, 2))
    assert seen == together


@pytest.mark.parametrize("name", OTHERS)
def test_others_differ_little_from_all_at_once_and_are_taken_up_again_bit_for_bit(vae, decoder, decoding, name):
    sizes = (5, 5, 5)
    latents = latents_of(vae(name), sum(sizes), w=2)
    whole = decoding.decoded(vae(name), latents)
    made = streamed(decoder(vae(name)), latents, sizes)
    difference = (torch.cat(made) - whole).abs()
    assert whole.std() > 0.1 and difference.mean() < DIFFERENCE[name]
    again = decoder(vae(name))
    again.take_up(Before(latents[:10]), newest=5)
    assert torch.equal(again.decode(latents[10:], last=True).frames, made[2])


@pytest.mark.parametrize("name", OTHERS)
def test_no_seam_is_seen_where_chunks_meet(vae, decoder, name):
    """From one to the next, video frames change no more where chunks meet than elsewhere."""
    sizes, stride = (5, 4, 6), decoder(vae(name)).timing.stride
    moving = latents_of(vae(name), sum(sizes), w=2 if name == "hunyuan15" else 3)
    for latents, apart in ((moving, 1), (moving[:1].expand(sum(sizes), -1, -1, -1).contiguous(), stride)):
        made = streamed(decoder(vae(name)), latents, sizes)
        video = torch.cat(made)
        change = (video[apart:] - video[:-apart]).abs().mean(dim=(1, 2, 3))  # since a frame, or since a latent frame
        ends = torch.tensor([len(one) for one in made[:-1]]).cumsum(0)
        across = (ends[:, None] - apart + torch.arange(apart)).flatten()  # from before an end to behind it
        border = torch.zeros(len(change), dtype=torch.bool).index_fill(0, across, True)
        assert change[border].max() <= 1.05 * change[~border].max() + 1e-3


def said(caplog):
    """What the decoders said; ComfyUI has notes of its own on models of other tests."""
    return [line.message for line in caplog.records if ".nodes.host.decoding." in line.name]


def out_of_memory():
    raise torch.cuda.OutOfMemoryError("pretended")


@pytest.mark.parametrize("name", WAN)
@pytest.mark.parametrize("failing", [1, 4, 6])
def test_wan_goes_on_in_tiles_where_the_memory_does_not_do(vae, decoder, decoding, monkeypatch, caplog, name, failing):
    model, sizes = vae(name).first_stage_model, (3, 2, 2, 3)
    latents = latents_of(vae(name), sum(sizes))
    whole, forward, calls = decoding.decoded(vae(name), latents), model.decoder.forward, []

    def once(*args, **kwargs):
        calls.append(None)
        return out_of_memory() if len(calls) == failing else forward(*args, **kwargs)

    monkeypatch.setattr(model.decoder, "forward", once)
    with caplog.at_level(logging.WARNING):
        made = streamed(decoder(vae(name)), latents, sizes)
    assert said(caplog) == [
        "The card's memory is too small to decode video frames whole: they are decoded in tiles from now."
    ]
    assert torch.isfinite(torch.cat(made)).all() and len(torch.cat(made)) == len(whole)
    # pictures as small as one tile; the context is all that came before, but for the last chunk
    torch.testing.assert_close(torch.cat(made[:-1]), whole[: -len(made[-1])], rtol=0, atol=1e-3)


def test_a_clip_is_decoded_once_more_where_the_memory_did_not_do(vae, decoder, decoding, monkeypatch, caplog):
    h3, sizes = vae("h3"), (7, 10)
    latents = latents_of(h3, sum(sizes))
    whole, model, calls = decoding.decoded(h3, latents), h3.first_stage_model, []
    decode_temporal = model.decode_temporal

    def once(z):
        calls.append(None)
        return out_of_memory() if len(calls) == 3 else decode_temporal(z)

    monkeypatch.setattr(model, "decode_temporal", once)
    with caplog.at_level(logging.WARNING):
        made = streamed(decoder(h3), latents, sizes)
    assert torch.equal(torch.cat(made), whole) and len(calls) == 5
    assert said(caplog) == ["The card's memory was too small to decode the video frames: once more, with all of it."]


@pytest.mark.parametrize("name", ["taehv", "mochi"])
def test_others_are_decoded_in_tiles_by_comfyui_where_the_memory_does_not_do(vae, decoder, monkeypatch, caplog, name):
    model, calls = vae(name).first_stage_model, []
    decode = model.decode

    def once(*args, **kwargs):
        calls.append(None)
        return out_of_memory() if len(calls) == 2 else decode(*args, **kwargs)

    latents = latents_of(vae(name), 6)
    whole = torch.cat(streamed(decoder(vae(name)), latents, (2, 2, 2)))
    monkeypatch.setattr(model, "decode", once)
    with caplog.at_level(logging.WARNING):
        made = torch.cat(streamed(decoder(vae(name)), latents, (2, 2, 2)))
    assert len(calls) > 3 and sum("Ran out of memory" in line.message for line in caplog.records) == 1
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", [*WAN, "h3", "mochi"])
def test_another_error_than_lack_of_memory_is_raised(vae, decoder, monkeypatch, name):
    def broken(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr(vae(name).first_stage_model.decoder, "forward", broken)
    with pytest.raises(RuntimeError, match="something else"):
        decoder(vae(name)).decode(latents_of(vae(name), 7))


@pytest.mark.parametrize("name", ["ltx", "hunyuan", "mochi"])
def test_a_long_chunk_of_others_is_decoded_in_windows_that_need_no_tiles(vae, decoder, monkeypatch, name):
    seen = []

    def decode(latents):
        seen.append(latents.shape[2])
        stride = vae(name).temporal_compression_decode()
        return torch.zeros(1, stride * (latents.shape[2] - 1) + 1, 8, 8, 3)

    monkeypatch.setattr(vae(name), "decode", decode)
    made = streamed(decoder(vae(name)), latents_of(vae(name), 60), (40, 20))
    assert max(seen) == 21 and len(made) == 2


def test_cosmos_scales_latents_by_their_place_in_the_whole_video(vae, decoder, decoding, monkeypatch):
    cosmos, sizes, seen = vae("cosmos"), (12, 12), []
    model, generator = cosmos.first_stage_model, torch.Generator().manual_seed(1)
    mean = torch.randn(256, generator=generator)
    deviation = 0.5 + torch.rand(256, generator=generator)
    monkeypatch.setattr(model, "latent_mean", torch.nn.Parameter(mean, requires_grad=False))
    monkeypatch.setattr(model, "latent_std", torch.nn.Parameter(deviation, requires_grad=False))
    scaled = model.post_quant_conv.forward
    monkeypatch.setattr(model.post_quant_conv, "forward", lambda z: seen.append(z) or scaled(z))
    latents = latents_of(cosmos, sum(sizes))
    cosmos.decode(latents.transpose(0, 1)[None])
    streamed(decoder(cosmos), latents, sizes)
    whole, first, second = (z[0].transpose(0, 1) for z in seen)
    assert len(second) == 21  # 12, one that was held back, and 8 before it
    torch.testing.assert_close(first, whole[:12])
    torch.testing.assert_close(second, whole[3:])
