"""Camera files as they are found: other orders, other lenses, other texts, and files that are damaged."""

import json
import math
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from test_camera_files import FILES, SIZE, SUFFIXED, level_walk, swapped, winding

from mirage_core import Cameras, MirageError
from mirage_core.camera_files import FORMATS, WRITABLE, ReadOptions, detected, files_read, read_cameras, write_cameras
from mirage_core.camera_files.parsed import FLIP

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


# --- three lines of numbers ------------------------------------------------------------------------------------------


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
    with pytest.raises(MirageError, match=r"loop\.txt must be said: .*spherical .* trajectorycrafter .*Set format"):
        read_cameras(path, options=ReadOptions(field_of_view=50))
    path.write_text(" ".join(["0"] * 26) + "\n0 1\n0 0\n")  # more than ViewCrafter takes
    assert detected(path) == "trajectorycrafter"


# --- other lenses ----------------------------------------------------------------------------------------------------


def with_entries(path: Path, **entries) -> None:
    data = json.loads(path.read_text())
    (data if isinstance(data, dict) else data[0]).update(entries)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("nerfstudio", {"camera_model": "OPENCV_FISHEYE"}),
        ("nerfstudio", {"camera_model": "EQUIRECTANGULAR"}),
        ("nerfstudio", {"camera_model": "fisheye"}),
        ("nerfstudio", {"camera_model": "ORTHOPHOTO"}),
        ("nerfstudio", {"is_fisheye": True}),
        ("nerfstudio", {"camera_type": "spherical"}),
        ("nerfstudio path", {"camera_type": "equirectangular"}),
        ("nerfstudio path", {"camera_type": "fisheye"}),
        ("threejs", {"cameraType": "orthographic"}),
        ("threejs", {"camera_type": "panorama"}),
        ("mirage", {"camera_model": "EQUIRECTANGULAR"}),
        ("kubric", {"camera_model": "fisheye"}),
        ("recammaster", {"camera_model": "fisheye"}),
    ],
)
def test_pictures_that_are_not_perspective_are_refused(name, entries, tmp_path):
    path = tmp_path / SUFFIXED[name]
    write_cameras(winding(3), path, name, SIZE)
    with_entries(path, **entries)
    with pytest.raises(MirageError, match=f"{next(iter(entries))} must be perspective"):
        read_cameras(path, name, ReadOptions(field_of_view=50))


def test_one_frame_that_is_not_perspective_is_refused(tmp_path):
    path = tmp_path / "transforms.json"
    write_cameras(winding(3), path, "nerfstudio", SIZE)
    data = json.loads(path.read_text())
    data["frames"][2]["camera_model"] = "OPENCV_FISHEYE"
    path.write_text(json.dumps(data))
    with pytest.raises(MirageError, match="camera_model must be perspective"):
        read_cameras(path)


@pytest.mark.parametrize("model", ["PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "perspective", None])
def test_pinholes_by_any_name_are_read(model, tmp_path):
    path = tmp_path / "transforms.json"
    write_cameras(winding(3), path, "nerfstudio", SIZE)
    with_entries(path, camera_model=model)
    assert len(read_cameras(path).cameras) == 3 and not read_cameras(path).warnings


COLMAP_FISHEYES = {"OPENCV_FISHEYE": 8, "FOV": 5, "SIMPLE_RADIAL_FISHEYE": 4, "THIN_PRISM_FISHEYE": 12}


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("model", COLMAP_FISHEYES)
def test_fisheyes_of_colmap_are_refused(model, binary, tmp_path):
    write_cameras(winding(2), tmp_path, "colmap", SIZE, binary=binary)
    count = COLMAP_FISHEYES[model]
    if binary:
        numbers = {"OPENCV_FISHEYE": 5, "FOV": 7, "SIMPLE_RADIAL_FISHEYE": 8, "THIN_PRISM_FISHEYE": 10}
        cameras = [
            np.array([n, numbers[model]], "<i4").tobytes()
            + np.array([640, 360], "<u8").tobytes()
            + np.full(count, 300.0).tobytes()
            for n in (1, 2)
        ]
        (tmp_path / "cameras.bin").write_bytes(np.array([2], "<u8").tobytes() + b"".join(cameras))
    else:
        lines = [f"{n} {model} 640 360 {' '.join(['300'] * count)}\n" for n in (1, 2)]
        (tmp_path / "cameras.txt").write_text("".join(lines))
    with pytest.raises(MirageError, match=f"perspective model, SIMPLE_PINHOLE.*got {model}.*Undistort the images"):
        read_cameras(tmp_path)


def test_a_bent_lens_is_said_and_a_straight_one_is_not(tmp_path):
    write_cameras(winding(2), tmp_path, "colmap", SIZE)
    for bent in (0.0, 0.1):
        lines = [f"{n} OPENCV 640 360 300 300 320 180 {bent} 0 0 0\n" for n in (1, 2)]
        (tmp_path / "cameras.txt").write_text("".join(lines))
        said = [warning for warning in read_cameras(tmp_path).warnings if "lens distortion (OPENCV)" in warning]
        assert len(said) == (bent > 0)
    path = tmp_path / "transforms.json"
    write_cameras(winding(2), path, "nerfstudio", SIZE)
    with_entries(path, k1=0.0, k2=-0.03, p1=None)
    assert any("lens distortion (k2)" in warning for warning in read_cameras(path).warnings)


# --- options, and the advice to set them -----------------------------------------------------------------------------


@pytest.mark.parametrize("flip", ["y", "yz"])
@pytest.mark.parametrize("name", WRITABLE)
def test_every_written_format_reads_flip(name, flip, tmp_path):
    walk, path = level_walk(), tmp_path / SUFFIXED[name]
    mirror = torch.diag(torch.tensor([*(-1.0 if axis in flip else 1.0 for axis in "xyz"), 1.0]))
    if flip == "y":  # mirrored cameras cannot be written: that such a file is refused without flip says that it is read
        write_cameras(walk, path, name, SIZE)
        with pytest.raises(MirageError, match="must not mirror"):
            read_cameras(path, name, ReadOptions(field_of_view=50, flip=flip, image_size=SIZE))
        return
    write_cameras(Cameras(walk.cam2world @ mirror, walk.K), path, name, SIZE)
    found = read_cameras(path, name, ReadOptions(field_of_view=50, flip=flip, image_size=SIZE))
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["recammaster", "mirage", "realestate10k"])
def test_transposed_matrices_are_read_with_transpose_and_refused_with_the_advice(name, tmp_path):
    walk, path = level_walk(), tmp_path / SUFFIXED[name]
    write_cameras(walk, path, name, SIZE)
    text = path.read_text()
    if name == "mirage":
        data = json.loads(text)
        for camera in data["cameras"]:
            camera["cam2world"] = np.array(camera["cam2world"]).T.tolist()
        path.write_text(json.dumps(data))
    elif name == "recammaster":
        data = json.loads(text)
        for frame in data.values():
            rows = np.array(re.sub(r"[\[\]]", " ", frame["cam01"]).split(), dtype=float).reshape(4, 4).T
            frame["cam01"] = " ".join("[" + " ".join(map(repr, map(float, row))) + "]" for row in rows)
        path.write_text(json.dumps(data))
    else:
        rows = [line.split() for line in text.splitlines()[1:]]
        turned = [row[:7] + np.array(row[7:]).reshape(3, 4).T.flatten().tolist() for row in rows]
        path.write_text("video\n" + "\n".join(map(" ".join, turned)) + "\n")
    options = {"field_of_view": 50}
    found = read_cameras(path, options=ReadOptions(**options, transpose=True))
    torch.testing.assert_close(found.cameras.cam2world, walk.cam2world, atol=1e-5, rtol=0)
    if name != "realestate10k":  # twelve numbers look the same either way
        with pytest.raises(MirageError, match=r"[Ss]et transpose\."):
            read_cameras(path, options=ReadOptions(**options))
        write_cameras(walk, path, name, SIZE)
        with pytest.raises(MirageError, match=r"[Uu]nset transpose\."):
            read_cameras(path, options=ReadOptions(**options, transpose=True))


def strange_paths():
    """Paths that every hint is made for."""
    walk = level_walk()
    backward = torch.eye(4).repeat(9, 1, 1)
    backward[:, 2, 3] = -torch.arange(9.0)
    K = torch.tensor([[0.8, 0.0, 0.5], [0.0, 1.4, 0.5], [0.0, 0.0, 1.0]])
    wide, off = K.clone(), K.clone()
    wide[0, 0], wide[1, 1], off[0, 2] = 0.2, 0.2 * SIZE[1] / SIZE[0], 0.9
    far = torch.linalg.inv(backward)
    far[:, 0, 3] += 40.0
    return {
        "backward": Cameras(backward, K),
        "wide": Cameras(walk.cam2world, wide),
        "off": Cameras(walk.cam2world, off),
        "rolling": winding(9),
        "z up": Cameras(torch.tensor([[[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]]).repeat(9, 1, 1), K),
    }


ADVICE = re.compile(r"\b(?:[Uu]ns|[Ss])et (\w+)")
OF_WIDGET = {"quaternion_xyzw": "xyzw", "image_width": "image_size"}
CHANGED = {"flip": "yz", "image_size": (720, 1280), "camera": "cam02", "field_of_view": 70}


@pytest.mark.parametrize("kind", strange_paths())
@pytest.mark.parametrize("name", WRITABLE)
def test_no_hint_names_an_option_that_does_nothing_for_the_format(name, kind, tmp_path):
    path = tmp_path / SUFFIXED[name]
    write_cameras(strange_paths()[kind], path, name, SIZE)
    given = {"field_of_view": 140 if kind == "wide" else 50}
    found = read_cameras(path, name, ReadOptions(**given))
    for widget in ADVICE.findall(" ".join(found.warnings)):
        option = OF_WIDGET.get(widget, widget)
        assert option in FORMATS[name].OPTIONS, f"{widget} is advised"
        other = read_cameras(path, name, ReadOptions(**{**given, option: CHANGED.get(option, True)})).cameras
        same = torch.equal(other.K, found.cameras.K) and torch.equal(other.cam2world, found.cameras.cam2world)
        assert not same, f"{widget} changes nothing"


@pytest.mark.parametrize("format", ["spherical", "trajectorycrafter"])
def test_texts_of_turns_get_no_advice_about_matrices(format, tmp_path):
    path = tmp_path / "path.txt"
    path.write_text("0 0\n0 0\n0 3\n" if format == "spherical" else "0 0\n0 0\n0 -1 -2 -3\n")  # backward all the way
    found = read_cameras(path, format, ReadOptions(field_of_view=140))
    assert "backward" in found.report and not ADVICE.findall(found.report)


def test_an_option_that_the_format_does_not_read_is_said(tmp_path):
    write_cameras(winding(3), tmp_path / "a.json", "mirage", SIZE)
    options = ReadOptions(xyzw=True, camera="cam02", flip="yz")
    said = " ".join(read_cameras(tmp_path / "a.json", options=options).warnings)
    assert "quaternion_xyzw is set, and does nothing" in said and "camera is set" in said and "flip" not in said


# --- texts -----------------------------------------------------------------------------------------------------------


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


def test_a_model_that_is_written_over_another_is_read_as_the_new_one(tmp_path):
    write_cameras(winding(4), tmp_path, "colmap", SIZE, binary=True)
    write_cameras(winding(7), tmp_path, "colmap", SIZE)
    assert len(read_cameras(tmp_path).cameras) == 7


def test_the_files_of_a_model_are_those_it_may_be_read_from(tmp_path):
    write_cameras(winding(3), tmp_path, "colmap", SIZE)
    (tmp_path / "cameras.bin").write_bytes(b"")
    names = {file.name for file in files_read(tmp_path / "images.txt")}
    assert names == {"cameras.txt", "images.txt", "cameras.bin"}
    assert files_read(tmp_path / "other.json") == [tmp_path / "other.json"]


@pytest.mark.parametrize(
    ("file", "could_be", "not_named"),
    [
        ("a.json", "nerfstudio path", "spherical|realestate10k|published|colmap"),
        ("a.txt", "trajectorycrafter", "nerfstudio|published|colmap"),
        ("a.bin", r"\.json, \.npz, \.txt, or are a COLMAP model", "nerfstudio|Choose"),
    ],
)
def test_a_file_of_no_known_format_is_told_only_what_it_could_be(file, could_be, not_named, tmp_path):
    (tmp_path / file).write_text('{"nodes": []}')
    with pytest.raises(MirageError, match=could_be) as refused:
        read_cameras(tmp_path / file)
    assert not re.search(not_named, str(refused.value)) and "Choose" not in str(refused.value)


# --- damaged files ---------------------------------------------------------------------------------------------------

TOKENS = re.compile(rb'[-+0-9.eE]+|"[^"]*"|[a-z]+')
WORDS = [
    *(b"1e400", b"-1e308", b"1e200", b"nan", b"NaN", b"inf", b"Infinity", b"0", b"-1", b"0.0", b"9" * 400, b"9" * 5000),
    *(b"null", b"true", b"{}", b"[]", b'""', b'"x"', b"[[[]]]", b"\xff", b"\x00", b"-", b"[" * 100_000),
]


def damaged(data: bytes, drawn: random.Random) -> bytes:
    """Bytes with one to three changes: cut, overwritten, a word or number replaced, a part lost or repeated."""
    data = bytearray(data)
    for _ in range(drawn.randrange(1, 4)):
        at = drawn.randrange(len(data) or 1)
        match drawn.randrange(6):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 4] = drawn.randbytes(4)
            case 2 | 3:
                words = [found.span() for found in TOKENS.finditer(bytes(data))]
                if words:
                    data[slice(*drawn.choice(words))] = drawn.choice(WORDS)
            case 4:
                del data[at : at + drawn.randrange(1, 80)]
            case 5:
                data[at:at] = data[at : at + drawn.randrange(1, 200)]
    return bytes(data)


def options_drawn(drawn: random.Random) -> ReadOptions:
    return ReadOptions(
        field_of_view=50,
        image_size=drawn.choice([None, SIZE]),
        flip=drawn.choice(["", "y", "yz"]),
        **{name: drawn.random() < 0.2 for name in ("invert", "transpose", "xyzw", "horizontal_fov")},
    )


def files_to_damage(name: str, folder: Path):
    if name in WRITABLE:
        path = folder / SUFFIXED[name]
        write_cameras(winding(3), path, name, SIZE)
        if name != "colmap":
            return path, [path]
        write_cameras(winding(3), folder / "binary", name, SIZE, binary=True)
        return path, [path / "cameras.txt", path / "images.txt"]
    path = folder / "path.txt"
    path.write_text("0 10 30\n0 10\n0 -0.5 0 0.1\n")
    return path, [path]


@pytest.mark.filterwarnings("error")  # numpy's, which would fill the user's console
@pytest.mark.parametrize("name", [*FORMATS, "colmap binary"])
def test_what_is_damaged_is_read_or_refused_in_a_sentence_and_never_fails_otherwise(name, tmp_path):
    drawn = random.Random(name)
    path, targets = files_to_damage(name.removesuffix(" binary"), tmp_path)
    if name == "colmap binary":
        path = tmp_path / "binary"
        targets = [path / "cameras.bin", path / "images.bin"]
    whole = {target: target.read_bytes() for target in targets}
    refused = 0
    for _ in range(150):
        target = drawn.choice(targets)
        target.write_bytes(damaged(whole[target], drawn))
        try:
            found = read_cameras(path, drawn.choice([name.removesuffix(" binary"), "auto"]), options_drawn(drawn))
            assert torch.isfinite(found.cameras.cam2world).all() and "nan" not in found.report
        except MirageError as error:
            refused += 1
            assert len(str(error)) < 600 and "\n" not in str(error)
        target.write_bytes(whole[target])
    assert refused > 50


def test_numbers_that_are_none_are_named_in_the_sentence(tmp_path):
    path = tmp_path / "a.json"
    write_cameras(winding(2), path, "kubric", SIZE)
    data = json.loads(path.read_text())
    data["camera"]["quaternions"][1] = [math.nan] * 4
    path.write_text(json.dumps(data))
    with pytest.raises(MirageError, match="quaternions must have length 1; frame 1 has nan"):
        read_cameras(path)
    path.write_text('{"format": "mirage-camera-path", "version": 1, "x": ' + "[" * 100_000)
    with pytest.raises(MirageError, match="must be a whole camera path JSON of this pack; maximum recursion depth"):
        read_cameras(path)


def test_cameras_beyond_all_worlds_are_refused(tmp_path):
    write_cameras(winding(2), tmp_path / "a.json", "mirage", SIZE)
    data = json.loads((tmp_path / "a.json").read_text())
    data["cameras"][1]["cam2world"][0][3] = 1e200
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(MirageError, match=r"within 1e\+12 units of the origin; frame 1"):
        read_cameras(tmp_path / "a.json")


def test_a_real_walk_through_unreal_is_the_same_with_flip_set_and_undone(tmp_path):
    """recammaster.json with its cameras' y and z turned round: flip brings the recorded path back."""
    recorded = read_cameras(FILES / "recammaster.json", options=ReadOptions(field_of_view=60)).cameras
    shutil.copy(FILES / "recammaster.json", tmp_path / "a.json")
    flipped = read_cameras(tmp_path / "a.json", options=ReadOptions(field_of_view=60, flip="yz")).cameras
    torch.testing.assert_close(flipped.cam2world, recorded.cam2world @ torch.from_numpy(FLIP).float())


def test_swapped_matrices_of_unreal_are_mended_by_invert(tmp_path):
    swapped(tmp_path / "right.json")
    cameras = read_cameras(tmp_path / "right.json").cameras
    write_cameras(cameras, tmp_path / "a.json", "recammaster", SIZE)
    found = read_cameras(tmp_path / "a.json", "recammaster", ReadOptions(field_of_view=50, invert=True))
    torch.testing.assert_close(found.cameras.cam2world, torch.linalg.inv(cameras.cam2world), atol=1e-4, rtol=0)
