"""Names in the order in which people count, and files that are never seen half written."""

import ast
import random
from pathlib import Path

import pytest
from camera_paths import SIZE, SUFFIXED, winding

from mirage_core.camera_files import WRITABLE, write_cameras
from mirage_core.files import natural, whole_file, write_text

ROOT = Path(__file__).parent.parent.parent
WRITERS = {"write_text", "write_bytes", "save_file", "savefig", "savez_compressed", "copyfile"}


@pytest.mark.parametrize(
    "in_order",
    [
        ["r_1", "r_2", "r_10", "r_11", "r_100"],
        ["9.png", "10.png", "a.png"],
        ["a/2.png", "a/10.png", "a2/1.png", "a10/1.png"],  # folder by folder
        ["left/9", "left/10", "left-1/1"],  # "-" sorts before "/", and a folder still comes whole
        ["v1.2", "v1.10", "v2"],
        ["f007", "f7", "f08"],  # equal numbers: the name itself decides
        ["x" + "8" * 5000, "x" + "9" * 5000],  # no number is too long
        ["", "0", "x"],
    ],
)
def test_names_sort_as_people_count(in_order):
    shuffled = random.Random(0).sample(in_order, len(in_order))
    assert sorted(shuffled, key=natural) == in_order
    assert sorted(map(Path, filter(None, shuffled)), key=natural) == list(map(Path, filter(None, in_order)))


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        with whole_file(path) as other:  # another writer of the same name does not write into it
            other.write_text("first")
        partial.write_text("whole")
    assert path.read_text() == "whole" and list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_older_file_and_no_scraps(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with whole_file(path) as partial:
            partial.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("name", WRITABLE)
def test_a_camera_path_that_cannot_be_finished_is_not_there(name, binary, tmp_path, monkeypatch):
    """The last step fails: nothing under the final name; of a COLMAP model no images, without which it is none."""
    options = {"binary": binary} if name == "colmap" else {}
    path = tmp_path / SUFFIXED[name]

    def fail(self, target):
        raise OSError("disk full")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="disk full"):
        broken.setattr(Path, "replace", fail)
        write_cameras(winding(3), path, name, SIZE, **options)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_model_whose_write_fails_leaves_the_older_one(tmp_path, monkeypatch):
    write_cameras(winding(4), tmp_path, "colmap", SIZE)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write, calls = Path.write_bytes, []

    def full(self, data):
        calls.append(self)
        if len(calls) == 3:
            raise OSError("disk full")
        return write(self, data)

    with monkeypatch.context() as broken, pytest.raises(OSError, match="disk full"):
        broken.setattr(Path, "write_bytes", full)
        write_cameras(winding(7), tmp_path, "colmap", SIZE, binary=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def writes(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id in WRITERS - {"write_text"}  # our own write_text is whole
    if not isinstance(call.func, ast.Attribute):
        return False
    if call.func.attr == "save":  # a picture's or torch's; others are callbacks, or give bytes
        of_torch = isinstance(call.func.value, ast.Name) and call.func.value.id == "torch"
        return of_torch or any(given.arg in ("format", "optimize") for given in call.keywords)
    return call.func.attr in WRITERS


def writing_calls(node: ast.AST, whole: bool = False):
    """Lines that write a file, and whether each stands in a block of ``whole_file``."""
    if isinstance(node, ast.With):
        whole = whole or "whole_file(" in ast.unparse(node)  # itself, or what is entered in it
    if isinstance(node, ast.Call) and writes(node):
        yield node.lineno, whole
    for child in ast.iter_child_nodes(node):
        yield from writing_calls(child, whole)


@pytest.mark.parametrize("package", ["mirage_core", "nodes", "training", "benchmarks"])
def test_everything_the_pack_writes_is_written_whole(package):
    found = {
        f"{file.relative_to(ROOT)}:{line}": whole
        for file in (ROOT / package).rglob("*.py")
        for line, whole in writing_calls(ast.parse(file.read_text()))
    }
    found = {place: whole for place, whole in found.items() if not place.startswith("mirage_core/files.py")}
    assert found and not [place for place, whole in found.items() if not whole]
