"""The Triton kernels: run by Triton's interpreter, equal to the reference; compiled for GPUs that are not here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, splat
from mirage_core.points import STORES
from mirage_core.splatting import Views, portable, reference

pytest.importorskip("triton")
ROOT = Path(__file__).parents[2]
K = torch.tensor([[0.75, 0.0, 0.5], [0.0, 1.25, 0.375], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def kernels():
    from mirage_core.splatting import triton_kernels

    assert triton_kernels.INTERPRETED
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        yield triton_kernels


@pytest.fixture(scope="module")
def walk(pose):
    cam2world = [
        pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        pose((0.3, -0.4, 1.2), (1.0, -0.5, -2.0)),
        pose((-0.7, 2.5, 0.1), (0.5, 0.5, 4.0)),
    ]
    return Cameras(torch.stack(cam2world), K)


def cloud(n, seed, step=16):
    """Points of which many share a depth, a third are copies of others, and some lie behind or on a camera."""
    g = torch.Generator().manual_seed(seed)
    xyz = torch.cat([torch.randint(-48, 49, (n, 2), generator=g) / step, torch.randint(-2, 8, (n, 1), generator=g)], 1)
    xyz[torch.randperm(n, generator=g)[: n // 3]] = xyz[torch.randint(n, (n // 3,), generator=g)]
    return xyz, torch.rand(n, generator=g)


@pytest.mark.parametrize("token_anchor", ["center", "corner"])
@pytest.mark.parametrize("width", [None, 0.125, 1.0, 64.0])
@pytest.mark.parametrize(("h", "w", "n_points"), [(1, 1, 1), (1, 7, 60), (4, 6, 150), (11, 20, 700)])
def test_the_same_points_win_as_in_the_reference(kernels, walk, h, w, n_points, width, token_anchor):
    xyz, share = cloud(n_points, seed=h * w)
    views = Views.of(walk, (h, w), token_anchor)
    footprint = None if width is None else share * width
    expected = reference.winning_points(xyz, footprint, views)
    assert torch.equal(kernels.winning_points(xyz, footprint, views), expected)
    assert n_points < 60 or bool((expected >= 0).any())


def test_no_point_is_a_point_too_many(kernels, walk):
    views = Views.of(walk, (3, 5), "center")
    assert bool((kernels.winning_points(torch.zeros(0, 3), torch.zeros(0), views) == -1).all())


def test_the_same_points_win_in_a_crowd_of_random_places(kernels, walk, monkeypatch):
    """20,000 points that share nothing: where a kernel rounded otherwise, some cell would show it."""
    monkeypatch.setattr(kernels, "POINTS", 8192)  # the interpreter runs one program after the other
    g = torch.Generator().manual_seed(1)
    xyz = torch.randn(20_000, 3, generator=g) * torch.tensor([3.0, 2.0, 4.0])
    widths = torch.rand(20_000, generator=g) * 0.2
    views = Views.of(walk, (30, 52), "center")
    assert torch.equal(kernels.winning_points(xyz, widths, views), portable.winning_points(xyz, widths, views))


@pytest.mark.parametrize("token_anchor", ["center", "corner"])
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("sizes", [(200,), (1, 60, 139), (7, 50, 3, 90, 50)])
def test_a_readout_is_the_same_as_by_the_reference(kernels, walk, sizes, store, token_anchor):
    xyz, widths = cloud(200, seed=9)
    features = torch.randn(200, 21, generator=torch.Generator().manual_seed(0))
    parts = (column.split(sizes) for column in (xyz, features, widths))
    memory = LatentMemory(LatentSpec(21, 16), tuple(PointBlock(*part) for part in zip(*parts, strict=True)))
    memory = memory.stored_as(store)
    ours, expected = (
        splat(memory, walk, (4, 6), token_anchor=token_anchor, backend=name) for name in ("triton", "reference")
    )
    assert bool(expected.known.any()) and not bool(expected.known.all())
    for name in ("latents", "known", "depth", "point", "offset", "scale"):
        assert torch.equal(getattr(ours, name), getattr(expected, name)), name


def test_blocks_that_are_kept_in_two_ways_are_read_too(kernels, walk):
    xyz, widths = cloud(100, seed=3)
    block = PointBlock(xyz, torch.randn(100, 4, generator=torch.Generator().manual_seed(0)), widths)
    memory = LatentMemory(LatentSpec(4, 16), (block[:50], block[50:].stored_as("float16")))
    ours, expected = (splat(memory, walk, (4, 6), backend=name).latents for name in ("triton", "reference"))
    assert torch.equal(ours, expected)


COMPILE = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from mirage_core.splatting import triton_kernels as ours
assert not ours.INTERPRETED
backend, arch, warp = sys.argv[1:]
target = GPUTarget(backend, int(arch) if backend == "cuda" else arch, int(warp))

def compiled(kernel, store, corner=False):
    kinds = dict.fromkeys(("xyz", "footprint", "views", "depths", "offsets", "scales"), "*fp32")
    kinds |= dict.fromkeys(("keys", "table", "points"), "*i64")
    kinds["latents"] = {"float32": "*fp32", "float16": "*fp16", "bfloat16": "*bf16", "int8": "*fp32"}[store]
    sizes = dict(T=9, CORNER=corner, FOOTPRINT=True, BLOCK=ours.POINTS, STEPS=8, SCALED=store == "int8")
    sizes |= dict(CELLS=ours.CELLS, CHANNELS=ours.CHANNELS, FEATURE=getattr(triton.language, store))
    signature = {n: "constexpr" if n in sizes else kinds.get(n, "i32") for n in kernel.arg_names}
    source = ASTSource(kernel, signature, {n: sizes[n] for n in kernel.arg_names if n in sizes})
    return triton.compile(source, target=target, options={"enable_fp_fusion": False}).asm
"""

RUNS = """
for kernel, store, corner in ((ours._reduce, "float16", True), *((ours._gather, store, False) for store in STORES)):
    made = compiled(kernel, store, corner)
    if backend == "hip":
        assert made["hsaco"]
    else:
        assert made["cubin"] and "div.rn" in made["ptx"] and "fma" not in made["ptx"], made["ptx"]
"""

FALLS_BACK = """
import logging, torch
import mirage_core.splatting as splatting
logging.basicConfig(format="%(message)s")
ours.winning_points = lambda *args: compiled(ours._reduce, "float16")  # as a launch on that card would
assert not splatting.runs_triton(torch.device("cpu"))
"""

REFUSE = """
import torch
from mirage_core import Cameras, LatentMemory, LatentSpec, PointBlock, splat
memory = LatentMemory(LatentSpec(1, 16), (PointBlock(torch.ones(1, 3), torch.ones(1, 1)),))
splat(memory, Cameras(torch.eye(4)[None], torch.eye(3)), (4, 6), backend="triton")
"""


def run(code, *arguments):
    """In a process of its own, where kernels are not interpreted."""
    env = {**os.environ, "TRITON_INTERPRET": "0"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)


NVIDIA = [("cuda", arch, "32") for arch in ("70", "75", "90", "120")]  # V100, T4, H100, RTX 5090
AMD = [
    ("hip", "gfx942", "64"),
    *(("hip", arch, "32") for arch in ("gfx1030", "gfx1100", "gfx1201")),
]  # MI300 and Radeons


@pytest.mark.parametrize("target", [*NVIDIA, *AMD], ids=lambda target: target[1])
def test_the_kernels_compile_for_gpus_without_fused_multiply_add(tmp_path, monkeypatch, target):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    done = run(COMPILE + f"STORES = {STORES}" + RUNS, *target)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        (("cuda", "61", "32"), "PTXASError: PTXAS error"),
        (("hip", "gfx906", "64"), "RuntimeError: PassManager::run failed"),
    ],
    ids=["GTX 1080", "MI50"],
)
def test_for_cards_that_triton_has_left_behind_the_compiler_says_so_and_plain_torch_reads(
    tmp_path, monkeypatch, target, cause
):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    done = run(COMPILE + FALLS_BACK, *target)
    assert done.returncode == 0, done.stderr[-4000:]  # an error, not an abort of the process
    assert cause in done.stderr and "plain torch instead" in done.stderr


def test_on_a_cpu_the_backend_is_refused_in_words():
    done = run(REFUSE)
    assert "MirageError: backend triton: must have a CUDA or ROCm device; got cpu. Use auto." in done.stderr
