"""Files that can be chosen, listed without walking through what has not changed."""

import os
import shutil
import time

import pytest
from camera_paths import SIZE, winding

from mirage_core import listing
from mirage_core.camera_files import write_cameras
from mirage_core.listing import files_below

MEMORIES, CAMERAS = (".safetensors",), (".json", ".txt", ".npz", ".bin")


def settle(root, age=60.0):
    """Let all folders be as old as they are a minute later."""
    then = time.time() - age
    for folder, _, _ in os.walk(root):
        os.utime(folder, (then, then))


@pytest.fixture
def read(monkeypatch):
    """The folders that are read, in turn."""
    folders, scandir = [], os.scandir

    def counting(path):
        folders.append(os.path.basename(path.rstrip("/")))
        return scandir(path)

    monkeypatch.setattr(listing.os, "scandir", counting)
    return folders


def test_what_has_not_changed_is_read_once_and_a_new_file_costs_its_folder_alone(tmp_path, read):
    for n in range(30):
        (tmp_path / f"day_{n}" / "walk").mkdir(parents=True)
        (tmp_path / f"day_{n}" / "walk" / "memory.safetensors").write_bytes(b"")
        for picture in range(40):
            (tmp_path / f"day_{n}" / f"{picture}.png").write_bytes(b"")
    settle(tmp_path)
    read.clear()
    first = files_below(tmp_path, MEMORIES)
    assert first == [f"day_{n}/walk/memory.safetensors" for n in range(30)] and len(read) == 61
    read.clear()
    for _ in range(20):
        assert files_below(tmp_path, MEMORIES) == first
        assert files_below(tmp_path, CAMERAS) == []
    assert read == []
    (tmp_path / "day_7" / "late.safetensors").write_bytes(b"")
    assert files_below(tmp_path, MEMORIES)[7] == "day_7/late.safetensors" and read == ["day_7"]


def test_a_folder_that_changed_a_moment_ago_is_read_again(tmp_path, read):
    """Its time may be the same after the next change: file systems count in up to two seconds."""
    state = tmp_path.stat()
    files_below(tmp_path, MEMORIES)
    (tmp_path / "a.safetensors").write_bytes(b"")
    os.utime(tmp_path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert files_below(tmp_path, MEMORIES) == ["a.safetensors"]


def test_what_is_gone_is_not_listed(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a.safetensors").write_bytes(b"")
    settle(tmp_path)
    assert files_below(tmp_path, MEMORIES) == ["inside/a.safetensors"]
    shutil.rmtree(tmp_path / "inside")
    assert files_below(tmp_path, MEMORIES) == []
    assert files_below(tmp_path / "nowhere", MEMORIES) == []


def test_files_come_in_the_order_in_which_people_count(tmp_path):
    for name in ("memory_10.safetensors", "memory_2.safetensors", "Other.SAFETENSORS"):
        (tmp_path / name).write_bytes(b"")
    assert files_below(tmp_path, MEMORIES) == ["Other.SAFETENSORS", "memory_2.safetensors", "memory_10.safetensors"]


def test_only_files_that_can_be_loaded_are_offered(tmp_path):
    write_cameras(winding(2), tmp_path / "text", "colmap", SIZE)
    write_cameras(winding(2), tmp_path / "binary", "colmap", SIZE, binary=True)
    (tmp_path / "walk").mkdir()
    for name in ("walk/chunk_0000.safetensors", "walk/memory.safetensors", "cameras.txt", "model.bin"):
        (tmp_path / name).write_bytes(b"")
    assert files_below(tmp_path, CAMERAS) == ["binary/images.bin", "cameras.txt", "text/images.txt"]
    assert files_below(tmp_path, MEMORIES) == ["walk/memory.safetensors"]


def test_links_out_of_the_folder_are_not_offered_and_rings_end(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir(), outside.mkdir()
    (outside / "far.safetensors").write_bytes(b"")
    (root / "a.safetensors").write_bytes(b"")
    try:
        (root / "near.safetensors").symlink_to(root / "a.safetensors")
        (root / "far.safetensors").symlink_to(outside / "far.safetensors")
        (root / "gone.safetensors").symlink_to(root / "nothing.safetensors")
        (root / "ring").symlink_to(root, target_is_directory=True)
    except OSError as error:
        pytest.skip(f"this system makes no links: {error}")
    assert files_below(root, MEMORIES) == ["a.safetensors", "near.safetensors"]
