"""One progress bar for a whole walk, its stage in words, and pictures of what is being made."""

import time
from collections.abc import Sequence
from statistics import median

import comfy.model_management
import comfy.utils
import latent_preview
from comfy.model_patcher import ModelPatcher
from server import PromptServer
from torch import Tensor

from ....mirage_core.amounts import lasting
from ...pictures.pixels import as_picture

STAGES_BESIDE_STEPS = 2  # decoding, and depth with writing: each counts like one step
PREVIEW_PIXELS = 512
NO_STAGE = " "  # the browser ignores an empty text
READING = "reading the memory"  # what a chunk begins with, before its first stage


class WalkProgress:
    """Counts steps of all chunks, says how long they take, and raises ComfyUI's interrupt between them.

    Around a ``with`` block it takes the stage off the node at the end, however that comes.

    Args:
        chunks, done: of the walk, and how many of them are there already.
        steps: of the sampler.
        notes: shown below the stage.

    Attributes:
        doing: the stage, in words.
        chunk: how many chunks are done.
    """

    def __init__(
        self,
        model: ModelPatcher,
        chunks: int,
        done: int,
        steps: int,
        node_id: str | None,
        notes: Sequence[str] = (),
    ):
        self.chunks, self.chunk, self.steps, self.node_id = chunks, done, steps, node_id
        self.notes, self.doing = notes, READING
        self.began, self.taken = time.monotonic(), []  # the chunk in work; seconds of those made in this run
        self.each = steps + STAGES_BESIDE_STEPS
        self.bar = comfy.utils.ProgressBar(chunks * self.each)
        self.previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)

    def __enter__(self) -> "WalkProgress":
        return self

    def __exit__(self, *_) -> None:
        self._say(NO_STAGE)

    def finished(self, chunks: int) -> None:
        """So many chunks of the walk are done."""
        now = time.monotonic()
        self.taken.append(now - self.began)
        self.chunk, self.doing, self.began = chunks, READING, now

    @property
    def left(self) -> str:
        """What a chunk of this run takes, and all that are left; empty before the first one and after the last."""
        if not self.taken or self.chunk == self.chunks:
            return ""
        each = median(self.taken)
        seconds = max(each - (time.monotonic() - self.began), 0.0) + each * (self.chunks - self.chunk - 1)
        return f"about {lasting(each)} a chunk, {lasting(seconds)} left"

    def ending(self) -> None:
        """All chunks are done; what is left is to close the video."""
        self._stage("closing the video", self.chunks - 1, self.each)

    def stage(self, name: str, after: int = 0, frame: Tensor | None = None) -> None:
        """Say what comes next, ``after`` units of this chunk are done.

        Args:
            frame: ``(H, W, 3)``, 0..1, the last finished picture.
        """
        self._stage(name, self.chunk, after, frame)

    def _stage(self, name: str, chunk: int, after: int, frame: Tensor | None = None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self.doing = name
        lines = [f"chunk {chunk + 1} of {self.chunks}: {name}", self.left, *self.notes]
        self._say("\n".join(line for line in lines if line))
        preview = None
        if frame is not None:
            preview = ("JPEG", as_picture(frame), PREVIEW_PIXELS)
        self.bar.update_absolute(chunk * self.each + after, preview=preview)

    def on_step(self, step: int, x0: Tensor, x: Tensor, total: int) -> None:
        """The sampler's callback; shows the last frame of the chunk in work."""
        comfy.model_management.throw_exception_if_processing_interrupted()
        preview = None
        if self.previewer is not None:
            x0 = x0.unbind()[0] if x0.is_nested else x0  # the video, without its sound
            preview = self.previewer.decode_latent_to_preview_image("JPEG", x0[:, :, -1:])
        share = self.steps * (step + 1) // max(total, 1)
        self.bar.update_absolute(self.chunk * self.each + share, preview=preview)

    def _say(self, text: str) -> None:
        server = getattr(PromptServer, "instance", None)  # there is none outside a server
        if server is not None and self.node_id is not None:
            server.send_progress_text(text, self.node_id)
