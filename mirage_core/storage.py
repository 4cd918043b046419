"""Files: a memory in one .safetensors file, its points as a .ply cloud."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .cameras import Cameras
from .colours import as_bytes
from .errors import MirageError, check_shape, damage_refused, describe
from .files import whole_file
from .keyframes import Keyframes
from .memory import LatentMemory, LatentSpec
from .points import PointBlock

FORMAT = "mirage-latent-memory"
VERSION = 3  # 2: features may be int8 with a scale per token; 3: points may be locked
COLUMNS = ("xyz", "features", "footprint", "confidence", "frame")
EXTRA = {"feature_scale": 2, "locked": 3}  # columns that not every block has, and the version that brought them


def save_memory(memory: LatentMemory, path: str | Path, notes: dict[str, str] | None = None) -> None:
    """Write a memory to one .safetensors file.

    The file appears under its name only when it is complete: an older file of that name survives a failed write.

    Args:
        notes: more text entries for the header, such as the workflow that made the memory.

    Raises:
        MirageError: ``path`` does not end in .safetensors, or its folder does not exist.
    """
    if not isinstance(memory, LatentMemory):
        raise MirageError(f"memory: must be a LatentMemory; got {describe(memory)}.")
    path = _as_path(path)
    if path.suffix != ".safetensors" or not path.parent.is_dir():
        raise MirageError(f"path: must be a .safetensors file in an existing folder; got {str(path)!r}.")
    tensors, header = packed(memory)
    version = max([1, *(EXTRA.get(name, 1) for block in memory.blocks for name in block.columns)])
    write_file(path, tensors, {**(notes or {}), **header, "format": FORMAT, "version": str(version)})


def packed(memory: LatentMemory) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A memory as named tensors and header entries for a .safetensors file."""
    tensors = {
        f"block.{number:06d}.{name}": column.detach().cpu().contiguous()
        for number, block in enumerate(memory.blocks)
        for name, column in block.columns.items()
    }
    tensors |= packed_keyframes(memory.keyframes)
    return tensors, {"spec": json.dumps(asdict(memory.spec)), "blocks": str(len(memory.blocks)), "store": memory.store}


def packed_keyframes(keyframes: Keyframes) -> dict[str, Tensor]:
    """Keyframes as named tensors."""
    if not keyframes:
        return {}
    return {
        "keyframe.cam2world": keyframes.cameras.cam2world.cpu().contiguous(),
        "keyframe.K": keyframes.cameras.K.cpu().contiguous(),
        "keyframe.frame": torch.tensor(keyframes.frames),
    }


def unpacked_keyframes(tensors: dict[str, Tensor]) -> Keyframes:
    """The keyframes that ``packed_keyframes`` took apart."""
    if "keyframe.frame" not in tensors:
        return Keyframes()
    cameras = Cameras(tensors["keyframe.cam2world"], tensors["keyframe.K"])
    return Keyframes(cameras, tuple(tensors["keyframe.frame"].tolist()))


def write_file(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write a .safetensors file that appears under its name only when it is complete."""
    with whole_file(path) as partial:
        save_file(tensors, partial, metadata=header)


def load_memory(path: str | Path) -> LatentMemory:
    """Read a memory that ``save_memory`` wrote, on the CPU.

    Raises:
        MirageError: the file is missing, truncated, not safetensors (a pickle, say), holds something else, was written
            by a newer version, or what it holds does not fit together.
    """
    path = _as_path(path)
    header, tensors = read_file(path)
    if header.get("format") != FORMAT:
        raise MirageError(
            f"{path.name}: must be a latent memory (format {FORMAT!r} in its header); "
            f"got {header.get('format')!r}. It is another kind of file."
        )
    check_version(path.name, header.get("version", ""), VERSION)
    return unpacked(path.name, header, tensors)


def read_file(path: Path, without: Sequence[str] = ()) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors of a .safetensors file.

    Args:
        without: names of tensors that are not read.

    Raises:
        MirageError: the file is missing, truncated, or not safetensors.
    """
    if not path.is_file():
        raise MirageError(f"path: must be a file; {str(path)!r} is not there.")
    with damage_refused(f"{path.name}:", "a whole .safetensors file"):
        with path.open("rb") as file:
            magic = file.read(2)
        if magic in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"):
            raise MirageError(f"{path.name}: must be a .safetensors file; it is a pickle, which is never loaded.")
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys() if name not in without}


def point_cloud_ply(memory: LatentMemory, rgb: Tensor) -> bytes:
    """A memory's points as a binary .ply in viewer axes (x right, y up, z backward).

    Args:
        rgb: ``(N, 3)`` colours, 0..1.
    """
    points = memory.as_one_block()
    check_shape("rgb", rgb, f"({len(points)}, 3)", (len(points), 3))
    vertex = np.zeros(len(points), dtype=[(a, "<f4") for a in "xyz"] + [(c, "u1") for c in ("red", "green", "blue")])
    xyz = (points.xyz * points.xyz.new_tensor([1.0, -1.0, -1.0])).cpu().numpy()
    colours = as_bytes(rgb).numpy()
    for axis, name in enumerate("xyz"):
        vertex[name] = xyz[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertex[name] = colours[:, channel]
    properties = [f"property float {a}" for a in "xyz"] + [f"property uchar {c}" for c in ("red", "green", "blue")]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}", *properties, "end_header", ""]
    return "\n".join(lines).encode() + vertex.tobytes()


def _as_path(path: object) -> Path:
    if not isinstance(path, (str, Path)):
        raise MirageError(f"path: must be text or a Path; got {describe(path)}.")
    return Path(path)


def check_version(name: str, version: str, newest: int) -> None:
    """Raise MirageError unless a file's version is a number that this pack reads."""
    if not version.isdecimal() or int(version) < 1:
        raise MirageError(f"{name}: must state its version as a number; got {version!r}.")
    if int(version) > newest:
        raise MirageError(f"{name}: must be of version {newest} at most; it is of {version}. Update this pack.")


def unpacked(name: str, header: dict[str, str], tensors: dict[str, Tensor]) -> LatentMemory:
    """The memory that ``packed`` took apart.

    Raises:
        MirageError: a part is missing, or the parts do not fit together.
    """
    with damage_refused(f"{name}:", "a consistent memory", ours=True):
        spec = LatentSpec(**json.loads(header["spec"]))
        blocks = [_unpacked_block(f"block.{number:06d}", tensors) for number in range(int(header["blocks"]))]
        return LatentMemory(spec, tuple(blocks), unpacked_keyframes(tensors), header.get("store", ""))


def _unpacked_block(name: str, tensors: dict[str, Tensor]) -> PointBlock:
    columns = {column: tensors[f"{name}.{column}"] for column in COLUMNS}
    return PointBlock(**columns, **{column: tensors.get(f"{name}.{column}") for column in EXTRA})
