"""What a memory became, told by what changed: the files of a walk hold that, not the whole memory again and again.

Blocks that stayed are named by their place. Any other block is told by runs of points, of the old blocks that did not
stay and of its own: to remove, join, sort and merge points so takes a few bytes each, and only new ones take all.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace

import torch
from torch import Tensor

from .errors import damage_refused
from .memory import LatentMemory, LatentSpec
from .points import PointBlock
from .storage import packed_keyframes, unpacked_keyframes

OWN = -1  # where a run of points begins that no old block has
WHOLE = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes
MOVED = "footprint"  # the one column that ``compact`` changes
LOCKED = "locked"  # the one column that not every block of a memory has


def packed_changes(before: LatentMemory, after: LatentMemory) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Named tensors and header entries that make ``after`` out of ``before``, bit for bit and block for block.

    Args:
        after: has the keyframes of ``before``, and maybe more behind them.
    """
    place = {id(block): number for number, block in enumerate(before.blocks)}
    told = [place.get(id(block), block.store) for block in after.blocks]
    gone = _without(before.blocks, told)
    tensors = packed_keyframes(after.keyframes.chosen(range(len(before.keyframes), len(after.keyframes))))
    for number, (entry, block) in enumerate(zip(told, after.blocks, strict=True)):
        if isinstance(entry, str):
            columns = _told(block.to("cpu"), _joined(gone, entry))
            tensors |= {f"{_name(number)}.{name}": column.contiguous() for name, column in columns.items()}
    return tensors, {"spec": json.dumps(asdict(after.spec)), "changed": json.dumps(told), "store": after.store}


def changed(name: str, before: LatentMemory, header: dict[str, str], tensors: dict[str, Tensor]) -> LatentMemory:
    """The memory that ``packed_changes`` told, on the device of ``before``.

    Args:
        name: of the file, for errors.

    Raises:
        MirageError: a part is missing, or the parts do not fit together or to ``before``.
    """
    with damage_refused(f"{name}:", "what changed in the memory before it", ours=True):
        told = json.loads(header["changed"])
        gone = _without(before.blocks, told)
        blocks = []
        for number, entry in enumerate(told):
            if isinstance(entry, str):
                prefix = f"{_name(number)}."
                columns = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
                made = _untold(columns, _joined(gone, entry))
                blocks.append(made if before.device is None else made.to(before.device))
            else:
                blocks.append(before.blocks[entry])
        keyframes = before.keyframes + unpacked_keyframes(tensors)
        return LatentMemory(LatentSpec(**json.loads(header["spec"])), tuple(blocks), keyframes, header["store"])


def _name(number: int) -> str:
    return f"block.{number:06d}"


def _without(blocks: Iterable[PointBlock], told: list[int | str]) -> list[PointBlock]:
    """The old blocks that did not stay."""
    stayed = set(told)
    return [block for number, block in enumerate(blocks) if number not in stayed]


def _joined(gone: list[PointBlock], store: str) -> PointBlock | None:
    """The points of those that keep their features alike, on the CPU."""
    alike = [block.to("cpu") for block in gone if block.store == store]
    return PointBlock.concatenated(alike) if alike else None


def _told(block: PointBlock, old: PointBlock | None) -> dict[str, Tensor]:
    """A block as runs ``(R, 2)`` of first point and number, its own points, and footprints that are not the old ones'.

    Args:
        old: points that it may have been made of.
    """
    found = torch.full((len(block),), OWN) if old is None else _found(block, old)
    own = found == OWN
    follows = torch.where(own[1:], own[:-1], ~own[:-1] & (found[1:] == found[:-1] + 1))
    first = torch.cat([torch.ones(1, dtype=torch.bool), ~follows]).nonzero().squeeze(1)
    lengths = torch.diff(first, append=torch.tensor([len(block)]))
    told = {"runs": torch.stack([found[first], lengths], dim=1), **block[own].columns}
    if old is not None:
        here = (~own).nonzero().squeeze(1)
        here = here[_bits(block.footprint[here]) != _bits(old.footprint[found[here]])]
        told |= {"moved": here, "moved.footprint": block.footprint[here]} if len(here) else {}
    return told


def _untold(columns: dict[str, Tensor], old: PointBlock | None) -> PointBlock:
    """The block that ``_told`` took apart."""
    moved, footprint = columns.pop("moved", None), columns.pop("moved.footprint", None)
    runs, own = columns.pop("runs"), PointBlock(**columns)
    begin, length = runs.unbind(dim=1)
    number = torch.arange(int(length.sum())) - torch.repeat_interleave(length.cumsum(0) - length, length)
    begin = torch.repeat_interleave(begin, length)
    mine = begin == OWN
    offset = 0 if old is None else len(old)
    source = torch.where(mine, offset + mine.cumsum(0) - 1, begin + number)
    block = own if old is None else PointBlock.concatenated([old, own])
    block = block[source]
    if moved is not None:
        widths = block.footprint.clone()
        widths[moved] = footprint
        block = replace(block, footprint=widths)
    return block


def _found(block: PointBlock, old: PointBlock) -> Tensor:
    """int64 ``(N,)``: for every point its place in ``old``, ``OWN`` where none is like it, but for the footprint."""
    _, number = torch.unique(torch.cat([_key(old), _key(block)]), dim=0, return_inverse=True)
    place = torch.full((int(number.max()) + 1,), OWN)
    place[number[: len(old)]] = torch.arange(len(old))
    found = place[number[len(old) :]]
    if block.locked is not None or old.locked is not None:
        found = torch.where(block.is_locked == old.is_locked[found], found, OWN)
    for name, column in block.columns.items():
        if name not in (MOVED, LOCKED):
            same = (_bits(column) == _bits(old.columns[name])[found]).reshape(len(block), -1).all(dim=1)
            found = torch.where(same, found, OWN)
    return found


def _key(block: PointBlock) -> Tensor:
    """int32 ``(N, 4)``: place and latent frame of every point, bit for bit."""
    return torch.cat([_bits(block.xyz), block.frame[:, None]], dim=1)


def _bits(column: Tensor) -> Tensor:
    """The same bits as whole numbers: 0 and -0 are two."""
    return column.contiguous().view(WHOLE[column.element_size()])
