"""Memories, walks, codecs and paths of the editor from damaged files: read, or refused in a sentence."""

import random
import struct
from pathlib import Path

import pytest
import torch
from damage import damaged
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, on_grid, ramp
from test_storage_and_codec import memory

from mirage_core import MirageError, load_memory, save_memory
from mirage_core.camera_key_text import path_from_text
from mirage_core.learned_codec import load_codec
from mirage_core.walk import walk
from mirage_core.walk_files import chunk_path, load_chunks, save_chunk

CODEC = Path(__file__).parents[2] / "nodes/assets/models/vae/mirage_rooms_codec.safetensors"
KEYS = '{"format": "mirage-camera-keys", "version": 1, "keys": [{"time": 0}, {"time": 0.5, "position": [0, 0.1, 1]}]}'


def header_damaged(data: bytes, drawn: random.Random) -> bytes:
    """A .safetensors file with its header changed, and its length stated as it is: the rest is where it was."""
    (length,) = struct.unpack_from("<Q", data)
    header = damaged(data[8 : 8 + length], drawn)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def text_damaged(data: bytes, drawn: random.Random) -> bytes:
    """A word of the header replaced by another of the same length, so that the file stays whole."""
    (length,) = struct.unpack_from("<Q", data)
    at = drawn.randrange(8, 8 + length)
    return data[:at] + bytes([drawn.choice(b'0123456789-.eE"[]{},:nftxK')]) + data[at + 1 :]


def try_all(read, path: Path, times: int = 120) -> int:
    """Damage the file many times; return how often it was refused."""
    whole, drawn, refused = path.read_bytes(), random.Random(path.name), 0
    for _ in range(times):
        change = drawn.choice([damaged, header_damaged, text_damaged, text_damaged])
        path.write_bytes(change(whole, drawn))
        try:
            read()
        except MirageError as error:
            refused += 1
            assert len(str(error)) < 600 and "\n" not in str(error)
    path.write_bytes(whole)
    read()
    return refused


@pytest.mark.parametrize("store", ["float16", "int8"])
def test_a_damaged_memory(store, tmp_path):
    path = tmp_path / f"{store}.safetensors"
    save_memory(memory().stored_as(store), path)
    assert try_all(lambda: load_memory(path), path) > 60


def test_a_damaged_chunk_of_a_walk(tmp_path):
    cameras = ramp(0, 90)
    start = begin(cameras)
    state = next(iter(walk(start, on_grid(cameras), SETTINGS, Denoiser(invents=True), exact_depth)))
    save_chunk(tmp_path, start, state, {"width": "60"}, {"seed": "1"})
    assert try_all(lambda: load_chunks(tmp_path, start, {"width": "60"}, most=1), chunk_path(tmp_path, 0)) > 60


def test_a_damaged_codec(tmp_path):
    path = tmp_path / CODEC.name
    path.write_bytes(CODEC.read_bytes())
    assert try_all(lambda: load_codec(path), path, times=25) > 10


def test_a_damaged_path_of_the_editor():
    drawn, refused = random.Random(0), 0
    path_from_text(KEYS)
    for _ in range(400):
        text = damaged(KEYS.encode(), drawn).decode("utf-8", "replace")
        try:
            assert all(torch.isfinite(torch.tensor(key.position)).all() for key in path_from_text(text).keys)
        except MirageError as error:
            refused += 1
            assert len(str(error)) < 600 and "\n" not in str(error)
    assert refused > 200
