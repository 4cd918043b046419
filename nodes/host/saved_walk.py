"""Where a walk is saved, and which saved chunks belong to it."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from ...mirage_core import LatentMemory, MirageError, __version__
from ...mirage_core.chunks import Chunk
from ...mirage_core.files import whole_file
from ...mirage_core.walk import WalkSettings, WalkState
from ...mirage_core.walk_files import chunk_path, load_chunks, save_chunk, saved_chunks
from .folders import output_folder
from .walking import WalkModels

DIGITS = 12  # of a fingerprint


def fingerprint(*parts: object) -> str:
    """A short text that changes when any of some tensors, numbers, texts or lists of them does."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            digest.update(str((part.dtype, tuple(part.shape))).encode())
            digest.update(part.detach().cpu().float().contiguous().numpy().tobytes())
        elif isinstance(part, (list, tuple)):
            digest.update(fingerprint(*part).encode())
        elif isinstance(part, dict):
            digest.update(fingerprint(*(item for key in sorted(part) for item in (key, part[key]))).encode())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:DIGITS]


@dataclass(frozen=True, eq=False)
class SavedWalk:
    """The folder of one walk.

    Attributes:
        folder: None = the walk is not saved.
        settings: what all chunks share, by name.
        own: what each chunk is made with; None = it was taken over from another walk.
    """

    folder: Path | None
    settings: dict[str, str]
    own: tuple[dict[str, str] | None, ...]

    @classmethod
    def of(
        cls, save_as: str, models: WalkModels, walk: WalkSettings, begin: WalkState, plan: Sequence[Chunk], kept: int
    ) -> "SavedWalk":
        settings = _settings(models, walk, begin)
        own = [_own(models, chunk) for chunk in plan]
        if not save_as:
            return cls(None, settings, tuple(own))
        folder = output_folder(save_as) / fingerprint(settings, own[kept:], kept)
        return cls(folder, settings, (*([None] * kept), *own[kept:]))

    def begun(self, begin: WalkState, keep_from: str, kept: int) -> WalkState:
        """Where to go on: after the chunks that are saved already, or were taken over.

        Args:
            keep_from: folder of another walk below the output folder whose first ``kept`` chunks are kept.

        Raises:
            MirageError: it does not have so many, or they were made with other settings.
        """
        if kept:
            self._take_over(keep_from, kept)
        if self.folder is None:
            return begin
        return load_chunks(self.folder, begin, self.settings, len(self.own), self.own)

    def save(self, state: WalkState) -> None:
        if self.folder is not None:
            save_chunk(self.folder, state, self.settings, self.own[state.finished - 1] or {})

    def _take_over(self, keep_from: str, kept: int) -> None:
        source = output_folder(keep_from)
        if self.folder is None:
            raise MirageError("keep_chunks: needs a saved walk to go on with; give save_as a name.")
        there = saved_chunks(source)
        if there < kept:
            raise MirageError(f"keep_chunks: must be at most the {there} chunks in {keep_from!r}; got {kept}.")
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(kept):
            target = chunk_path(self.folder, number)
            if not target.is_file():
                with whole_file(target) as partial:
                    shutil.copyfile(chunk_path(source, number), partial)


def _settings(models: WalkModels, walk: WalkSettings, begin: WalkState) -> dict[str, str]:
    request, sampler = models.request, models.sampler
    network = request.model.get_model_object("diffusion_model")
    kept = {"kept": "exact tokens"} if request.keep_exact else {}  # walks that were saved before it do not name it
    return {
        "pack": __version__,
        "model": f"{type(request.model.model).__name__} {sum(p.numel() for p in network.parameters())}",
        "mode": f"{request.mode} {request.score} {request.start_percent:g} to {request.end_percent:g}",
        "strength": f"{request.strength:g}",
        "sampler": f"{sampler.sampler_name} {sampler.scheduler}, {sampler.steps} steps, cfg {sampler.cfg:g}",
        "size": f"{request.width} x {request.height}",
        "walk": json.dumps(asdict(walk), sort_keys=True),
        "cameras": fingerprint(models.path.cam2world, models.path.K),
        "start": fingerprint(begin.latents),
        "memory": _memory(begin.memory),
        "negative": fingerprint(request.negative),
        "depth": models.depth.name,
        "moving": fingerprint(models.moving.text) if models.moving is not None else "nothing",
        **kept,
    }


def _own(models: WalkModels, chunk: Chunk) -> dict[str, str]:
    return {"seed": str(models.sampler.seed), "prompt": fingerprint(models.text_of(chunk.start))}


def _memory(memory: LatentMemory) -> str:
    points = memory.points
    return fingerprint(points.xyz, points.tokens())
