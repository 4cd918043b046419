"""What a walk takes, said before it begins: memory of the device as ComfyUI estimates it, RAM, and disk."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import comfy.model_management
import torch

from ....mirage_core import MirageError
from ....mirage_core.amounts import amount
from ....mirage_core.chunks import Chunk
from ....mirage_core.walk import WalkSettings
from ....mirage_core.walk_report import Expectation
from ..steering.models import ModelKind
from .estimates import Sampling, decoding_bytes, latent_frames, sampling_bytes
from .models import WalkInputs

CPU = torch.device("cpu")
FLOAT, INDEX = 4, 8  # bytes of a float32 and of an int64
HEADER, REPORT = 4096, 256  # bytes in a chunk's file: of settings in words, and of what became of each latent frame


@dataclass(frozen=True)
class Outputs:
    """What is asked of a walk.

    Attributes:
        frames, latents: of the whole walk, which are held in RAM.
        video: a file.
    """

    frames: bool = True
    latents: bool = True
    video: bool = False


@dataclass(frozen=True)
class WalkSizes:
    """Bytes that a walk takes.

    Attributes:
        sampling, decoding: of the chunk that takes most; decoding with the weights of the VAE, None = it does not say.
        ram: beside the models, at most.
        chunk_file, files: on the disk, at most: of one chunk, and of all together, without the video.
        device: that samples.
        folder: where chunks are saved.
        chunks: of the walk.
        shorter: the next smaller ``chunk_frames``; None = there is none.
    """

    sampling: Sampling
    decoding: int | None
    ram: int
    chunk_file: int
    files: int
    device: torch.device
    folder: Path
    chunks: int
    shorter: int | None
    outputs: Outputs

    @classmethod
    def of(
        cls,
        inputs: WalkInputs,
        settings: WalkSettings,
        plan: Sequence[Chunk],
        expected: Expectation,
        folder: Path,
        outputs: Outputs,
    ) -> "WalkSizes":
        """Estimate a walk.

        Raises:
            MirageError: texts or sound do not fit the path, as when it is sampled.
        """
        chunk_file, files = file_bytes(inputs, settings, plan, expected)
        return cls(
            sampling=sampling_bytes(inputs, settings, plan),
            decoding=decoding_bytes(inputs, plan),
            ram=ram_bytes(inputs, plan, expected, outputs),
            chunk_file=chunk_file,
            files=files,
            device=torch.device(inputs.request.model.load_device),
            folder=folder,
            chunks=len(plan),
            shorter=shorter_chunk(inputs, plan),
            outputs=outputs,
        )

    @property
    def memory(self) -> str:
        """What the memory of the device is called."""
        return "RAM" if self.device.type in ("cpu", "mps") else "VRAM"

    @property
    def total(self) -> int:
        """Bytes that the device has."""
        return int(comfy.model_management.get_total_memory(self.device))

    @property
    def text(self) -> str:
        """In whole sentences."""
        sampling, stay = self.sampling, ", which may stay in RAM in part" if self.memory == "VRAM" else ""
        decode = "" if self.decoding is None else f", {amount(self.decoding)} to decode it"
        said = (
            f"Needs about {amount(sampling.working + sampling.weights)} of {self.memory} to sample a chunk "
            f"({amount(sampling.weights)} of it weights{stay}; the device has {amount(self.total)}){decode}, and at "
            f"most {amount(self.ram)} of RAM for the walk itself."
        )
        if self.decoding is None:
            said += " The VAE does not say what it needs to decode."
        said += f" Saves at most {amount(self.chunk_file)} on the disk per chunk, {amount(self.files)} in all."
        if self.outputs.video:
            said += " How large the video will be is not known before."
        return said

    def warnings(self, finished: int = 0) -> list[str]:
        """What does not fit, a sentence each.

        Args:
            finished: chunks that are saved already.
        """
        found, shorter = [], "" if self.shorter is None else f"chunk_frames to {self.shorter} or less, or "
        if self.sampling.least > self.total:
            found.append(
                f"Careful: sampling a chunk takes {amount(self.sampling.least)} of {self.memory} beside the weights, "
                f"as ComfyUI estimates it; the device has {amount(self.total)}. Lower {shorter}width and height."
            )
        free = comfy.model_management.get_free_memory(CPU)
        if self.ram > free:
            found.append(
                f"Careful: the walk itself may hold {amount(self.ram)} in RAM; {amount(free)} are free. Leave outputs "
                "unconnected that you can do without, or set budget."
            )
        wanted = self.files * (self.chunks - finished) // self.chunks
        free = shutil.disk_usage(_existing(self.folder)).free
        if wanted > free:
            found.append(
                f"Careful: the chunks to come may take {amount(wanted)} of the disk; {amount(free)} are free. Make "
                "room: a full disk stops the walk. Its finished chunks stay, and running again goes on with them."
            )
        return found


def require_room(name: str, frames: int, size: tuple[int, int]) -> None:
    """Raise MirageError unless so many pictures fit into free RAM.

    Args:
        name: of the output.
        size: ``(H, W)`` pixels.
    """
    wanted, free = picture_bytes(frames, size), comfy.model_management.get_free_memory(CPU)
    if wanted > free:
        raise MirageError(
            f"{name}: must fit into memory; {frames:,} video frames of {size[1]} x {size[0]} take {amount(wanted)}, "
            f"{amount(free)} are free. Disconnect {name}: the output video has them all, and Load Walk Frames loads "
            "any range."
        )


def picture_bytes(frames: int, size: tuple[int, int]) -> int:
    """Bytes of pictures ``(F, H, W, 3)``, as ComfyUI's IMAGE holds them."""
    return frames * math.prod(size) * 3 * FLOAT


def ram_bytes(inputs: WalkInputs, plan: Sequence[Chunk], expected: Expectation, outputs: Outputs) -> int:
    """What a walk holds beside the models, at most: the memory, what each latent frame saw, the chunk in work, and what
    is asked for of the whole walk."""
    request, size = inputs.request, inputs.picture_size
    channels, (T, h, w) = request.memory.spec.channels, request.path.size
    longest = max(chunk.frames for chunk in plan)
    latents = channels * h * w * FLOAT  # bytes of a latent frame
    held = expected.nbytes + T * h * w * (INDEX + 1)  # voxels that it saw, and whether it was left out
    held += 2 * latent_frames(inputs, longest) * latents + picture_bytes(longest, size)  # made, and shown by the memory
    if outputs.latents:
        held += T * latents
    if outputs.frames:
        held += picture_bytes(len(request.path.video), size)
    return held


def file_bytes(
    inputs: WalkInputs, settings: WalkSettings, plan: Sequence[Chunk], expected: Expectation
) -> tuple[int, int]:
    """Bytes at most of one chunk's file, and of those of the whole walk: latents, what the memory showed of the last of
    them, what was left out, what each saw, sound, and the points that are new."""
    request, overlap = inputs.request, inputs.request.path.timing.overlap
    memory, frames, (h, w) = request.memory, len(request.path.video), request.path.grid
    latents, most, total = memory.spec.channels * h * w * FLOAT, 0, 0
    point = memory.nbytes / memory.num_points
    for chunk in plan:
        made = latent_frames(inputs, chunk.frames)
        added = made - (overlap if chunk.number else 0)
        nbytes = HEADER + added * (REPORT + latents + h * w * (1 + INDEX))
        nbytes += min(made, settings.preceding + overlap) * latents
        if inputs.sound is not None:
            nbytes += inputs.sound.part(chunk, frames, ())[0].latents.numel() * FLOAT
        most, total = max(most, nbytes + math.ceil(added * h * w * point)), total + nbytes
    return most, total + max(expected.nbytes - memory.nbytes, 0)


def shorter_chunk(inputs: WalkInputs, plan: Sequence[Chunk]) -> int | None:
    """The next smaller ``chunk_frames`` that the VAE and the network can take; None = there is none."""
    timing, together = inputs.request.path.timing, ModelKind.of(inputs.request.model).frames_together
    frames = max(chunk.frames for chunk in plan) - timing.step
    while frames >= timing.least + timing.step:
        if latent_frames(inputs, frames) % together == 0:
            return timing.lengths_near(frames)[0]
        frames -= timing.step
    return None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(one for one in (folder, *folder.parents) if one.is_dir())
