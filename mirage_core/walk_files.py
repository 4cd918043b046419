"""Saving a walk chunk by chunk, and taking it up again.

One file per finished chunk holds what it added: its latents, and what it changed in the memory. A file appears when it
is complete, so a walk that is killed loses the chunk in work and nothing else. No file holds what another does, so a
long walk takes no more disk and time per chunk than a short one.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from .colour_drift import ColourDrift
from .errors import MirageError, damage_refused
from .latent_frames import LatentFrames, SavedLatents
from .memory import LatentSpec
from .memory_changes import changed, packed_changes
from .storage import check_version, read_file, unpacked, write_file
from .update import ViewReport
from .walk import ChunkReport, WalkState

FORMAT = "mirage-walk-chunk"
VERSION = 2  # 2: what changed in the memory, instead of all of it


def chunk_path(folder: Path, number: int) -> Path:
    return folder / f"chunk_{number:04d}.safetensors"


def save_chunk(
    folder: Path, before: WalkState, state: WalkState, settings: dict[str, str], own: dict[str, str]
) -> WalkState:
    """Write the last finished chunk of a walk.

    Args:
        folder: made if it is not there.
        before: the walk without this chunk, but with those before it.
        settings: what all chunks of the walk share, by name.
        own: what this chunk was made with: seed, prompt.

    Returns:
        ``state``, with the chunk's latents in the file instead of in memory.

    Raises:
        MirageError: it cannot be written; a disk is full, say.
    """
    report, seen = state.reports[-1], state.seen[before.written :]
    memory_tensors, memory_header = packed_changes(before.memory, state.memory)
    latents = state.frames[before.written : state.written]
    tensors = {
        "latents": latents.cpu().contiguous(),
        "left_out": state.left_out[before.written :].cpu().contiguous(),
        "shown": state.shown.cpu().contiguous(),
        "seen": torch.cat([one.cpu() for one in seen]),
        "seen.sizes": torch.tensor([len(one) for one in seen]),
        **({"sound": state.sound[-1].cpu().contiguous()} if len(state.sound) > len(before.sound) else {}),
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
    if latents.device.type != "cpu":
        return state
    return replace(state, frames=state.frames.with_part(before.written, _saved_latents(path)))


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
        header, tensors = read_file(path, without=("latents",))
        with damage_refused(f"{path.name}:", "a whole chunk of a walk"):
            _check(path.name, header, settings, own[number] if number < len(own) else None)
            state = _extended(state, path, header, tensors)
    return state


def saved_frames(folder: Path) -> tuple[LatentFrames, LatentSpec]:
    """All latent frames of a saved walk, which stay in their files, and which latents they are.

    Raises:
        MirageError: there is no chunk, or a file is damaged.
    """
    paths = [chunk_path(folder, number) for number in range(saved_chunks(folder))]
    if not paths:
        raise MirageError(f"folder: must hold the chunks of a walk; there is no {chunk_path(folder, 0).name} in it.")
    with damage_refused(f"{paths[0].name}:", "a whole chunk of a walk"):
        with safe_open(paths[0], framework="pt") as file:
            header = file.metadata() or {}
        _check(paths[0].name, header, {}, None)
        spec = LatentSpec(**json.loads(header["spec"]))
    return LatentFrames(tuple(_saved_latents(path) for path in paths)), spec


def _saved_latents(path: Path) -> SavedLatents:
    with damage_refused(f"{path.name}:", "a whole chunk of a walk"), safe_open(path, framework="pt") as file:
        return SavedLatents(path, "latents", tuple(file.get_slice("latents").get_shape()))


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


def _extended(state: WalkState, path: Path, header: dict[str, str], tensors: dict[str, Tensor]) -> WalkState:
    of_memory = {key.removeprefix("memory."): value for key, value in tensors.items() if key.startswith("memory.")}
    if header["version"] == "1":  # which held the whole memory
        memory = unpacked(path.name, header, of_memory)
    else:
        memory = changed(path.name, state.memory, header, of_memory)
    left_out = tensors["left_out"]
    return WalkState(
        frames=state.frames.with_part(state.written, _saved_latents(path)),
        memory=memory,
        seen=state.seen + tensors["seen"].split(tensors["seen.sizes"].tolist()),
        left_out=left_out if state.left_out is None else torch.cat([state.left_out, left_out]),
        shown=tensors["shown"],
        reports=(*state.reports, _report(json.loads(header["report"]))),
        sound=(*state.sound, *([tensors["sound"]] if "sound" in tensors else [])),
    )


def _report(saved: dict) -> ChunkReport:
    views = tuple(ViewReport(**view) for view in saved["views"])
    references = tuple((int(frame), float(overlap)) for frame, overlap in saved["references"])
    colours = saved.get("colours")  # of a chunk that an earlier version has saved there are none
    read = {
        "views": views,
        "references": references,
        "frames": tuple(saved["frames"]),
        "colours": None if colours is None else ColourDrift(**colours),
    }
    return ChunkReport(**{**saved, **read})
