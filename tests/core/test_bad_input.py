"""Every wrong input is refused in words: which argument, what came, what is expected."""

import json
import pickle
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mirage_core import (
    Cameras,
    Geometry,
    LatentMemory,
    LatentSpec,
    MirageError,
    PointBlock,
    lift,
    load_memory,
    save_memory,
    splat,
)
from mirage_core.codec import PatchCodec
from mirage_core.paths import Move, camera_path

EYE = torch.eye(4).unsqueeze(0)
K = torch.tensor([[[0.8, 0.0, 0.5], [0.0, 1.2, 0.5], [0.0, 0.0, 1.0]]])
K_PIXELS = torch.tensor([[[400.0, 0.0, 250.0], [0.0, 400.0, 150.0], [0.0, 0.0, 1.0]]])
SPEC = LatentSpec(channels=6, spatial=8, temporal=4, name="wan21")


def poses(**changes):
    """One identity pose with some numbers changed: r00=-1 is row 0, column 0."""
    pose = EYE.clone()
    for place, value in changes.items():
        pose[0, int(place[1]), int(place[2])] = value
    return pose


def cameras(views=2):
    return Cameras(EYE.repeat(views, 1, 1), K)


def depth(views=2, value=3.0):
    return torch.full((views, 12, 20), value)


def geometry(views=2):
    return Geometry(depth(views), cameras(views))


def latents(views=2, channels=6):
    return torch.zeros(views, channels, 3, 5)


def block(**options):
    return lift(latents(), geometry(), **options)


def memory():
    return LatentMemory(SPEC).insert(block(), policy="append")


def spoilt(tensor, value):
    tensor = tensor.clone()
    tensor.view(-1)[3] = value
    return tensor


ROWS = {
    # cameras
    "cam2world of one view without its axis": (lambda: Cameras(EYE[0], K), r"cam2world: must be \(T, 4, 4\); got"),
    "cam2world 3x4": (lambda: Cameras(EYE[:, :3], K), r"cam2world: must be \(T, 4, 4\); got float32 \(1, 3, 4\)"),
    "cam2world in numpy": (lambda: Cameras(np.eye(4)[None], K), r"cam2world: must be a tensor .*; got ndarray"),
    "no cam2world": (lambda: Cameras(None, K), r"cam2world: must be a tensor .*; got NoneType"),
    "zero cameras": (lambda: Cameras(EYE[:0], K), r"at least one camera; got float32 \(0, 4, 4\)"),
    "NaN pose": (lambda: Cameras(poses(r03=float("nan")), K), r"cam2world: must be finite; 1 of 16"),
    "singular pose": (lambda: Cameras(poses(r22=0.0), K), r"cam2world: must hold a rotation.*singular"),
    "scaled pose": (lambda: Cameras(poses(r00=2.0, r11=2.0, r22=2.0), K), r"rotation.*lengths \[2.0.*Remove the scale"),
    "sheared pose": (lambda: Cameras(poses(r01=0.5), K), r"cam2world: must hold a rotation"),
    "mirrored pose": (lambda: Cameras(poses(r00=-1.0), K), r"view 0 is mirrored \(determinant -1\)"),
    "transposed pose": (lambda: Cameras(poses(r30=2.0), K), r"cam2world: must have the last row 0 0 0 1.*transposed"),
    "K of three views for two": (lambda: Cameras(EYE.repeat(2, 1, 1), K.repeat(3, 1, 1)), r"K: must be \(2, 3, 3\)"),
    "K 4x4": (lambda: Cameras(EYE, EYE), r"K: must be \(T, 3, 3\); got float32 \(1, 4, 4\)"),
    "K in pixels": (lambda: Cameras(EYE, K_PIXELS), r"K: must be normalised.*got fx 400, cx 250.*from_pixels"),
    "K normalised where pixels are expected": (
        lambda: Cameras.from_pixels(EYE, K, image_size=(300, 500)),
        r"K_pixels: must be in pixels of a 500 x 300 picture.*looks normalised",
    ),
    "infinite K": (lambda: Cameras(EYE, spoilt(K, float("inf"))), r"K: must be finite"),
    "negative focal length": (
        lambda: Cameras(EYE, K * torch.tensor([-1.0, 1, 1]).view(3, 1)),
        r"positive focal lengths; got",
    ),
    "skew": (
        lambda: Cameras(EYE, K + 0.2 * torch.eye(3).roll(1, dims=1)[:1] * torch.tensor([1.0, 0, 0]).view(3, 1)),
        r"K: must be \[\[fx, 0, cx\], \[0, fy, cy\], \[0, 0, 1\]\]",
    ),
    "picture of no pixels": (
        lambda: Cameras.from_pixels(EYE, K_PIXELS, (0, 5)),
        r"image_size: must be \(height, width\)",
    ),
    "crop outside": (lambda: cameras().cropped((12, 20), 4, 0, 12, 20), r"crop: must lie in the 20 x 12 picture"),
    "field of view of 180 degrees": (lambda: Cameras.at_origin(180.0, (12, 20)), r"field_of_view: must be below 180"),
    # geometry
    "depth of one frame without its axis": (lambda: Geometry(depth()[0], cameras()), r"depth: must be \(T, H, W\)"),
    "depth with channels": (lambda: Geometry(depth()[..., None], cameras()), r"depth: must be \(T, H, W\)"),
    "depth without pixels": (lambda: Geometry(depth()[:, :0], cameras()), r"depth: must not be empty"),
    "depth and cameras of different length": (lambda: Geometry(depth(3), cameras(2)), r"3 depth maps and 2 cameras"),
    "cameras that are a tensor": (lambda: Geometry(depth(1), EYE), r"cameras: must be Cameras; got float32"),
    "NaN depth": (lambda: Geometry(spoilt(depth(), float("nan")), cameras()), r"depth: must be finite.*1 of 480"),
    "infinite depth": (
        lambda: Geometry(spoilt(depth(), float("inf")), cameras()),
        r"depth: must be finite.*valid=False",
    ),
    "negative depth": (lambda: Geometry(spoilt(depth(), -1.0), cameras()), r"not negative where it is valid"),
    "depth all zero": (lambda: Geometry(depth(value=0.0), cameras()), r"depth: must be above 0 somewhere"),
    "valid nowhere": (lambda: Geometry(depth(), cameras(), depth() < 0), r"depth: must be above 0 somewhere"),
    "valid as numbers": (lambda: Geometry(depth(), cameras(), depth()), r"valid: must be bool.*got float32"),
    "valid of another size": (lambda: Geometry(depth(), cameras(), depth(1) > 0), r"valid: must be bool \(2, 12, 20\)"),
    "tokens finer than depth": (lambda: geometry().pooled((24, 20)), r"at least as fine as the 24 x 20 token grid"),
    "latents of another picture": (lambda: geometry().cropped_to_tokens((3, 4), 4), r"5 x 3|4 x 3 tokens"),
    # lift
    "latents without time": (lambda: lift(latents()[0], geometry()), r"latents: must be \(T, C, h, w\); got"),
    "latents of ComfyUI, with batch": (lambda: lift(latents()[None], geometry()), r"latents: must be \(T, C, h, w\)"),
    "latents of whole numbers": (lambda: lift(latents().long(), geometry()), r"latents: must be floating point.*int64"),
    "no latents": (lambda: lift(latents()[:, :0], geometry()), r"latents: must be floating point and not empty"),
    "NaN latents": (lambda: lift(spoilt(latents(), float("nan")), geometry()), r"latents: must be finite; 1 of"),
    "depth where geometry is expected": (lambda: lift(latents(), depth()), r"geometry: must be a Geometry; got"),
    "more latents than geometry": (lambda: lift(latents(3), geometry(2)), r"one frame per latent frame, 3; got 2"),
    "geometry of video frames": (lambda: lift(latents(2), geometry(5)), r"2; got 5\..*at_latent_frames"),
    "exclude as numbers": (lambda: block(exclude=depth()), r"exclude: must be bool, True = leave out; got float32"),
    "exclude of another size": (lambda: block(exclude=depth()[:, :5] > 0), r"exclude: must be bool \(2, 12, 20\)"),
    "everything excluded": (lambda: block(exclude=depth() > 0), r"none has one.*Check the depth.*exclude"),
    "too few frame numbers": (lambda: block(frames=torch.arange(3)), r"frames: must be \(2,\), one number per"),
    "frame numbers with fractions": (lambda: block(frames=torch.rand(2)), r"frames: must be whole numbers"),
    "unknown pooling": (lambda: block(pooling="mean"), r"pooling: must be one of median, bilinear, min; got 'mean'"),
    "unknown anchor": (lambda: block(token_anchor="middle"), r"token_anchor: must be one of center, corner"),
    "negative edge": (lambda: block(edge=-0.1), r"edge: must be a finite number above 0; got -0.1"),
    # memory
    "spec without channels": (
        lambda: LatentSpec(channels=0, spatial=8),
        r"channels: must be a whole number of at least 1",
    ),
    "spec with half a pixel": (lambda: LatentSpec(channels=6, spatial=8.5), r"spatial: must be a whole number.*8.5"),
    "channels that differ from the memory's": (
        lambda: memory().insert(lift(latents(channels=4), geometry()), policy="append"),
        r"points: must have the memory's 6 channels.*got 4",
    ),
    "memories of two formats": (
        lambda: memory().merge(LatentMemory(LatentSpec(6, 8, 4, "wan22"))),
        r"same latents; got wan21.* and wan22",
    ),
    "unknown policy": (
        lambda: memory().insert(block(), policy="replace"),
        r"policy: must be one of fill, append, refresh",
    ),
    "fill without cameras": (lambda: memory().insert(block()), r"cameras: must be those .*with policy fill; got None"),
    "fill with too few cameras": (lambda: memory().insert(block(), cameras=cameras(1)), r"at least 2; got 1"),
    "fill with a block made by hand": (
        lambda: memory().insert(PointBlock(torch.zeros(2, 3), torch.zeros(2, 6)), cameras=cameras()),
        r"points: must know their cells with policy fill, .* .in Python by lift.",
    ),
    "a tensor where a block is expected": (
        lambda: memory().insert(latents(), policy="append"),
        r"block: must be a Point",
    ),
    "points with two coordinates": (lambda: PointBlock(torch.zeros(2, 2), torch.zeros(2, 6)), r"xyz: must be \(N, 3\)"),
    "features of another length": (
        lambda: PointBlock(torch.zeros(2, 3), torch.zeros(3, 6)),
        r"features: must be \(2, C\)",
    ),
    "infinite points": (lambda: PointBlock(torch.full((2, 3), torch.inf), torch.zeros(2, 6)), r"xyz: must be finite"),
    "voxel of no size": (lambda: memory().compact(voxel=0.0), r"voxel: must be a finite number above 0; got 0.0"),
    "voxel NaN": (lambda: memory().compact(voxel=float("nan")), r"voxel: must be a finite number above 0; got nan"),
    "voxel far too small": (lambda: memory().compact(voxel=1e-9), r"voxel: must be at least .* got 1e-09"),
    "no budget": (lambda: memory().prune(max_bytes=0), r"max_bytes.: must be whole bytes above 0; got 0"),
    "budget below one point": (lambda: memory().prune(max_bytes=3), r"max_bytes.: must hold at least one point"),
    "world of no size": (lambda: memory().transform(scale=0.0), r"scale: must be a finite number above 0"),
    "rotation that scales": (lambda: memory().transform(rotation=2 * torch.eye(3)), r"rotation: must hold a rotation"),
    "translation of two numbers": (
        lambda: memory().transform(translation=torch.zeros(2)),
        r"translation: must be \(3,\)",
    ),
    "bounds of nothing": (lambda: LatentMemory(SPEC).bounds, r"memory: must hold points; it is empty"),
    # splat
    "empty memory": (lambda: splat(LatentMemory(SPEC), cameras(), (3, 5)), r"memory: must hold points; it is empty"),
    "a block where a memory is expected": (
        lambda: splat(block(), cameras(), (3, 5)),
        r"memory: must be a LatentMemory",
    ),
    "poses where cameras are expected": (
        lambda: splat(memory(), EYE, (3, 5)),
        r"cameras: must be Cameras; got float32",
    ),
    "grid of no rows": (lambda: splat(memory(), cameras(), (0, 5)), r"size: must be \(height, width\).*got \(0, 5\)"),
    "grid of one number": (lambda: splat(memory(), cameras(), 5), r"size: must be \(height, width\).*got 5"),
    "grid with fractions": (lambda: splat(memory(), cameras(), (3, 5.5)), r"size: must be .*two whole numbers"),
    "unknown backend": (lambda: splat(memory(), cameras(), (3, 5), backend="cuda"), r"backend: must be one of auto"),
    "unknown anchor of a splat": (
        lambda: splat(memory(), cameras(), (3, 5), token_anchor=""),
        r"token_anchor: must be",
    ),
    # paths and codec
    "unknown move": (lambda: Move("zoom", 1.0), r"move: must be one of there and back, .*; got 'zoom'"),
    "path of no frames": (lambda: camera_path(cameras(1), Move("pan", 5.0), 0, 3.0), r"frames: must be .* got 0"),
    "path from two cameras": (lambda: camera_path(cameras(2), Move("pan", 5.0), 9, 3.0), r"start: must be one camera"),
    "path through a scene without depth": (
        lambda: camera_path(cameras(1), Move("orbit", 5.0), 9, 0.0),
        r"scene_depth: must be a finite number above 0",
    ),
    "patch of 12": (lambda: PatchCodec(12), r"patch: must be one of \(8, 16\) pixels; got 12"),
    "picture of broken patches": (
        lambda: PatchCodec(8).encode(torch.zeros(1, 3, 1, 16, 20)),
        r"multiples of 8; got 16 x 20",
    ),
    "codec latents of a VAE": (lambda: PatchCodec(8).decode(torch.zeros(1, 16, 1, 2, 2)), r"latents: must be \(B, 48"),
}


@pytest.mark.parametrize("wrong", ROWS)
def test_it_is_refused(wrong):
    call, message = ROWS[wrong]
    with pytest.raises(MirageError) as refused:
        call()
    assert re.search(message, str(refused.value), re.DOTALL), str(refused.value)


def _truncated(path):
    save_memory(memory(), path)
    path.write_bytes(path.read_bytes()[:-40])


def _header(path, **changes):
    save_memory(memory(), path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"].update(changes)
    packed = json.dumps(header).encode()
    path.write_bytes(len(packed).to_bytes(8, "little") + packed + data[8 + length :])


FILES = {
    "truncated": (_truncated, r"must be a whole .safetensors file"),
    "empty": (lambda path: path.write_bytes(b""), r"must be a whole .safetensors file"),
    "text": (lambda path: path.write_text("not a memory"), r"must be a whole .safetensors file"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"xyz": 1})), r"is a pickle, which is never loaded"),
    "a torch file": (lambda path: torch.save({"xyz": torch.zeros(1)}, path), r"is a pickle, which is never loaded"),
    "other tensors": (lambda path: save_file({"a": torch.zeros(1)}, path), r"format 'mirage-latent-memory'.*got None"),
    "a newer version": (lambda path: _header(path, version="99"), r"of version 3 at most; it is of 99. Update"),
    "no version": (lambda path: _header(path, version="new"), r"version as a number; got 'new'"),
    "more blocks than tensors": (lambda path: _header(path, blocks="7"), r"consistent memory; 'block.000001.xyz'"),
    "a spec that does not fit": (
        lambda path: _header(path, spec='{"channels": 4, "spatial": 8, "temporal": 4, "name": ""}'),
        r"consistent memory; .*4 channels",
    ),
    "missing": (lambda path: None, r"path: must be a file; .* is not there"),
    "a folder": (lambda path: path.mkdir(), r"path: must be a file"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_refused_that_is(kind, tmp_path):
    make, message = FILES[kind]
    path = tmp_path / "memory.safetensors"
    make(path)
    with pytest.raises(MirageError, match=message):
        load_memory(path)


@pytest.mark.parametrize("name", ["memory.pt", "nowhere/memory.safetensors"])
def test_a_memory_is_not_saved_under_another_suffix_or_in_a_missing_folder(name, tmp_path):
    with pytest.raises(MirageError, match=r"path: must be a \.safetensors file in an existing folder"):
        save_memory(memory(), tmp_path / name)
