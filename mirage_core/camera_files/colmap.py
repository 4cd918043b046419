"""COLMAP models, text or binary: cameras and images in one folder, world2cam as quaternion (w first) and translation.

Layout from COLMAP's documentation of its output format. OpenCV axes, pixel centres at 0.5. Images are ordered by name.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ..errors import MirageError, brief
from ..files import natural, whole_file
from .parsed import (
    Parsed,
    ReadOptions,
    Written,
    intrinsics,
    left_out,
    matrix_to_quaternion,
    normalised,
    numbers,
    oriented,
    pose,
    read_text,
    rotations_of,
)

TITLE = "COLMAP model"
SUFFIX = ""  # a folder
OPTIONS = ("image_size", "invert", "transpose", "flip", "quaternion_xyzw")
MODELS = {  # id: (name, parameters, of these the focal lengths and the centre; None = its pictures are not perspective)
    0: ("SIMPLE_PINHOLE", 3, (0, 0, 1, 2)),
    1: ("PINHOLE", 4, (0, 1, 2, 3)),
    2: ("SIMPLE_RADIAL", 4, (0, 0, 1, 2)),
    3: ("RADIAL", 5, (0, 0, 1, 2)),
    4: ("OPENCV", 8, (0, 1, 2, 3)),
    5: ("OPENCV_FISHEYE", 8, None),
    6: ("FULL_OPENCV", 12, (0, 1, 2, 3)),
    7: ("FOV", 5, None),
    8: ("SIMPLE_RADIAL_FISHEYE", 4, None),
    9: ("RADIAL_FISHEYE", 5, None),
    10: ("THIN_PRISM_FISHEYE", 12, None),
    11: ("RAD_TAN_THIN_PRISM_FISHEYE", 16, None),
}
PERSPECTIVE = [name for name, _, places in MODELS.values() if places]
IDS = {name: number for number, (name, _, _) in MODELS.items()}
NUMBER = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", re.IGNORECASE)
WHOLE = re.compile(r"-?[0-9]+")
Camera = tuple[int, int, int, list[float]]  # model, width, height, parameters
Image = tuple[str, int, list[float], int]  # name, camera, quaternion and translation, its own number


def fits(path: Path, text: str) -> bool:
    return is_model(path)


def is_model(path: Path) -> bool:
    """Whether a folder, or the folder of a file with a name of COLMAP's, holds a model."""
    folder = _folder(path)
    named = path.is_dir() or (path.stem in ("cameras", "images", "points3D") and path.suffix in (".txt", ".bin"))
    return named and any((folder / f"images{kind}").is_file() for kind in (".txt", ".bin"))


def parts(path: Path) -> list[Path]:
    """The files that a model's cameras and points may be read from; none of what is no model."""
    if not is_model(path):
        return []
    points = points_file(path)
    return [*_parts_there(path), points] if points.is_file() else _parts_there(path)


def _parts_there(path: Path) -> list[Path]:
    files = [_folder(path) / f"{name}{kind}" for name in ("cameras", "images") for kind in (".bin", ".txt")]
    return [file for file in files if file.is_file()]


def kind_of(path: Path) -> str:
    """The suffix of the files that a model's cameras are read from."""
    return ".bin" if (_folder(path) / "images.bin").is_file() and path.suffix != ".txt" else ".txt"


def numbered_images(path: Path) -> list[int]:
    """The numbers of a model's images, in the order in which their cameras are read."""
    file = _folder(path) / f"images{kind_of(path)}"
    images = list((_binary_images if file.suffix == ".bin" else _text_images)(file))
    images.sort(key=lambda image: natural(image[0]))
    return [image[-1] for image in images]


def points_file(path: Path) -> Path:
    """The file of a model's sparse points, of the kind that its cameras are read from; it need not be there."""
    return _folder(path) / f"points3D{kind_of(path)}"


def read(path: Path, options: ReadOptions) -> Parsed:
    folder = _folder(path)
    kind = kind_of(path)
    binary = kind == ".bin"
    for name in ("cameras", "images"):
        if not (folder / f"{name}{kind}").is_file():
            raise MirageError(f"{folder.name}: a COLMAP model must hold {name}{kind}; it is not there.")
    try:
        cameras = _binary_cameras(folder / "cameras.bin") if binary else _text_cameras(folder / "cameras.txt")
        images = list((_binary_images if binary else _text_images)(folder / f"images{kind}"))
    except (struct.error, OverflowError) as error:
        raise MirageError(f"{folder.name}: the binary files end too early; {error}.") from error
    if not images:
        raise MirageError(f"{folder.name}: images{kind} must hold an image; it holds none.")
    unknown = sorted({camera for _, camera, *_ in images} - set(cameras))
    if unknown:
        raise MirageError(f"{folder.name}: images use camera {unknown[0]}, which cameras{kind} does not hold.")
    images.sort(key=lambda image: natural(image[0]))
    used = [cameras[camera] for _, camera, *_ in images]
    values = np.array([values for _, _, values, _ in images])
    rotations, warnings = rotations_of(values[:, :4], options, True, folder.name)
    matrices = pose(rotations, values[:, 4:])
    notes = ["world2cam as quaternion (w first) and translation, OpenCV axes", "units of a reconstruction"]
    bent = sorted({MODELS[model][0] for model, _, _, values in used if _is_bent(model, values)})
    if bent:
        warnings = [*warnings, left_out(", ".join(bent))]
    K = np.stack([_normalised(camera, options.image_size) for camera in used])
    size = options.image_size or (used[0][2], used[0][1])
    return Parsed(oriented(matrices, options, True, folder.name), K, notes, size, warnings=warnings)


def write(path: Path, written: Written, binary: bool = False) -> None:
    """Write ``cameras``, ``images`` and an empty ``points3D`` into a folder, in place of a model that it holds."""
    world2cam, (H, W) = written.world2cam, written.image_size
    cameras = [(n + 1, W, H, [k[0, 0], k[1, 1], k[0, 2], k[1, 2]]) for n, k in enumerate(written.K_pixels)]
    values = np.concatenate([matrix_to_quaternion(world2cam[:, :3, :3]), world2cam[:, :3, 3]], axis=1)
    files = (_as_binary if binary else _as_text)(cameras, list(enumerate(values.tolist(), start=1)))
    path.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:  # the files appear in the reverse order: images last, without which a folder is no model
        for name, data in files.items():
            file = path / f"{name}{'.bin' if binary else '.txt'}"
            stack.enter_context(whole_file(file)).write_bytes(data)
        for old in _parts_there(path):  # also of the other kind: no cameras beside the images of another model
            old.unlink()


def _as_binary(cameras: list[tuple], poses: list[tuple]) -> dict[str, bytes]:
    pinholes = [struct.pack("<iiQQ4d", n, IDS["PINHOLE"], w, h, *values) for n, w, h, values in cameras]
    images = [
        struct.pack("<i7di", n, *values, n) + f"{n:05d}.png\0".encode() + struct.pack("<Q", 0) for n, values in poses
    ]
    rows = {"images": images, "cameras": pinholes, "points3D": []}
    return {name: struct.pack("<Q", len(some)) + b"".join(some) for name, some in rows.items()}


def _as_text(cameras: list[tuple], poses: list[tuple]) -> dict[str, bytes]:
    pinholes = [f"{n} PINHOLE {w} {h} " + " ".join(map(repr, map(float, values))) for n, w, h, values in cameras]
    images = [f"{n} " + " ".join(map(repr, values)) + f" {n} {n:05d}.png\n" for n, values in poses]
    rows = {"images": images, "cameras": pinholes, "points3D": ["# no points"]}
    return {name: ("\n".join(some) + "\n").encode() for name, some in rows.items()}


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _normalised(camera: Camera, size: tuple[int, int] | None) -> np.ndarray:
    model, width, height, values = camera
    name, _, places = MODELS[model]
    if places is None:
        raise _not_perspective("cameras", name)
    return normalised(intrinsics(*(values[place] for place in places)), size or (height, width))


def _is_bent(model: int, values: list[float]) -> bool:
    _, count, places = MODELS[model]
    return places is not None and any(values[max(places) + 1 : count])


def _not_perspective(where: str, model: str) -> MirageError:
    return MirageError(
        f"{where}: a COLMAP camera must be of a perspective model, {', '.join(PERSPECTIVE)}; got {brief(model)}. "
        "Undistort the images (colmap image_undistorter) and read the model that this writes."
    )


def _parameters(number: int, where: str) -> int:
    if number not in MODELS:
        raise _not_perspective(where, f"number {number}")
    return MODELS[number][1]


def _text_cameras(path: Path) -> dict[int, Camera]:
    cameras = {}
    for line in _rows(path):
        words = line.split()
        if len(words) < 5:
            raise MirageError(f"{path.name}: a camera is ID MODEL WIDTH HEIGHT and parameters; got {line[:60]!r}.")
        where = f"{path.name}, camera {brief(words[0])}"
        if words[1] not in IDS:
            raise _not_perspective(where, words[1])
        model = IDS[words[1]]
        number, width, height = numbers(" ".join((words[0], *words[2:4])), 3, where)
        cameras[int(number)] = (model, int(width), int(height), numbers(" ".join(words[4:]), MODELS[model][1], where))
    return cameras


def _text_images(path: Path) -> Iterator[Image]:
    """Every image is a line of ten words, behind which a line of 2D points may stand."""
    may_be_points = False
    for line in _rows(path):
        words = line.split()
        if may_be_points and _are_points(words):
            may_be_points = False
            continue
        if len(words) < 10:
            raise MirageError(f"{path.name}: an image is ID, 7 numbers, CAMERA_ID and NAME; got {line[:60]!r}.")
        where = f"{path.name}, image {brief(words[0])}"
        number, camera = (int(one) for one in numbers(f"{words[0]} {words[8]}", 2, where))
        yield " ".join(words[9:]), camera, numbers(" ".join(words[1:8]), 7, where), number
        may_be_points = True


def _are_points(words: list[str]) -> bool:
    """Whether a line is X, Y and the number of a 3D point, any times."""
    return (
        len(words) % 3 == 0
        and all(WHOLE.fullmatch(word) for word in words[2::3])
        and all(NUMBER.fullmatch(word) for word in words)
    )


def _rows(path: Path) -> list[str]:
    return [line for line in read_text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _binary_cameras(path: Path) -> dict[int, Camera]:
    data, cameras = path.read_bytes(), {}
    (count,), at = struct.unpack_from("<Q", data), 8
    for _ in range(count):
        number, model, width, height = struct.unpack_from("<iiQQ", data, at)
        parameters = _parameters(model, path.name)
        cameras[number] = (model, width, height, list(struct.unpack_from(f"<{parameters}d", data, at + 24)))
        at += 24 + 8 * parameters
    return cameras


def _binary_images(path: Path) -> Iterator[Image]:
    data = path.read_bytes()
    (count,), at = struct.unpack_from("<Q", data), 8
    for _ in range(count):
        number, *values, camera = struct.unpack_from("<i7di", data, at)
        end = data.find(b"\0", at + 64)
        if end < 0:
            raise struct.error("an image's name has no end")
        name = data[at + 64 : end].decode("utf-8", "replace")
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + 24 * points
        yield name, camera, values, number
