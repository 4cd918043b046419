"""Camera files as they are found: other orders, other texts, and moves that are written differently."""

import json
import math
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from camera_paths import SIZE, SUFFIXED, winding

from mirage_core import MirageError
from mirage_core.camera_files import ReadOptions, detected, read_cameras, write_cameras

COUNTED = 12  # frames: enough for r_2 and r_10


def renamed(path: Path, name: str) -> None:
    """Name the pictures of a written path ``r_0`` to ``r_11``, and shuffle its entries, as other tools leave them."""
    order = random.Random(1).sample(range(COUNTED), COUNTED)
    if name == "nerfstudio":
        data = json.loads(path.read_text())
        for number, frame in enumerate(data["frames"]):
            frame["file_path"] = f"./train/r_{number}"
        data["frames"] = [data["frames"][n] for n in order]
        path.write_text(json.dumps(data))
    else:
        lines = (path / "images.txt").read_text().split("\n\n")
        lines = [re.sub(r"(\d+)\.png$", lambda found: f"r_{int(found[1]) - 1}.png", line.strip()) for line in lines]
        (path / "images.txt").write_text("".join(f"{lines[n]}\n\n" for n in order))


@pytest.mark.parametrize("name", ["nerfstudio", "colmap"])
def test_frames_come_in_the_order_in_which_people_count(name, tmp_path):
    cameras, path = winding(COUNTED), tmp_path / SUFFIXED[name]
    write_cameras(cameras, path, name, SIZE)
    renamed(path, name)
    torch.testing.assert_close(read_cameras(path).cameras.cam2world, cameras.cam2world, atol=2e-6, rtol=0)


def three_lines(tmp_path, format, *lines, depth=2.0):
    path = tmp_path / "path.txt"
    path.write_text("\n".join(lines) + "\n")
    return read_cameras(path, format, ReadOptions(field_of_view=50, scene_depth=depth)).cameras.cam2world


ROOT_3 = math.sqrt(3)
UP_30 = [  # a camera 30 degrees above a point 2 ahead of the start, looking down at it
    [1, 0, 0, 0],
    [0, ROOT_3 / 2, 0.5, -1],
    [0, -0.5, ROOT_3 / 2, 2 - ROOT_3],
    [0, 0, 0, 1],
]
RIGHT_30 = [[ROOT_3 / 2, 0, -0.5, 1], [0, 1, 0, 0], [0.5, 0, ROOT_3 / 2, 2 - ROOT_3], [0, 0, 0, 1]]
FORWARD = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.5], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("format", "lines", "expected"),
    [
        ("trajectorycrafter", ("0 30", "0 0", "0 0"), UP_30),
        ("trajectorycrafter", ("0 0", "0 30", "0 0"), RIGHT_30),
        ("trajectorycrafter", ("0 0", "0 0", "0 0.25"), FORWARD),
        ("spherical", ("0 0", "0 -30", "0 0"), UP_30),  # ViewCrafter: phi first, theta goes down
        ("spherical", ("0 30", "0 0", "0 0"), RIGHT_30),
        ("spherical", ("0 0", "0 0", "0 -0.25"), FORWARD),  # and r away
    ],
)
def test_the_same_move_is_written_differently_in_both_texts(format, lines, expected, tmp_path):
    made = three_lines(tmp_path, format, *lines)
    torch.testing.assert_close(made[0], torch.eye(4))
    torch.testing.assert_close(made[-1], torch.tensor(expected, dtype=torch.float32))


def test_trajectorycrafter_turns_first_to_the_right_then_up_about_a_point_that_steps_along(tmp_path):
    """As products of plane rotations, the way its code goes: world2cam = T(z) Ry(phi) Rx(theta) T(-z (1 + r))."""
    theta, phi, r, z = math.radians(20), math.radians(-35), 0.3, 2.0
    turn_x, turn_y, back, out = np.eye(4), np.eye(4), np.eye(4), np.eye(4)
    turn_x[1:3, 1:3] = [[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]]
    turn_y[::2, ::2] = [[math.cos(phi), math.sin(phi)], [-math.sin(phi), math.cos(phi)]]
    turn_y[3, 3], back[2, 3], out[2, 3] = 1, z, -z * (1 + r)
    turn_y[0, 2], turn_y[2, 0], turn_y[2, 2] = math.sin(phi), -math.sin(phi), math.cos(phi)
    expected = np.linalg.inv(back @ turn_y @ turn_x @ out)
    made = three_lines(tmp_path, "trajectorycrafter", "0 20", "0 -35", "0 0.3")[-1]
    torch.testing.assert_close(made, torch.from_numpy(expected).float())


def test_three_lines_that_could_be_either_are_not_guessed_at(tmp_path):
    path = tmp_path / "loop.txt"
    path.write_text("0 2 10 0\n0 -3 0\n0 -0.02 0\n")
    with pytest.raises(MirageError, match=r"loop\.txt: its format must .*spherical .* trajectorycrafter .*Set format"):
        read_cameras(path, options=ReadOptions(field_of_view=50))
    path.write_text(" ".join(["0"] * 26) + "\n0 1\n0 0\n")  # more than ViewCrafter takes
    assert detected(path) == "trajectorycrafter"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["mirage", "realestate10k", "nerfstudio", "nerfstudio path", "colmap", "recammaster"])
def test_texts_are_read_in_every_encoding_that_editors_save(name, encoding, tmp_path):
    path = tmp_path / SUFFIXED[name]
    write_cameras(winding(3), path, name, SIZE)
    options = ReadOptions(field_of_view=50)
    plain = read_cameras(path, options=options)
    for file in path.glob("*.txt") if path.is_dir() else [path]:
        file.write_bytes(file.read_text().encode(encoding))
    found = read_cameras(path, options=options)
    assert found.format == name and torch.equal(found.cameras.cam2world, plain.cameras.cam2world)


def test_windows_line_ends_and_marks_do_not_hide_three_lines(tmp_path):
    path = tmp_path / "path.txt"
    path.write_bytes("0 1\r\n0 2\r\n0 0\r\n".encode("utf-16"))
    found = read_cameras(path, "trajectorycrafter", ReadOptions(field_of_view=50))
    assert len(found.cameras) == 2


def image_lines(folder: Path) -> list[str]:
    return [line for line in (folder / "images.txt").read_text().splitlines() if line.strip()]


POINTS = "1204.5 331.25 -1 88.0 2e1 4711"


@pytest.mark.parametrize(
    "between",
    ["", "\n", f"{POINTS}\n", "# a comment\n", None],
    ids=["no second lines", "empty ones", "points", "comments", "mixed"],
)
def test_images_are_found_with_and_without_their_second_lines(between, tmp_path):
    cameras = winding(6)
    write_cameras(cameras, tmp_path, "colmap", SIZE)
    lines = image_lines(tmp_path)
    second = [("", "\n", f"{POINTS}\n")[n % 3] if between is None else between for n in range(len(lines))]
    text = "# Image list\n" + "".join(f"{line}\n{two}" for line, two in zip(lines, second, strict=True))
    (tmp_path / "images.txt").write_text(text)
    torch.testing.assert_close(read_cameras(tmp_path).cameras.cam2world, cameras.cam2world, atol=2e-6, rtol=0)


def test_an_image_without_its_name_is_not_taken_for_points(tmp_path):
    write_cameras(winding(3), tmp_path, "colmap", SIZE)
    lines = image_lines(tmp_path)
    lines[1] = lines[1].rsplit(" ", 1)[0]
    (tmp_path / "images.txt").write_text("\n".join(lines) + "\n")
    with pytest.raises(MirageError, match="an image is ID, 7 numbers, CAMERA_ID and NAME"):
        read_cameras(tmp_path)
