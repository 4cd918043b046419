"""A walk, from its first chunk or from where an earlier run has left it, to the end of its video."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from ....mirage_core.chunks import Chunk
from ....mirage_core.walk import WalkSettings, WalkState, walk
from ..growing_video import Encoding
from ..memory_device import read_beside
from ..threads import threads, worthwhile
from .models import WalkInputs, WalkModels
from .out_of_memory import Circumstances, out_of_memory_in_words
from .progress import WalkProgress
from .recording import Recording, heard
from .saved import SavedWalk
from .sizes import WalkSizes
from .still import still_of


@dataclass(frozen=True, eq=False)
class WalkRun:
    """All that a walk is run with.

    Attributes:
        begun: after the chunks that are there already.
        sizes: what was expected.
        keep_from: folder of the walk that these chunks were taken over from, if any.
    """

    inputs: WalkInputs
    settings: WalkSettings
    plan: Sequence[Chunk]
    saved: SavedWalk
    begun: WalkState
    sizes: WalkSizes
    encoding: Encoding
    keep_from: str = ""

    def made(self, node_id: str | None, notes: Sequence[str]) -> tuple[WalkState, Recording]:
        """The finished walk, saved chunk by chunk, and its video.

        Args:
            notes: shown while it runs.
        """
        inputs, model, path = self.inputs, self.inputs.request.model, self.inputs.request.path
        progress = WalkProgress(model, len(self.plan), self.begun.finished, inputs.sampler.steps, node_id, notes)
        memory = Circumstances(inputs, self.settings, self.sizes, self.saved, progress)
        size = path.part(0, self.plan[0].stop).size
        with progress, threads(worthwhile(model, size)), out_of_memory_in_words(memory):
            whole = self.sizes.outputs.frames
            recording = self.saved.recording(inputs, self.begun, self.encoding, whole, self.keep_from)
            state = self._walked(WalkModels(inputs, progress, recording))
            progress.ending()
            sound = inputs.sound_vae and heard(inputs.sound_vae, inputs.sound.whole(state.sound))
            recording.close(sound)
        return state, recording

    def _walked(self, models: WalkModels) -> WalkState:
        def keep(before: WalkState, after: WalkState) -> WalkState:
            models.recording.write()  # first: the file of a chunk says that its part of the video is there
            kept = self.saved.save(before, after)
            models.progress.finished(after.finished)
            return kept

        path = self.inputs.request.path
        still = None
        if self.settings.hold_colours and self.begun.finished < len(self.plan):
            still = still_of(self.inputs.request.steering.vae, path.timing, self.begun.frames[:1])
        states = walk(
            self.begun, path, self.settings, models.denoise, models.estimate, read=read_beside, keep=keep, still=still
        )
        return deque(chain([self.begun], states), maxlen=1).pop()
