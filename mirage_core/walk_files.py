"""Saving a walk chunk by chunk, and taking it up again.

One file per finished chunk holds what it added, and the memory after it. A file appears when it is complete, so a walk
that is killed loses the chunk in work and nothing else.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from .errors import MirageError, damage_refused
from .storage import check_version, packed, read_file, unpacked, write_file
from .update import ViewReport
from .walk import ChunkReport, WalkState

FORMAT = "mirage-walk-chunk"
VERSION = 1


def chunk_path(folder: Path, number: int) -> Path:
    return folder / f"chunk_{number:04d}.safetensors"


def save_chunk(folder: Path, state: WalkState, settings: dict[str, str], own: dict[str, str]) -> Path:
    """Write the last finished chunk of a walk.

    Args:
        folder: made if it is not there.
        settings: what all chunks of the walk share, by name.
        own: what this chunk was made with: seed, prompt.

    Raises:
        MirageError: it cannot be written; a disk is full, say.
    """
    report = state.reports[-1]
    added = len(report.views)  # latent frames
    memory_tensors, memory_header = packed(state.memory)
    seen = state.seen[-added:]
    tensors = {
        "latents": state.latents[-added:].cpu().contiguous(),
        "left_out": state.left_out[-added:].cpu().contiguous(),
        "shown": state.shown.cpu().contiguous(),
        "seen": torch.cat([one.cpu() for one in seen]),
        "seen.sizes": torch.tensor([len(one) for one in seen]),
        **({"sound": state.sound[-1].cpu().contiguous()} if state.sound else {}),
        **{f"memory.{name}": tensor for name, tensor in memory_tensors.items()},
    }
    header = {
        **memory_header,
        "format": FORMAT,
        "version": str(VERSION),
        "settings": json.dumps(settings),
        "own": json.dumps(own),
        "report": json.dumps(asdict(report)),
    }
    path = chunk_path(folder, report.number)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_file(path, tensors, header)
    except (OSError, SafetensorError) as error:
        raise MirageError(
            f"chunk {report.number}: must be saved to {folder}, but: {error}. Make room and run again: "
            f"the {report.number} chunks before it are kept."
        ) from error
    return path


def saved_chunks(folder: Path) -> int:
    """How many chunks from the first on are there without a gap."""
    number = 0
    while chunk_path(folder, number).is_file():
        number += 1
    return number


def load_chunks(
    folder: Path, begin: WalkState, settings: dict[str, str], most: int, own: Sequence[dict[str, str] | None] = ()
) -> WalkState:
    """Take a walk up after at most ``most`` of its saved chunks.

    Args:
        begin: the walk before its first chunk.
        settings: what all its chunks must have been made with.
        own: what each chunk must have been made with; None, or nothing said, = anything.

    Raises:
        MirageError: a chunk was made with other settings, or by another version; the message names the first of them.
    """
    state = begin
    for number in range(min(most, saved_chunks(folder))):
        path = chunk_path(folder, number)
        header, tensors = read_file(path)
        with damage_refused(f"{path.name}:", "a whole chunk of a walk"):
            _check(path.name, header, settings, own[number] if number < len(own) else None)
            state = _extended(state, path.name, header, tensors)
    return state


def _check(name: str, header: dict[str, str], settings: dict[str, str], own: dict[str, str] | None) -> None:
    if header.get("format") != FORMAT:
        raise MirageError(f"{name}: must be a chunk of a walk; its header says {header.get('format')!r}.")
    check_version(name, header.get("version", ""), VERSION)
    for wanted, saved in ((settings, header["settings"]), (own, header["own"])):
        saved = json.loads(saved)
        for key in wanted or ():
            if key not in saved:
                raise MirageError(
                    f"{name}: must say with which {key} it was made; it does not, as an earlier version of this "
                    "pack has saved it. Begin another walk."
                )
            if saved[key] != wanted[key]:
                raise MirageError(
                    f"{name}: must be of a walk with the same {key}; it was made with {saved[key]}, now it is "
                    f"{wanted[key]}. Set it back, or begin another walk."
                )


def _extended(state: WalkState, name: str, header: dict[str, str], tensors: dict[str, Tensor]) -> WalkState:
    report = _report(json.loads(header["report"]))
    latents, left_out = tensors["latents"], tensors["left_out"]
    first = report.number == 0
    if not first:
        latents, left_out = torch.cat([state.latents, latents]), torch.cat([state.left_out, left_out])
    memory_tensors = {key.removeprefix("memory."): value for key, value in tensors.items() if key.startswith("memory.")}
    return WalkState(
        latents=latents,
        memory=unpacked(name, header, memory_tensors),
        seen=(() if first else state.seen) + tensors["seen"].split(tensors["seen.sizes"].tolist()),
        left_out=left_out,
        shown=tensors["shown"],
        reports=(*state.reports, report),
        sound=(*state.sound, *([tensors["sound"]] if "sound" in tensors else [])),
    )


def _report(saved: dict) -> ChunkReport:
    views = tuple(ViewReport(**view) for view in saved["views"])
    references = tuple((int(frame), float(overlap)) for frame, overlap in saved["references"])
    return ChunkReport(**{**saved, "views": views, "references": references, "frames": tuple(saved["frames"])})
