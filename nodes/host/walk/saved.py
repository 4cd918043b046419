"""Where a walk is saved, and which saved chunks belong to it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ....mirage_core import MirageError, __version__
from ....mirage_core.chunks import Chunk
from ....mirage_core.files import whole_file
from ....mirage_core.storage import packed
from ....mirage_core.walk import WalkSettings, WalkState
from ....mirage_core.walk_files import chunk_path, load_chunks, save_chunk, saved_chunks
from ..folders import output_folder, unused_folder, unused_temp_folder
from ..growing_video import Encoding
from .models import WalkInputs
from .naming import Naming
from .recording import VIDEO, Recording


@dataclass(frozen=True, eq=False)
class SavedWalk:
    """The folder of one walk.

    Attributes:
        folder: below the output folder, or the temp folder, which is empty when ComfyUI has started again.
        settings: what all chunks share, by name.
        own: what each chunk is made with; None = it was taken over from another walk.
        unknown: what the walk is made with that cannot be compared with what another walk was made with.
        stays: whether it is below the output folder.
    """

    folder: Path
    settings: dict[str, str]
    own: tuple[dict[str, str] | None, ...]
    unknown: tuple[str, ...] = ()
    stays: bool = True

    @classmethod
    def of(
        cls, save_as: str, inputs: WalkInputs, walk: WalkSettings, begin: WalkState, plan: Sequence[Chunk], kept: int
    ) -> "SavedWalk":
        if not save_as:
            return cls(unused_temp_folder("mirage_walk"), {}, (None,) * len(plan), stays=False)
        root, naming = output_folder(save_as), Naming()
        settings = _settings(naming, inputs, walk, begin)
        own = [_own(naming, inputs, chunk) for chunk in plan]
        folder = unused_folder(root) if naming.unknown else root / naming.of([settings, own[kept:], kept])
        return cls(folder, settings, (*([None] * kept), *own[kept:]), tuple(naming.unknown))

    def begun(self, begin: WalkState, keep_from: str, kept: int) -> WalkState:
        """Where to go on: after the chunks that are saved already, or were taken over.

        Args:
            keep_from: folder of another walk below the output folder whose first ``kept`` chunks are kept.

        Raises:
            MirageError: it does not have so many, or they were made with other settings.
        """
        if kept:
            self._take_over(keep_from, kept)
        return load_chunks(self.folder, begin, self.settings, len(self.own), self.own)

    def recording(
        self, inputs: WalkInputs, begun: WalkState, encoding: Encoding, whole: bool, keep_from: str
    ) -> Recording:
        """The video of the walk, behind the chunks that are there.

        Args:
            whole: all video frames are asked for.
            keep_from: folder of the walk that chunks were taken over from, if any.
        """
        file = self.folder / VIDEO
        source = file if file.is_file() or not keep_from else output_folder(keep_from, "keep_from") / VIDEO
        self.folder.mkdir(parents=True, exist_ok=True)
        vae, path = inputs.request.steering.vae, inputs.request.path
        return Recording.begun(vae, path, begun, file, source, encoding, whole)

    def save(self, before: WalkState, state: WalkState) -> WalkState:
        """Write the last chunk, and go on with its latents in the file."""
        return save_chunk(self.folder, before, state, self.settings, self.own[state.finished - 1] or {})

    def report(self, taken: int) -> list[str]:
        """Where the walk is, and ``taken``: how many of its chunks were there already."""
        if not self.stays:
            return ["not saved, as save_as is empty: the video is in ComfyUI's temp folder until ComfyUI starts again"]
        lines = [f"saved in {self.folder}"]
        if taken:
            lines.append(f"chunks taken from there, made before: {taken} of {len(self.own)}")
        if self.unknown:
            lines.append(
                f"cannot be compared with other runs: {', '.join(self.unknown)}. So no later run goes on with these "
                "chunks by itself; to go on with them, put this folder into keep_from and their number into "
                "keep_chunks."
            )
        return lines

    def _take_over(self, keep_from: str, kept: int) -> None:
        source = output_folder(keep_from, "keep_from")
        if not self.stays:
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


def _settings(naming: Naming, inputs: WalkInputs, walk: WalkSettings, begin: WalkState) -> dict[str, str]:
    """What changes the pixels of every chunk, by what a user calls it."""
    request, sampler, steering = inputs.request, inputs.sampler, inputs.request.steering
    branch = None if steering.branch is None else (steering.branch.patcher, steering.branch.heads)
    cameras, (h, w), spatial = request.path.video, request.path.grid, request.memory.spec.spatial
    return {
        "pack": __version__,
        **naming.model(request.model),
        "mode": f"{steering.mode} {steering.score} {steering.start_percent!r} to {steering.end_percent!r}",
        "branch": naming.of(branch),
        "uni3c": naming.of(steering.uni3c),
        "strength": f"{steering.strength:g}",
        "keep_exact": str(steering.keep_exact),
        "sampler": f"{sampler.sampler_name} {sampler.scheduler}, {sampler.steps} steps, cfg {sampler.cfg!r}, "
        f"denoise {sampler.denoise!r}",
        "size": f"{w * spatial} x {h * spatial}",
        "walk": json.dumps(_of_walk(walk), sort_keys=True),
        "cameras": naming.of([cameras.cam2world, cameras.K]),
        "start": naming.of(begin.latents),
        "memory": naming.of(packed(begin.memory)),
        "negative": naming.of(request.negative),
        "vae": naming.of(steering.vae),
        "depth model": naming.of(inputs.depth),
        "moving": naming.of(inputs.moving),
        "sound": naming.of(None if inputs.sound is None else [inputs.sound.latents, inputs.sound.mask]),
    }


def _of_walk(walk: WalkSettings) -> dict:
    """As walks were saved that did not know the newer settings, where these are off."""
    settings = asdict(walk)
    return {name: value for name, value in settings.items() if name != "hold_colours" or value}


def _own(naming: Naming, inputs: WalkInputs, chunk: Chunk) -> dict[str, str]:
    return {"seed": str(inputs.sampler.seed), "prompt": naming.of(inputs.text_of(chunk))}
