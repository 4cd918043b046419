"""One progress bar for a whole walk, its stage in words, and pictures of what is being made."""

from collections.abc import Sequence

import comfy.model_management
import comfy.utils
import latent_preview
from comfy.model_patcher import ModelPatcher
from server import PromptServer
from torch import Tensor

from ...pictures.pixels import as_picture

STAGES_BESIDE_STEPS = 2  # decoding with its depth, and writing: each counts like one step
PREVIEW_PIXELS = 512
NO_STAGE = " "  # the browser ignores an empty text


class WalkProgress:
    """Counts steps of all chunks, and raises ComfyUI's interrupt between them.

    Around a ``with`` block it takes the stage off the node at the end, however that comes.

    Args:
        chunks, done: of the walk, and how many of them are there already.
        steps: of the sampler.
        notes: shown below the stage.
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
        self.notes = notes
        self.each = steps + STAGES_BESIDE_STEPS
        self.bar = comfy.utils.ProgressBar(chunks * self.each)
        self.previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)

    def __enter__(self) -> "WalkProgress":
        return self

    def __exit__(self, *_) -> None:
        self._say(NO_STAGE)

    def finished(self, chunks: int) -> None:
        """So many chunks of the walk are done."""
        self.chunk = chunks

    def decoding(self) -> None:
        """All chunks are done; what is left is to decode them."""
        self._stage("decoding the whole walk", self.chunks - 1, self.each)

    def stage(self, name: str, after: int = 0, frame: Tensor | None = None) -> None:
        """Say what comes next, ``after`` units of this chunk are done.

        Args:
            frame: ``(H, W, 3)``, 0..1, the last finished picture.
        """
        self._stage(name, self.chunk, after, frame)

    def _stage(self, name: str, chunk: int, after: int, frame: Tensor | None = None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self._say("\n".join([f"chunk {chunk + 1} of {self.chunks}: {name}", *self.notes]))
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
