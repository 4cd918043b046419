"""COLMAP models, text or binary: cameras and images in one folder, world2cam as quaternion (w first) and translation.

Layout from COLMAP's documentation of its output format. OpenCV axes, pixel centres at 0.5. Images are ordered by name.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import MirageError
from .parsed import (
    Parsed,
    ReadOptions,
    Written,
    intrinsics,
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
MODELS = {  # id: (name, parameters, of these the focal lengths and the centre)
    0: ("SIMPLE_PINHOLE", 3, (0, 0, 1, 2)),
    1: ("PINHOLE", 4, (0, 1, 2, 3)),
    2: ("SIMPLE_RADIAL", 4, (0, 0, 1, 2)),
    3: ("RADIAL", 5, (0, 0, 1, 2)),
    4: ("OPENCV", 8, (0, 1, 2, 3)),
    5: ("OPENCV_FISHEYE", 8, (0, 1, 2, 3)),
    6: ("FULL_OPENCV", 12, (0, 1, 2, 3)),
    8: ("SIMPLE_RADIAL_FISHEYE", 4, (0, 0, 1, 2)),
    9: ("RADIAL_FISHEYE", 5, (0, 0, 1, 2)),
}
PINHOLES = (0, 1)
IDS = {name: number for number, (name, _, _) in MODELS.items()}
Camera = tuple[int, int, int, list[float]]  # model, width, height, parameters
Image = tuple[str, int, list[float]]  # name, camera, quaternion and translation


def fits(path: Path) -> bool:
    folder = _folder(path)
    named = path.is_dir() or path.stem in ("cameras", "images", "points3D")
    return named and any((folder / f"images{kind}").is_file() for kind in (".txt", ".bin"))


def read(path: Path, options: ReadOptions) -> Parsed:
    folder = _folder(path)
    binary = (folder / "images.bin").is_file() and path.suffix != ".txt"
    kind = ".bin" if binary else ".txt"
    for name in ("cameras", "images"):
        if not (folder / f"{name}{kind}").is_file():
            raise MirageError(f"{folder.name}: a COLMAP model must hold {name}{kind}; it is not there.")
    try:
        cameras = _binary_cameras(folder / "cameras.bin") if binary else _text_cameras(folder / "cameras.txt")
        images = sorted((_binary_images if binary else _text_images)(folder / f"images{kind}"))
    except (struct.error, OverflowError) as error:
        raise MirageError(f"{folder.name}: the binary files end too early; {error}.") from error
    if not images:
        raise MirageError(f"{folder.name}: images{kind} must hold an image; it holds none.")
    unknown = sorted({camera for _, camera, _ in images} - set(cameras))
    if unknown:
        raise MirageError(f"{folder.name}: images use camera {unknown[0]}, which cameras{kind} does not hold.")
    used = [cameras[camera] for _, camera, _ in images]
    values = np.array([values for _, _, values in images])
    rotations, warnings = rotations_of(values[:, :4], options, True, folder.name)
    matrices = pose(rotations, values[:, 4:])
    notes = ["world2cam as quaternion (w first) and translation, OpenCV axes", "units of a reconstruction"]
    bent = sorted({MODELS[model][0] for model, _, _, _ in used if model not in PINHOLES})
    if bent:
        notes.append(f"lens distortion ({', '.join(bent)}) is left out")
    K = np.stack([_normalised(camera, options.image_size) for camera in used])
    size = options.image_size or (used[0][2], used[0][1])
    return Parsed(oriented(matrices, options, True, folder.name), K, notes, size, warnings=warnings)


def write(path: Path, written: Written, binary: bool = False) -> None:
    """Write ``cameras``, ``images`` and an empty ``points3D`` into a folder."""
    path.mkdir(parents=True, exist_ok=True)
    H, W = written.image_size
    K = written.K_pixels
    cameras = [(n + 1, 1, W, H, [k[0, 0], k[1, 1], k[0, 2], k[1, 2]]) for n, k in enumerate(K)]
    world2cam = written.world2cam
    values = np.concatenate([matrix_to_quaternion(world2cam[:, :3, :3]), world2cam[:, :3, 3]], axis=1)
    poses = [(n + 1, one) for n, one in enumerate(values)]
    if binary:
        packed = [struct.pack("<iiQQ4d", n, model, w, h, *values) for n, model, w, h, values in cameras]
        (path / "cameras.bin").write_bytes(struct.pack("<Q", len(cameras)) + b"".join(packed))
        packed = [
            struct.pack("<i7di", n, *values, n) + f"{n:05d}.png\0".encode() + struct.pack("<Q", 0)
            for n, values in poses
        ]
        (path / "images.bin").write_bytes(struct.pack("<Q", len(poses)) + b"".join(packed))
        (path / "points3D.bin").write_bytes(struct.pack("<Q", 0))
        return
    lines = [f"{n} PINHOLE {w} {h} " + " ".join(map(repr, map(float, values))) for n, _, w, h, values in cameras]
    (path / "cameras.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    lines = [f"{n} " + " ".join(map(repr, map(float, values))) + f" {n} {n:05d}.png\n" for n, values in poses]
    (path / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (path / "points3D.txt").write_text("# no points\n", encoding="utf-8")


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _normalised(camera: Camera, size: tuple[int, int] | None) -> np.ndarray:
    model, width, height, values = camera
    return normalised(intrinsics(*(values[place] for place in MODELS[model][2])), size or (height, width))


def _model(number: int, name: str) -> tuple[str, int, tuple[int, ...]]:
    if number not in MODELS:
        raise MirageError(f"{name}: camera model must be one of {', '.join(IDS)}; got number {number}.")
    return MODELS[number]


def _text_cameras(path: Path) -> dict[int, Camera]:
    cameras = {}
    for line in _rows(path):
        words = line.split()
        if len(words) < 5 or words[1] not in IDS:
            raise MirageError(f"{path.name}: a camera is ID MODEL WIDTH HEIGHT and parameters; got {line[:60]!r}.")
        model = IDS[words[1]]
        where = f"{path.name}, camera {words[0]}"
        number, width, height = numbers(" ".join((words[0], *words[2:4])), 3, where)
        cameras[int(number)] = (model, int(width), int(height), numbers(" ".join(words[4:]), MODELS[model][1], where))
    return cameras


def _text_images(path: Path) -> Iterator[Image]:
    """Every image is a line of ten words and a line of 2D points, which may be empty."""
    lines = [line for line in read_text(path).splitlines() if not line.startswith("#")]
    for number, line in enumerate(lines):
        words = line.split()
        if number % 2 == 1 or (not words and number == len(lines) - 1):
            continue
        if len(words) < 10:
            raise MirageError(f"{path.name}: an image is ID, 7 numbers, CAMERA_ID and NAME; got {line[:60]!r}.")
        where = f"{path.name}, image {words[0]}"
        yield " ".join(words[9:]), int(numbers(words[8], 1, where)[0]), numbers(" ".join(words[1:8]), 7, where)


def _rows(path: Path) -> list[str]:
    return [line for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")]


def _binary_cameras(path: Path) -> dict[int, Camera]:
    data, cameras = path.read_bytes(), {}
    (count,), at = struct.unpack_from("<Q", data), 8
    for _ in range(count):
        number, model, width, height = struct.unpack_from("<iiQQ", data, at)
        parameters = _model(model, path.name)[1]
        cameras[number] = (model, width, height, list(struct.unpack_from(f"<{parameters}d", data, at + 24)))
        at += 24 + 8 * parameters
    return cameras


def _binary_images(path: Path) -> Iterator[Image]:
    data = path.read_bytes()
    (count,), at = struct.unpack_from("<Q", data), 8
    for _ in range(count):
        _, *values, camera = struct.unpack_from("<i7di", data, at)
        end = data.find(b"\0", at + 64)
        if end < 0:
            raise struct.error("an image's name has no end")
        name = data[at + 64 : end].decode("utf-8", "replace")
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + 24 * points
        yield name, camera, values
