"""Reading the memory: splat it into the token grid of any camera."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .cameras import Cameras
from .conventions import NO_POINT, TOKEN_ANCHORS
from .devices import placed, resolved, working_device
from .errors import MirageError, check_choice, check_size, describe
from .latent_path import LatentPath
from .memory import LatentMemory
from .points import PointBlock
from .splatting import Gathered, Views, backend_named, visible_blocks

POINT_BYTES = 16  # of float32: position and footprint
CELL_BYTES = 64  # of a readout, beside the token: known, depth, point, offset and scale, and what they are made of
EXACT = 2.0**-4  # of a token, and of a doubling of its size


@dataclass(frozen=True, eq=False)
class Readout:
    """What T views see of a memory. Everything is 0 where ``known`` is False, but ``point``, which is -1.

    Attributes:
        latents: ``(T, C, h, w)`` tokens, in the dtype of the memory's features; float32 of int8 ones.
        known: bool ``(T, h, w)``.
        depth: ``(T, h, w)`` z-depth of the winning point, scene units.
        point: int64 ``(T, h, w)`` index of the winning point in the memory.
        offset: ``(T, 2, h, w)`` where the winning point fell, in tokens from the token's centre, right and down.
            Within 0.5, or beyond where another token's disk reached in.
        scale: ``(T, h, w)`` tokens that the winning token subtends: above 1 it is seen from nearer than when recorded.
    """

    latents: Tensor
    known: Tensor
    depth: Tensor
    point: Tensor
    offset: Tensor
    scale: Tensor

    def to(self, device: torch.device | str) -> "Readout":
        """The readout on another device; the same one if it is there already."""
        if self.known.device == resolved(device):
            return self
        return Readout(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def views(self, start: int, stop: int | None = None) -> "Readout":
        """Of the views ``start`` to ``stop`` - 1."""
        return Readout(**{field.name: getattr(self, field.name)[start:stop] for field in fields(self)})

    @property
    def known_share(self) -> Tensor:
        """``(T,)`` share of each view's tokens that the memory knows."""
        return self.known.flatten(1).float().mean(dim=1)

    @property
    def placement(self) -> Tensor:
        """``(T, 3, h, w)`` where and how large tokens are seen: offset to the right and down, and log2 of the scale."""
        scale = torch.where(self.known, self.scale.clamp(min=2.0**-10), 1.0)
        return torch.cat([self.offset, scale.log2().unsqueeze(1)], dim=1)

    @property
    def exact(self) -> Tensor:
        """bool ``(T, h, w)``: tokens seen just where and as large as they were written, as when a camera is back."""
        return self.known & (self.placement.abs().amax(dim=1) <= EXACT)


# What the views of a grid (h, w) see of a memory: ``splat``, or a caller's way to call it, on a device of its own, say.
Read = Callable[[LatentMemory, Cameras, tuple[int, int]], Readout]


def splat(
    memory: LatentMemory,
    cameras: Cameras | LatentPath,
    size: tuple[int, int] | None = None,
    footprint: bool = True,
    token_anchor: str = "center",
    backend: str = "auto",
    device: torch.device | str | None = None,
) -> Readout:
    """Splat a memory into the token grids of some cameras, or of a path's latent frames.

    The nearest depth wins a cell and equal depths go to the lower point index; the result does not depend on the
    order in which a device runs. With ``footprint`` a token also covers the cells whose centre lies in the disk it
    subtends (splatting/projection.py), which closes the gaps that single points leave. Blocks of the memory that no
    camera can see are not read.

    Args:
        cameras: with ``size``; or a path, which has a grid of its own.
        size: ``(h, w)`` of the token grid.
        footprint: False = every point covers the one cell it falls into, as in the published code.
        token_anchor: "center", or "corner" for the published code's convention (conventions.py).
        backend: "auto" (triton where it runs, else portable), "triton" (CUDA and ROCm), "portable" (any torch device)
            or "reference" (loops, for tests).
        device: where to compute; none = where the memory is. A memory that lies elsewhere stays there: positions of
            blocks in view and tokens that are seen are all that is copied. Where torch lacks what this takes, on MPS,
            say, the CPU computes.

    Returns:
        The readout, on ``device``.

    Raises:
        MirageError: the memory is empty, the size is not positive, an option is unknown, or a backend asked for by
            name does not run on the device.

    Source: arXiv 2606.09828, latent readout. Departs from the released code: a reduction of packed depth and index
    keys instead of sort and overwrite, and footprints.
    """
    if not isinstance(memory, LatentMemory):
        raise MirageError(f"memory: must be a LatentMemory; got {describe(memory)}.")
    if isinstance(cameras, LatentPath) and size is None:
        cameras, size = cameras.views, cameras.grid
    if not isinstance(cameras, Cameras):
        raise MirageError(f"cameras: must be Cameras; got {describe(cameras)}.")
    size = check_size("size", size)
    check_choice("token_anchor", token_anchor, TOKEN_ANCHORS)
    memory.require_points()
    asked = resolved(device or memory.device)
    device = working_device(asked)
    chosen = backend_named(backend, asked if backend == "triton" else device)
    views = Views.of(cameras, size, token_anchor)
    visible = visible_blocks(memory.blocks, views)
    if not visible:
        return _nothing(memory, len(views), size, asked)
    blocks, views = [memory.blocks[number] for number in visible], views.to(device)
    xyz = _joined([block.xyz.T for block in blocks], device).T  # (N, 3), one run of memory per coordinate
    widths = _joined([block.footprint for block in blocks], device)  # (N,)
    point = chosen.winning_points(xyz, widths if footprint else None, views)
    gathered = chosen.gather(blocks, xyz, widths, point, views)
    known = point != NO_POINT
    readout = Readout(known=known, point=_numbered(point, known, memory.blocks, visible), **gathered._asdict())
    return readout.to(asked)


def readout_bytes(
    memory: LatentMemory, cameras: Cameras, size: tuple[int, int], device: torch.device | str, backend: str = "auto"
) -> int:
    """Bytes that ``splat`` takes on a device, about, beside a memory that lies there."""
    device = resolved(device)
    cells = len(cameras) * size[0] * size[1]
    tokens = memory.blocks[0].tokens(slice(0, 0)) if memory.blocks else torch.zeros(0, memory.spec.channels)
    token = memory.spec.channels * tokens.element_size()
    if working_device(device) != device:
        return cells * (token + CELL_BYTES)
    visible = visible_blocks(memory.blocks, Views.of(cameras, size, "center"))
    points = sum(len(memory.blocks[number]) for number in visible)
    working = backend_named(backend, device).working_bytes(points, len(cameras), size)
    # tokens: as they are found, over all cells, and in the order of the result
    return POINT_BYTES * points + working + cells * (3 * token + CELL_BYTES)


def _joined(columns: list[Tensor], device: torch.device) -> Tensor:
    """One column of some blocks, joined along its last axis, on ``device``."""
    column = columns[0] if len(columns) == 1 else torch.cat(columns, dim=-1)
    return placed(column, device)


def _numbered(point: Tensor, known: Tensor, blocks: tuple[PointBlock, ...], visible: list[int]) -> Tensor:
    """Indices among the visible points as indices in the memory."""
    lengths = torch.tensor([len(block) for block in blocks])
    skipped = (lengths.cumsum(0) - lengths)[visible] - (lengths[visible].cumsum(0) - lengths[visible])
    if not bool(skipped.any()):
        return point
    ends = placed(lengths[visible].cumsum(0), point.device)
    owner = torch.searchsorted(ends, point.clamp(min=0), right=True)
    return torch.where(known, point + placed(skipped, point.device)[owner], NO_POINT)


def _nothing(memory: LatentMemory, T: int, size: tuple[int, int], device: torch.device) -> Readout:
    """What views see that look past everything."""
    tokens = memory.blocks[0].tokens(slice(0, 0))  # (0, C)
    depth = torch.zeros(T, *size, device=device)
    return Readout(
        known=torch.zeros_like(depth, dtype=torch.bool),
        point=torch.full_like(depth, NO_POINT, dtype=torch.int64),
        **Gathered(
            latents=torch.zeros(T, tokens.shape[1], *size, dtype=tokens.dtype, device=device),
            depth=depth,
            offset=depth.new_zeros(T, 2, *size),
            scale=torch.zeros_like(depth),
        )._asdict(),
    )
