"""The splat as two Triton kernels, for CUDA and ROCm.

The first reads every point once, projects it into all views and offers its packed key to each cell it covers; an atomic
minimum keeps the nearest. The second reads every winning token once and writes all outputs. Nothing is sorted, nothing
is counted on the CPU, and nothing waits for the device.

Arithmetic follows projection.py: no fused multiply-add (``enable_fp_fusion=False``), divisions rounded to nearest. With
``TRITON_INTERPRET=1`` in the environment at import the kernels run on the CPU, slowly; so they are tested.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..conventions import MIN_DEPTH, NO_POINT
from ..points import PointBlock
from . import gathering
from .gathering import Gathered
from .projection import DISK_RADIUS, MAX_RADIUS, REACH_PENALTY, Views

BYTES_PER_CELL = 32  # of each view: keys, and the points that they name
POINTS = 256  # per program
CELLS, CHANNELS = 64, 16  # per program, and at a time
EMPTY = torch.iinfo(torch.int64).max
FEATURES = {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16, torch.int8: tl.int8}

# globals of a kernel must be constexpr
_MIN_DEPTH, _NO_POINT, _EMPTY = tl.constexpr(MIN_DEPTH), tl.constexpr(NO_POINT), tl.constexpr(EMPTY)
_DISK, _MAX_RADIUS, _PENALTY = tl.constexpr(DISK_RADIUS), tl.constexpr(MAX_RADIUS), tl.constexpr(REACH_PENALTY)


def winning_points(xyz: Tensor, footprint: Tensor | None, views: Views) -> Tensor:
    """Return which point wins each cell: int64 ``(T, h, w)``, -1 where none lands.

    Args:
        xyz: ``(N, 3)`` world frame.
        footprint: ``(N,)`` world widths of the tokens; None = every point covers the one cell it falls into.
    """
    T, (h, w) = len(views), views.size
    keys = torch.full((T, h, w), EMPTY, dtype=torch.int64, device=xyz.device)
    if len(xyz):
        columns = xyz.T.contiguous()  # (3, N)
        widths = columns if footprint is None else footprint.contiguous()
        with torch.cuda.device_of(xyz):  # kernels start on the current device
            _reduce[(triton.cdiv(len(xyz), POINTS),)](
                columns,
                widths,
                views.packed,
                keys,
                len(xyz),
                h,
                w,
                T=T,
                FOOTPRINT=footprint is not None,
                CORNER=views.corner,
                BLOCK=POINTS,
                enable_fp_fusion=False,
            )
    return torch.where(keys == EMPTY, NO_POINT, keys & 0xFFFFFFFF)


def working_bytes(points: int, views: int, size: tuple[int, int]) -> int:
    """Bytes that ``winning_points`` takes, about, beside its arguments."""
    return BYTES_PER_CELL * views * size[0] * size[1]


def gather(blocks: Sequence[PointBlock], xyz: Tensor, footprint: Tensor, point: Tensor, views: Views) -> Gathered:
    """Read the points that won; see gathering.py, which does it for blocks that lie elsewhere or differ in dtype."""
    dtype = blocks[0].features.dtype
    here = all(block.xyz.device == xyz.device and block.features.dtype == dtype for block in blocks)
    if not here or dtype not in FEATURES:
        return gathering.gather(blocks, xyz, footprint, point, views)
    T, h, w = point.shape
    scaled = blocks[0].feature_scale is not None
    # pointers: these lists keep copies alive, if any had to be made, until the kernel is launched
    features = [block.features.contiguous() for block in blocks]
    scales = [block.feature_scale.contiguous() for block in blocks] if scaled else features
    ends = torch.tensor([len(block) for block in blocks]).cumsum(0)
    starts = [0, *ends[:-1].tolist()]
    table = torch.tensor([starts, [x.data_ptr() for x in features], [x.data_ptr() for x in scales]])  # int64 (3, B)
    channels = features[0].shape[1]
    out = _unwritten((T, channels, h, w), torch.float32 if scaled else dtype, xyz.device)
    with torch.cuda.device_of(xyz):
        _gather[(triton.cdiv(T * h * w, CELLS),)](
            table.to(xyz.device, non_blocking=True),
            xyz.T.contiguous(),
            footprint.contiguous(),
            views.packed,
            point,
            *out,
            len(xyz),
            len(blocks),
            h,
            w,
            channels,
            T=T,
            CORNER=views.corner,
            SCALED=scaled,
            FEATURE=FEATURES[dtype],
            STEPS=len(blocks).bit_length(),
            CELLS=CELLS,
            CHANNELS=CHANNELS,
            enable_fp_fusion=False,
        )
    return out


def _unwritten(shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device) -> Gathered:
    """Outputs of the second kernel, for latents of a shape ``(T, C, h, w)``: it writes every cell of them."""
    T, _, h, w = shape
    return Gathered(
        latents=torch.empty(shape, dtype=dtype, device=device),
        depth=torch.empty(T, h, w, device=device),
        offset=torch.empty(T, 2, h, w, device=device),
        scale=torch.empty(T, h, w, device=device),
    )


@triton.jit
def _project(x0, x1, x2, views, t, T: tl.constexpr):
    """Project points into view ``t``: u and v in cells, z in scene units. ``t`` may be one per point."""
    d0 = x0 - tl.load(views + 9 * T + t)
    d1 = x1 - tl.load(views + 10 * T + t)
    d2 = x2 - tl.load(views + 11 * T + t)
    x = (tl.load(views + 0 * T + t) * d0 + tl.load(views + 3 * T + t) * d1) + tl.load(views + 6 * T + t) * d2
    y = (tl.load(views + 1 * T + t) * d0 + tl.load(views + 4 * T + t) * d1) + tl.load(views + 7 * T + t) * d2
    z = (tl.load(views + 2 * T + t) * d0 + tl.load(views + 5 * T + t) * d1) + tl.load(views + 8 * T + t) * d2
    divisor = tl.maximum(z, _MIN_DEPTH)
    u = tl.div_rn(x * tl.load(views + 12 * T + t), divisor) + tl.load(views + 15 * T + t)
    v = tl.div_rn(y * tl.load(views + 13 * T + t), divisor) + tl.load(views + 16 * T + t)
    return u, v, z


@triton.jit
def _cell(x, CORNER: tl.constexpr):
    """The cell that a coordinate falls into; with ``CORNER`` the nearest whole number, ties to even."""
    below = tl.floor(x)
    if CORNER:
        rest = x - below
        odd = below - 2.0 * tl.floor(below * 0.5)
        below += tl.where((rest > 0.5) | ((rest == 0.5) & (odd == 1.0)), 1.0, 0.0)
    return below


@triton.jit
def _offer(keys, t, row, column, z, n, h, w, counts):
    """Let points compete for a cell each. A look before the atomic: most points lie behind what is known already."""
    inside = counts & (column >= 0.0) & (column < w) & (row >= 0.0) & (row < h)
    cell = tl.where(inside, row, 0.0).to(tl.int32) * w + tl.where(inside, column, 0.0).to(tl.int32)
    key = (z.to(tl.int32, bitcast=True).to(tl.int64) << 32) | n
    place = keys + t * h * w + cell
    best = tl.load(place, mask=inside, other=0, cache_modifier=".cg")
    tl.atomic_min(place, key, mask=inside & (key < best), sem="relaxed")


@triton.jit
def _reduce(
    xyz,
    footprint,
    views,
    keys,
    n_points,
    h,
    w,
    T: tl.constexpr,
    FOOTPRINT: tl.constexpr,
    CORNER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = n < n_points
    x0 = tl.load(xyz + n, mask=there, other=0.0)
    x1 = tl.load(xyz + n_points + n, mask=there, other=0.0)
    x2 = tl.load(xyz + 2 * n_points + n, mask=there, other=0.0)
    if FOOTPRINT:
        width = tl.load(footprint + n, mask=there, other=0.0)
    for t in range(T):
        u, v, z = _project(x0, x1, x2, views, t, T)
        column = _cell(u, CORNER)
        row = _cell(v, CORNER)
        counts = there & (z >= _MIN_DEPTH)
        _offer(keys, t, row, column, z, n, h, w, counts)
        if FOOTPRINT:
            anchor: tl.constexpr = 0.0 if CORNER else 0.5
            off_u = u - (column + anchor)
            off_v = v - (row + anchor)
            cells = tl.div_rn(width * tl.load(views + 14 * T + t), tl.maximum(z, _MIN_DEPTH))
            radius = tl.minimum(cells * _DISK, _MAX_RADIUS)
            near = (column >= -_MAX_RADIUS) & (column < w + _MAX_RADIUS)
            near &= (row >= -_MAX_RADIUS) & (row < h + _MAX_RADIUS)
            reaches = counts & near & (tl.maximum(tl.abs(off_u), tl.abs(off_v)) + radius >= 1.0)
            steps = tl.max(tl.where(reaches, tl.floor(radius + 0.5), 0.0))
            down = -steps
            while down <= steps:
                right = -steps
                while right <= steps:
                    du = right - off_u
                    dv = down - off_v
                    covered = reaches & (du * du + dv * dv <= radius * radius)  # its own cell, too: that offer loses
                    _offer(keys, t, row + down, column + right, z * _PENALTY, n, h, w, covered)
                    right += 1.0
                down += 1.0


@triton.jit
def _block_of(starts, n, n_blocks, STEPS: tl.constexpr):
    """The block that each point lies in, the last one that starts at or before it: by bisection."""
    block = n * 0
    beyond = block + n_blocks
    for _ in range(STEPS):
        middle = (block + beyond) // 2
        before = tl.load(starts + middle) <= n
        block = tl.where(before, middle, block)
        beyond = tl.where(before, beyond, middle)
    return block


@triton.jit
def _gather(
    table,
    xyz,
    footprint,
    views,
    points,
    latents,
    depths,
    offsets,
    scales,
    n_points,
    n_blocks,
    h,
    w,
    n_channels,
    T: tl.constexpr,
    CORNER: tl.constexpr,
    SCALED: tl.constexpr,
    FEATURE: tl.constexpr,
    STEPS: tl.constexpr,
    CELLS: tl.constexpr,
    CHANNELS: tl.constexpr,
):
    cell = tl.program_id(0).to(tl.int64) * CELLS + tl.arange(0, CELLS)
    area = h * w
    here = cell < T * area
    n = tl.load(points + cell, mask=here, other=_NO_POINT)
    known = n != _NO_POINT
    n = tl.where(known, n, 0)
    t = tl.where(here, cell // area, 0)
    place = cell - t * area  # in its view
    x0 = tl.load(xyz + n)
    x1 = tl.load(xyz + n_points + n)
    x2 = tl.load(xyz + 2 * n_points + n)
    u, v, z = _project(x0, x1, x2, views, t, T)
    z = tl.where(known, z, 1.0)
    anchor: tl.constexpr = 0.0 if CORNER else 0.5
    row = place // w
    column = place - row * w
    right = u - (column.to(tl.float32) + anchor)
    down = v - (row.to(tl.float32) + anchor)
    subtended = tl.div_rn(tl.load(footprint + n) * tl.load(views + 14 * T + t), z)
    tl.store(depths + cell, tl.where(known, z, 0.0), mask=here)
    tl.store(offsets + 2 * t * area + place, tl.where(known, right, 0.0), mask=here)
    tl.store(offsets + (2 * t + 1) * area + place, tl.where(known, down, 0.0), mask=here)
    tl.store(scales + cell, tl.where(known, subtended, 0.0), mask=here)
    block = _block_of(table, n, n_blocks, STEPS)
    rank = n - tl.load(table + block)
    features = tl.load(table + n_blocks + block).to(tl.pointer_type(FEATURE))
    if SCALED:
        unit = tl.load(tl.load(table + 2 * n_blocks + block).to(tl.pointer_type(tl.float32)) + rank)
    first = 0
    while first < n_channels:
        channel = first + tl.arange(0, CHANNELS)
        wanted = known[:, None] & (channel < n_channels)[None, :]
        tokens = tl.load(features[:, None] + rank[:, None] * n_channels + channel[None, :], mask=wanted, other=0)
        if SCALED:
            tokens = tokens.to(tl.float32) * unit[:, None]
        to = latents + (t * n_channels * area + place)[:, None] + channel[None, :] * area
        tl.store(to, tokens, mask=here[:, None] & (channel < n_channels)[None, :])
        first += CHANNELS


INTERPRETED = not isinstance(_reduce, triton.JITFunction)
