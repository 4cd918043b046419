"""A walk through a room that no network was trained on: made in some way, and compared with the room.

Depth of generated frames is the room's own, ray-cast: what is measured is the network, not a depth model.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from einops import rearrange
from kornia.metrics import psnr
from torch import Tensor

from ..mirage_core import Cameras, LatentMemory, LatentPath, Readout, splat
from ..mirage_core.chunks import Chunk, plan_chunks
from ..mirage_core.learned_codec import LearnedCodec
from ..mirage_core.metrics import loop_closure
from ..mirage_core.update import Estimate
from ..mirage_core.walk import ChunkRequest, WalkSettings, WalkState, walk
from .decoder import pictures_of
from .samples import PATCH, STRIDE, Settings, encoded, remember, walk_in_a_room
from .ways import LATENTS, Sampled, Way

CHUNKS = 4
REVISIT = (0.15, 5.0)  # metres and degrees that count as the same pose
GREY = 0.5
SEEDS = 1_000  # chunks of a walk at most, so that no two have the same noise


@dataclass(frozen=True)
class OneChunk:
    """Decibels of the chunks of a walk against the room, in tokens that the memory knows, and in the others.

    Each begins with the room's own frame, and the memory is that of the room's own frames up to it. ``splat`` is what
    the memory shows, as it is, without a network.
    """

    known: float
    unknown: float
    splat: float


@dataclass(frozen=True)
class ClosedLoop:
    """A whole walk.

    Attributes:
        last_against_first: dB of the last frame against the first, which is given; their poses are the same.
        revisits: mean dB of all frames against earlier ones of about the same pose, NaN where there are none.
        known, splat: dB of the frames that were made, and of what the walk's own memory shows in their places, against
            the room, in the tokens that this memory knows.
        last_known, last_splat: the same of the last frame alone, which sees again exactly what was written first.
    """

    last_against_first: float
    revisits: float
    known: float
    splat: float
    last_known: float
    last_splat: float


@dataclass(frozen=True, eq=False)
class Made:
    """A walk that a network has made.

    Attributes:
        frames: ``(N, H, W, 3)``; the first one is given.
        splat: ``(N, H, W, 3)`` what the walk's own memory shows in their places, grey where nothing is known.
        known: bool ``(N, H, W)`` where something is; nothing of the first frame.
    """

    frames: Tensor
    splat: Tensor
    known: Tensor


@dataclass(frozen=True, eq=False)
class HeldOutWalk:
    """A room and a way through it, one camera per video frame.

    Attributes:
        pictures, depth: ``(N, H, W, 3)``, 0..1, and ``(N, H, W)`` of the latent frames.
        latents: ``(N, C, h, w)`` of the pictures.
    """

    seed: int
    settings: Settings
    codec: LearnedCodec
    path: LatentPath
    pictures: Tensor
    depth: Tensor
    latents: Tensor

    @staticmethod
    def of(seed: int, settings: Settings, codec: LearnedCodec) -> "HeldOutWalk":
        (H, W), frames = settings.image_size, CHUNKS * (settings.frames - 1) * STRIDE + 1
        room, cameras = walk_in_a_room(seed, frames, settings.image_size)
        path = LatentPath.of(cameras, LATENTS, W, H)
        pictures, depth = room.seen(path.views, settings.image_size)
        latents = codec.scaled(rearrange(encoded(pictures), "t c h w -> 1 c t h w"))
        latents = rearrange(latents, "1 c t h w -> t c h w")
        return HeldOutWalk(seed, settings, codec, path, pictures, depth, latents)

    @property
    def chunk_frames(self) -> int:
        """Video frames that are made at once."""
        return (self.settings.frames - 1) * STRIDE + 1

    def memory(self, frames: int) -> LatentMemory:
        """Of the room's own first latent frames."""
        some = slice(0, frames)
        return remember(LatentMemory(LATENTS), self.latents[some], self.depth[some], self.path.views[some])

    @cached_property
    def anothers_memory(self) -> LatentMemory:
        """Of another room, all of it, brought to where this walk begins."""
        other = HeldOutWalk.of(self.seed + 1, self.settings, self.codec)
        here, there = (one.path.views.cam2world[0] for one in (self, other))
        turn = here @ there.inverse()
        return other.memory(len(other.latents)).transform(rotation=turn[:3, :3], translation=turn[:3, 3])

    @cached_property
    def _begun(self) -> list[tuple[Chunk, Readout]]:
        """The chunks, and what a memory of the room's own frames before them shows."""
        plan = plan_chunks(len(self.path.video), self.path.timing, self.chunk_frames)
        parts = [(chunk, self.memory(1 + chunk.begin // STRIDE)) for chunk in plan]
        return [(chunk, splat(memory, self.path.part(chunk.begin, chunk.stop))) for chunk, memory in parts]

    def one_chunk(self, network: Sampled, way: Way) -> OneChunk:
        """Make every chunk as if all before it were the room's own."""
        made, shown, truth, known = [], [], [], []
        for chunk, readout in self._begun:
            begin, part = chunk.begin // STRIDE, self.path.part(chunk.begin, chunk.stop)
            seen = self._seen(way, part, readout)
            latents = network.chunk(way, part, seen, self.latents[[begin]], self.seed * SEEDS + chunk.number)
            made.append(latents[1:])
            shown.append(readout.latents[1:])
            truth.append(self.pictures[begin + 1 : begin + len(part)])
            known.append(readout.known[1:])
        frames, splatted = (pictures_of(self.codec, torch.cat(one)) for one in (made, shown))
        truth, known = torch.cat(truth), _pixels(torch.cat(known))
        return OneChunk(
            known=_psnr(frames, truth, known),
            unknown=_psnr(frames, truth, ~known),
            splat=_psnr(splatted, truth, known),
        )

    def made(self, network: Sampled, way: Way, seed: int) -> Made:
        """Walk: chunk after chunk, each read from what the chunks before have written."""
        readouts = []

        def denoise(request: ChunkRequest) -> Tensor:
            readouts.append(request.readout)
            seen = self._seen(way, request.path, request.readout)
            return network.chunk(way, request.path, seen, request.first, seed * SEEDS + request.chunk.number)

        def exact(latents: Tensor, cameras: Cameras, readout: Readout) -> Estimate:
            begin = (len(readouts) - 1) * (self.settings.frames - 1)
            return Estimate(self.depth[begin : begin + len(cameras)])

        started = WalkState(self.latents[:1], self.memory(1))
        settings = WalkSettings(chunk_frames=self.chunk_frames, preceding=0, references=0)
        *_, last = walk(started, self.path, settings, denoise, exact)
        frames = pictures_of(self.codec, last.latents)
        known = torch.cat([torch.zeros(1, *self.path.grid, dtype=torch.bool), *(one.known[1:] for one in readouts)])
        shown = pictures_of(self.codec, torch.cat([one.latents[1:] for one in readouts]))
        shown, known = torch.cat([frames[:1], shown]), _pixels(known)
        shown[1:][~known[1:]] = GREY
        return Made(frames, shown, known)

    def closed_loop(self, made: Made) -> ClosedLoop:
        first, last = made.frames[:1], made.frames[-1:]
        found = loop_closure(made.frames, self.path.views, *REVISIT)
        end = slice(-1, None)
        return ClosedLoop(
            last_against_first=float(psnr(last, first, 1.0)),
            revisits=sum(one.psnr for one in found) / len(found) if found else math.nan,
            known=_psnr(made.frames, self.pictures, made.known),
            splat=_psnr(made.splat, self.pictures, made.known),
            last_known=_psnr(made.frames[end], self.pictures[end], made.known[end]),
            last_splat=_psnr(made.splat[end], self.pictures[end], made.known[end]),
        )

    def along_the_way(self, frames: Tensor) -> list[float]:
        """Decibels of each frame against the room as it is."""
        return [float(psnr(one, truth, 1.0)) for one, truth in zip(frames, self.pictures, strict=True)]

    def _seen(self, way: Way, path: LatentPath, readout: Readout) -> Readout:
        """What the network is shown, where its own memory shows ``readout``."""
        return splat(self.anothers_memory, path) if way.anothers else readout


def _pixels(tokens: Tensor) -> Tensor:
    """bool ``(T, h, w)`` to ``(T, H, W)``."""
    return tokens.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)


def _psnr(one: Tensor, other: Tensor, where: Tensor) -> float:
    """Decibels of pictures ``(T, H, W, 3)`` in the pixels ``(T, H, W)`` that count; NaN where none does."""
    return float(psnr(one[where], other[where], 1.0)) if bool(where.any()) else math.nan
