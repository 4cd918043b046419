"""Memories as files, and the codec that needs no weights."""

import json
import struct

import pytest
import safetensors.torch
import torch
from kornia.metrics import psnr
from safetensors import safe_open

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, PointBlock, lift, load_memory, save_memory, splat
from mirage_core.codec import PatchCodec
from mirage_core.colours import as_bytes
from mirage_core.points import STORES
from mirage_core.shapes import Box, Sphere, painted
from mirage_core.storage import point_cloud_ply

SPEC = LatentSpec(channels=6, spatial=4, temporal=4, name="test")
K = torch.tensor([[[0.8, 0.0, 0.4], [0.0, 1.3, 0.55], [0.0, 0.0, 1.0]]])
CAMERAS = Cameras(torch.eye(4).repeat(2, 1, 1), K)


def memory():
    g = torch.Generator().manual_seed(0)
    depth = torch.rand(2, 12, 20, generator=g) + 2
    block = lift(torch.randn(2, 6, 3, 5, generator=g), Geometry(depth, CAMERAS))
    return LatentMemory(SPEC).insert(block, cameras=CAMERAS).insert(block, "append")


@pytest.mark.parametrize("store", STORES)
def test_a_loaded_memory_is_bit_equal(store, tmp_path):
    saved = memory().stored_as(store)
    save_memory(saved, tmp_path / "a.safetensors")
    loaded = load_memory(tmp_path / "a.safetensors")
    assert loaded.spec == saved.spec and loaded.store == store and len(loaded.blocks) == len(saved.blocks)
    for ours, theirs in zip(loaded.blocks, saved.blocks, strict=True):
        assert list(ours.columns) == list(theirs.columns)
        for column, other in zip(ours.columns.values(), theirs.columns.values(), strict=True):
            assert torch.equal(column, other) and column.dtype == other.dtype
    assert [k.frame for k in loaded.keyframes] == [k.frame for k in saved.keyframes]
    assert torch.equal(loaded.keyframes[1].camera.cam2world, saved.keyframes[1].camera.cam2world)
    assert torch.equal(splat(loaded, CAMERAS, (3, 5)).latents, splat(saved, CAMERAS, (3, 5)).latents)


def test_locks_are_saved_and_a_memory_without_any_is_saved_as_before_there_were_any(tmp_path):
    everywhere = dict(low=(-9.0, -9.0, -9.0), high=(9.0, 9.0, 9.0))
    locks = [Sphere(does="lock", center=tuple(memory().blocks[0].xyz[0].tolist()), radius=0.3)]
    locked, plain, path = painted(memory(), locks), tmp_path / "plain.safetensors", tmp_path / "a.safetensors"
    save_memory(locked, path)
    loaded = load_memory(path)
    assert 0 < loaded.num_locked < loaded.num_points
    assert torch.equal(loaded.column("locked"), locked.column("locked"))
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["version"] == "3"  # which an older version of this pack refuses to read
    save_memory(memory(), plain)
    save_memory(painted(locked, [Box(does="unlock", **everywhere)]), path)
    (header, body), (now, now_body) = (parted(file.read_bytes()) for file in (plain, path))
    assert (now, now_body) == (header, body)
    assert header["__metadata__"]["version"] == "1" and not any(name.endswith("locked") for name in header)


def parted(file):
    """Header and tensors of a file's bytes: safetensors writes its entries in an order of chance."""
    (length,) = struct.unpack("<Q", file[:8])
    return json.loads(file[8 : 8 + length]), file[8 + length :]


def test_an_empty_memory_is_saved_and_loaded(tmp_path):
    save_memory(LatentMemory(SPEC), tmp_path / "a.safetensors")
    assert load_memory(tmp_path / "a.safetensors").num_points == 0


def test_the_header_states_format_version_and_notes(tmp_path):
    save_memory(memory(), tmp_path / "a.safetensors", notes={"prompt": "{}", "version": "not this one"})
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        header = file.metadata()
    assert (header["format"], header["version"], header["prompt"]) == ("mirage-latent-memory", "1", "{}")


def test_a_failed_write_leaves_the_older_file_and_no_scraps(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_memory(memory(), path)
    before = path.read_bytes()

    def fail(tensors, file, metadata):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("mirage_core.storage.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_memory(LatentMemory(SPEC), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert safetensors.torch.load_file(path)


def test_a_point_cloud_is_upright_in_viewer_axes():
    xyz = torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.0]])
    cloud = LatentMemory(SPEC).insert(PointBlock(xyz, torch.zeros(2, 6)), "append")
    header, body = point_cloud_ply(cloud, torch.tensor([[0.0, 0.5, 1.0], [2.0, -1.0, 0.2]])).split(b"end_header\n")
    assert b"element vertex 2\n" in header
    assert struct.unpack("<fffBBB", body[:15]) == (1.0, -2.0, -3.0, 0, 128, 255)
    assert struct.unpack("<fffBBB", body[15:]) == (-4.0, -5.0, -6.0, 255, 0, 51)


def test_every_byte_is_found_again():
    every = torch.arange(256, dtype=torch.uint8).view(16, 4, 4)
    assert torch.equal(as_bytes(every / 255.0), every)


def test_colours_beyond_black_and_white_are_cut_not_wrapped():
    assert as_bytes(torch.tensor([-0.5, 0.999, 1.5])).tolist() == [0, 255, 255]


@pytest.mark.parametrize("patch", [8, 16])
def test_the_basis_is_orthonormal(patch):
    basis = PatchCodec(patch).basis
    torch.testing.assert_close(basis @ basis.T, torch.eye(4))


@pytest.mark.parametrize("patch", [8, 16])
@pytest.mark.parametrize("frames", [1, 3])
def test_encoding_what_was_decoded_gives_the_latents_back(patch, frames):
    latents = torch.randn(2, 48, frames, 3, 5, generator=torch.Generator().manual_seed(0))
    codec = PatchCodec(patch)
    video = codec.decode(latents)
    assert video.shape == (2, 3, 4 * frames - 3, 3 * patch, 5 * patch)
    torch.testing.assert_close(codec.encode(video), latents, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("frames", "latent_frames"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_latent_frame_k_is_pixel_frame_4k(frames, latent_frames):
    video = torch.arange(float(frames)).view(1, 1, frames, 1, 1).expand(1, 3, frames, 16, 24)
    latents = PatchCodec(8).encode(video)
    assert latents.shape == (1, 48, latent_frames, 2, 3)
    torch.testing.assert_close(latents[0, 0, :, 0, 0] / 8, torch.arange(0.0, frames, 4))


def test_between_latent_frames_the_decoder_cross_fades():
    latents = torch.zeros(1, 48, 2, 1, 1)
    latents[:, :3, 1] = 8.0
    video = PatchCodec(8).decode(latents)
    torch.testing.assert_close(video[0, 0, :, 4, 4], torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))


def test_a_smooth_picture_comes_back_nearly_as_it_was():
    x, y = torch.meshgrid(torch.linspace(0, 6, 96), torch.linspace(0, 4, 64), indexing="xy")
    picture = torch.stack([torch.sin(x), torch.cos(y), torch.sin(x + y)]) * 0.5
    video = picture[None, :, None]
    for patch, decibels in ((8, 50.0), (16, 35.0)):
        codec = PatchCodec(patch)
        assert psnr(codec.decode(codec.encode(video)), video, max_val=1.0) > decibels


def test_the_first_three_channels_are_the_mean_colour():
    picture = torch.rand(1, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    codec = PatchCodec(16)
    tokens = codec.encode(picture).flatten(2).mT[0]  # (1, 48)
    torch.testing.assert_close(codec.mean_colours(tokens), picture.mean(dim=(3, 4))[:, :, 0])
