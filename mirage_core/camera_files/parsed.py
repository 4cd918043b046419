"""What every reader of a camera file returns and every writer is given, and the changes of axes between them."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from kornia.geometry.liegroup import So3
from kornia.geometry.quaternion import Quaternion

from ..cameras import Cameras
from ..errors import MirageError, brief

SET_IMAGE_SIZE = "Set the picture's width and height (in Python image_size)."
HALF_PIXEL = np.array([[0.0, 0.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])  # added to K of whole-numbered centres
LEVEL, ROLLING = 0.02, 0.1  # how far cameras' right hands are from one plane: a level camera, and one that rolls about
UNIT = 0.05  # by how much the length of a quaternion may differ from 1
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenGL camera axes (x right, y up, z backward) to OpenCV, and back


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say, or says wrongly.

    Attributes:
        image_size: ``(H, W)`` pixels of the picture that K belongs to; None = as the file says.
        field_of_view: horizontal, degrees, for files without intrinsics; None = they are refused.
        camera: which one, of a file that holds several; empty = the first.
        invert: the file's matrices are the inverse of what its format says (world2cam for cam2world, or the reverse).
        transpose: the file's matrices are transposed.
        flip: camera axes that point the other way than the format says: "", or some of "xyz". "yz" takes OpenGL cameras
            for OpenCV ones, and the reverse.
        quaternion_xyzw: quaternions stand with w last, where the format has it first.
        horizontal_fov: a field of view is horizontal, where the format's is vertical.
        scene_depth: scene units from the start camera to the point it turns about, for paths in spherical coordinates.
    """

    image_size: tuple[int, int] | None = None
    field_of_view: float | None = None
    camera: str = ""
    invert: bool = False
    transpose: bool = False
    flip: str = ""
    quaternion_xyzw: bool = False
    horizontal_fov: bool = False
    scene_depth: float = 1.0


@dataclass
class Parsed:
    """A path as a reader found it.

    Attributes:
        cam2world: float64 ``(T, 4, 4)``, OpenCV axes.
        K: float64 ``(T, 3, 3)`` normalised; None = the file has none.
        notes: what the format says about itself, in words: axes, direction of the matrices, units.
        image_size: ``(H, W)``, None where the file does not say.
        aspect: width over height, for files that say only this.
        warnings: what looks wrong in the file itself, and which option mends it.
    """

    cam2world: np.ndarray
    K: np.ndarray | None
    notes: list[str] = field(default_factory=list)
    image_size: tuple[int, int] | None = None
    aspect: float | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """A path for a writer: one camera per video frame as float64 numbers, and the picture's size, pixels ``(H, W)``."""

    cameras: Cameras
    image_size: tuple[int, int]

    @property
    def cam2world(self) -> np.ndarray:
        """``(T, 4, 4)``, OpenCV axes, scene units."""
        return self.cameras.on_cpu.cam2world.double().numpy()

    @property
    def world2cam(self) -> np.ndarray:
        return np.linalg.inv(self.cam2world)

    @property
    def K(self) -> np.ndarray:
        """``(T, 3, 3)`` normalised."""
        return self.cameras.on_cpu.K.double().numpy()

    @property
    def K_pixels(self) -> np.ndarray:
        """``(T, 3, 3)`` in continuous pixels: the first pixel's centre is at 0.5."""
        H, W = self.image_size
        return self.K * np.array([W, H, 1.0])[:, None]


def oriented(matrices: np.ndarray, options: ReadOptions, world2cam: bool, name: str) -> np.ndarray:
    """Matrices of a file as cam2world, ``(T, 4, 4)``.

    Args:
        matrices: ``(T, 4, 4)``, or ``(T, 3, 4)``.
        world2cam: what the format says they are.
    """
    matrices = np.asarray(matrices, dtype=np.float64)
    if len(matrices) == 0:
        raise MirageError(f"{name}: must hold at least one camera; it holds none.")
    if not np.isfinite(matrices).all():
        raise MirageError(
            f"{name}: matrices must be finite; frame {int(np.argwhere(~np.isfinite(matrices))[0, 0])} is not."
        )
    if options.transpose:  # of 3 x 4 numbers row by row: these are 4 x 3
        matrices = matrices.reshape(len(matrices), 4, -1).transpose(0, 2, 1)
    if matrices.shape[1] == 3:
        matrices = np.concatenate([matrices, np.tile([[[0.0, 0.0, 0.0, 1.0]]], (len(matrices), 1, 1))], axis=1)
    _check_not_transposed(matrices, options, name)
    if world2cam != options.invert:
        determinants = np.linalg.det(matrices[:, :3, :3])
        if (np.abs(determinants) < 1e-12).any():
            raise MirageError(
                f"{name}: matrices must be invertible; frame {int(np.abs(determinants).argmin())} is not."
            )
        matrices = np.linalg.inv(matrices)
    flips = np.diag([*(-1.0 if axis in options.flip else 1.0 for axis in "xyz"), 1.0])
    return matrices @ flips


def _check_not_transposed(matrices: np.ndarray, options: ReadOptions, name: str) -> None:
    last_row, last_column = matrices[:, 3], matrices[:, :3, 3]
    if np.abs(last_row - [0, 0, 0, 1]).max() > 1e-3:
        change = "unset" if options.transpose else "set"
        hint = f" They look transposed: {change} transpose." if np.abs(last_column).max() < 1e-6 else ""
        raise MirageError(f"{name}: the last row of every matrix must be 0 0 0 1; got {last_row[0].tolist()}.{hint}")


def left_out(bent: str) -> str:
    """What is said of a lens that is no pinhole; ``bent``: its model or parameters."""
    return f"lens distortion ({bent}) is left out: the cameras are those of undistorted pictures, not of recorded ones."


def normalised(K: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """K in continuous pixels ``(..., 3, 3)`` of a picture ``(H, W)`` to normalised."""
    H, W = image_size
    return np.asarray(K, dtype=np.float64) / np.array([W, H, 1.0])[:, None]


def intrinsics(fx, fy, cx, cy) -> np.ndarray:
    """``(..., 3, 3)`` of four numbers or arrays of one shape."""
    fx, fy, cx, cy = np.broadcast_arrays(*(np.asarray(x, dtype=np.float64) for x in (fx, fy, cx, cy)))
    K = np.zeros((*fx.shape, 3, 3))
    K[..., 0, 0], K[..., 1, 1], K[..., 0, 2], K[..., 1, 2], K[..., 2, 2] = fx, fy, cx, cy, 1.0
    return K


def from_fov(degrees, aspect: float, options: ReadOptions) -> np.ndarray:
    """Normalised K ``(..., 3, 3)`` of a file's field of view, vertical unless the options say otherwise."""
    if options.horizontal_fov:
        degrees = np.degrees(2 * np.arctan(np.tan(np.radians(np.asarray(degrees, dtype=np.float64)) / 2) / aspect))
    return from_vertical_fov(degrees, aspect)


def from_vertical_fov(degrees, aspect) -> np.ndarray:
    """Normalised K ``(..., 3, 3)`` of a vertical field of view and width over height, centred, square pixels."""
    fy = 0.5 / np.tan(np.radians(np.asarray(degrees, dtype=np.float64)) / 2)
    return intrinsics(fy / aspect, fy, 0.5, 0.5)


def vertical_fov(K: np.ndarray) -> np.ndarray:
    """Degrees ``(T,)`` of normalised K ``(T, 3, 3)``."""
    return np.degrees(2 * np.arctan(0.5 / K[:, 1, 1]))


def quaternion_to_matrix(wxyz: np.ndarray) -> np.ndarray:
    """Rotations ``(T, 3, 3)`` of quaternions ``(T, 4)``, w first; they are normalised."""
    return So3(Quaternion(torch.from_numpy(wxyz)).normalize()).matrix().numpy()


def matrix_to_quaternion(rotation: np.ndarray) -> np.ndarray:
    """Quaternions ``(T, 4)``, w first and not negative, of rotations ``(T, 3, 3)``."""
    wxyz = Quaternion.from_matrix(torch.from_numpy(rotation)).data.numpy()
    return wxyz * np.where(wxyz[:, :1] < 0, -1.0, 1.0)


def unit_quaternions(quaternions: np.ndarray, name: str) -> np.ndarray:
    """The same quaternions ``(T, 4)``, which must have length 1."""
    lengths = np.linalg.norm(quaternions, axis=1)
    if not (np.abs(lengths - 1) <= UNIT).all():  # nor NaN
        worst = int(np.abs(lengths - 1).argmax())
        raise MirageError(f"{name}: quaternions must have length 1; frame {worst} has {lengths[worst]:.4g}.")
    return quaternions


def rotations_of(
    quaternions: np.ndarray, options: ReadOptions, world2cam: bool, name: str
) -> tuple[np.ndarray, list[str]]:
    """Rotations ``(T, 3, 3)`` of a file's quaternions ``(T, 4)``, w first, and what looks wrong with them."""
    quaternions = unit_quaternions(quaternions, name)
    w_last = quaternions[:, [3, 0, 1, 2]]
    orders = (w_last, quaternions) if options.quaternion_xyzw else (quaternions, w_last)
    read, other = map(quaternion_to_matrix, orders)
    warnings = []
    if world2cam != options.invert:
        right, right_otherwise = read[:, 0], other[:, 0]  # (T, 3) in the world
    else:
        right, right_otherwise = read[:, :, 0], other[:, :, 0]
    if _roll(right) > ROLLING and _roll(right_otherwise) < LEVEL:
        order, change = ("w x y z", "Unset") if options.quaternion_xyzw else ("x y z w", "Set")
        warnings.append(
            f"the camera rolls about; with its quaternions read as {order} it stays level. {change} quaternion_xyzw."
        )
    return read, warnings


def _roll(right: np.ndarray) -> float:
    """How far right hands ``(T, 3)`` are from lying in one plane, as those of a level camera do."""
    return float(np.linalg.svd(right, compute_uv=False)[-1] / len(right) ** 0.5)


def pose(rotation: np.ndarray, center: np.ndarray) -> np.ndarray:
    """``(T, 4, 4)`` of rotations ``(T, 3, 3)`` and positions ``(T, 3)``."""
    matrices = np.tile(np.eye(4), (len(rotation), 1, 1))
    matrices[:, :3, :3], matrices[:, :3, 3] = rotation, center
    return matrices


def numbers(text: str, count: int, where: str) -> list[float]:
    """Exactly ``count`` numbers of a line."""
    try:
        found = [float(word) for word in text.split()]
    except ValueError as error:
        raise MirageError(f"{where}: must hold {count} numbers; {brief(error)}.") from error
    if len(found) != count:
        raise MirageError(f"{where}: must hold {count} numbers; got {len(found)}.")
    return found


def read_text(path: Path) -> str:
    """A text file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    data = path.read_bytes()
    try:
        return data.decode(json.detect_encoding(data))
    except UnicodeDecodeError as error:
        raise MirageError(f"{path.name}: must be a text file; it holds bytes that are no UTF-8 or UTF-16.") from error
