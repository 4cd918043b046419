"""Training samples: a walk through a room, remembered up to some frame, and the frames that come next.

A sample is what the branch sees at inference: the same lift, insert and splat, in the same order. The latents are those
of the patch codec with 16 px tokens, each channel brought to mean 0 and deviation 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import count

import torch
from einops import rearrange
from torch import Tensor

from ..mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, lift, splat
from ..mirage_core.codec import CHANNELS, PatchCodec
from .rooms import Room, make_room
from .walks import NoWayError, make_walk

PATCH, STRIDE = 16, 4
SPEC = LatentSpec(channels=CHANNELS, spatial=PATCH, temporal=STRIDE, name=PatchCodec(PATCH).name)
STATISTICS_ROOMS, STATISTICS_FRAMES = 32, 4
EARLY = 3.0  # how much likelier a sample begins with a walk's first frame than with its last one
HELD_OUT = 1_000_000  # seeds from here on are never trained on


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of every latent channel, ``(C,)``."""

    mean: Tensor
    deviation: Tensor

    def normalised(self, latents: Tensor) -> Tensor:
        """Raw latents ``(T, C, h, w)`` to mean 0 and deviation 1."""
        return (latents - self.mean.to(latents)[:, None, None]) / self.deviation.to(latents)[:, None, None]

    def raw(self, latents: Tensor) -> Tensor:
        """The other way."""
        return latents * self.deviation.to(latents)[:, None, None] + self.mean.to(latents)[:, None, None]

    @staticmethod
    def of_rooms(image_size: tuple[int, int]) -> "Statistics":
        latents = []
        for seed in range(STATISTICS_ROOMS):
            room, cameras = walk_in_a_room(seed, STATISTICS_FRAMES, image_size)
            pictures, _ = room.seen(cameras, image_size)
            latents.append(rearrange(encoded(pictures), "t c h w -> (t h w) c"))
        values = torch.cat(latents)
        return Statistics(values.mean(dim=0), values.std(dim=0).clamp(min=1e-3))


@dataclass(frozen=True)
class Settings:
    """What samples look like.

    Attributes:
        image_size: ``(H, W)`` pixels, multiples of 32: tokens of 16 pixels, two by two to a patch of the model.
        frames: latent frames of a sample; the first one is given.
        walk: latent frames of a whole walk.
        noise: largest deviation of the noise on remembered latents, in deviations of the channel.
        windows: samples that are cut from one walk at a time.
        dropout: smallest and largest share of remembered tokens that are forgotten.
        forgotten: share of the samples whose memory is empty.
        walks: how many different ones, kept in memory and cut again and again; None = always new ones.
    """

    image_size: tuple[int, int] = (192, 320)
    frames: int = 5
    walk: int = 17
    windows: int = 4
    noise: float = 0.15
    dropout: tuple[float, float] = (0.1, 0.25)
    forgotten: float = 0.08
    walks: int | None = None

    def __post_init__(self):
        if not 1 <= self.windows <= self.beginnings:
            raise ValueError(
                f"Settings: windows must be 1 to {self.beginnings}, the frames of a walk at which a sample can begin; "
                f"got {self.windows}."
            )

    @property
    def beginnings(self) -> int:
        """Frames of a walk at which a sample can begin."""
        return self.walk - self.frames + 1

    @property
    def tokens(self) -> tuple[int, int]:
        return self.image_size[0] // PATCH, self.image_size[1] // PATCH


@dataclass(frozen=True)
class Sample:
    """Frames to make, and what is known of them. A batch has one more leading axis.

    Attributes:
        latents: ``(T, C, h, w)`` normalised; frame 0 is given.
        splat: ``(T, C, h, w)`` the normalised splat, 0 where unknown.
        known: ``(T, 1, h, w)`` 1 or 0.
        placement: ``(T, 3, h, w)`` of the readout.
    """

    latents: Tensor
    splat: Tensor
    known: Tensor
    placement: Tensor

    def to(self, device: torch.device | str) -> "Sample":
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def without_memory(self) -> "Sample":
        return replace(self, **{name: 0.0 * getattr(self, name) for name in ("splat", "known", "placement")})

    @staticmethod
    def batch(samples: list["Sample"]) -> "Sample":
        return Sample(*(torch.stack([getattr(one, field.name) for one in samples]) for field in fields(Sample)))


def walk_in_a_room(
    seed: int, frames: int, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> tuple[Room, Cameras]:
    """A room, and a walk in it. A room that leaves no way is passed over for another one on its side of HELD_OUT."""
    side = seed // HELD_OUT * HELD_OUT
    for tries in count():
        room = make_room(seed).to(device)
        try:
            return room, make_walk(room, frames, image_size, seed)
        except NoWayError:
            seed = side + (seed - side + HELD_OUT // 2 + tries) % HELD_OUT


def encoded(pictures: Tensor) -> Tensor:
    """Raw latents ``(T, C, h, w)`` of pictures ``(T, H, W, 3)``, 0..1, one latent frame each."""
    video = rearrange(pictures * 2 - 1, "t h w c -> t c 1 h w")
    return PatchCodec(PATCH).to(video).encode(video)[:, :, 0]


def remember(memory: LatentMemory, latents: Tensor, depth: Tensor, cameras: Cameras) -> LatentMemory:
    """Write frames one after the other, as a walk does: what the memory explains is not written again."""
    for t in range(len(cameras)):
        view = cameras[[t]]
        memory = memory.insert(lift(latents[[t]], Geometry(depth[[t]], view)), policy="fill", cameras=view)
    return memory


@dataclass(frozen=True, eq=False)
class RecordedWalk:
    """A walk, and what is remembered along it.

    Attributes:
        latents: ``(T, C, h, w)``, raw.
        memories: one per frame, of all frames up to it.
    """

    cameras: Cameras
    latents: Tensor
    memories: tuple[LatentMemory, ...]

    @staticmethod
    def of(seed: int, settings: Settings, device: torch.device | str = "cpu") -> "RecordedWalk":
        room, cameras = walk_in_a_room(seed, settings.walk, settings.image_size, device)
        pictures, depth = (value.cpu() for value in room.seen(cameras, settings.image_size))
        latents = encoded(pictures)
        memory, memories = LatentMemory(SPEC), []
        for t in range(settings.beginnings):
            memory = remember(memory, latents[[t]], depth[[t]], cameras[[t]])
            memories.append(memory)
        return RecordedWalk(cameras, latents, tuple(memories))

    def samples(self, settings: Settings, statistics: Statistics, generator: torch.Generator) -> list[Sample]:
        """``settings.windows`` pieces; early ones are likelier, since more is new on the way out."""
        likely = torch.linspace(EARLY, 1.0, len(self.memories))
        samples = []
        for first in torch.multinomial(likely, settings.windows, generator=generator).sort().values.tolist():
            worn = worn_memory(self.memories[first], settings, statistics, generator)
            shown = slice(first, first + settings.frames)
            sample = sample_of(worn, self.cameras[shown], self.latents[shown], statistics)
            lost = float(torch.rand(1, generator=generator)) < settings.forgotten
            samples.append(sample.without_memory() if lost else sample)
        return samples


def walk_samples(
    seed: int, settings: Settings, statistics: Statistics, device: torch.device | str = "cpu"
) -> list[Sample]:
    """Samples from one walk; equal seeds give equal samples."""
    return RecordedWalk.of(seed, settings, device).samples(settings, statistics, _wear(seed, 0))


def sample_stream(
    settings: Settings, statistics: Statistics, device: torch.device | str, first: int = 0
) -> Iterator[Sample]:
    """Samples without end, in an order that the seeds of the walks fix, from the walk of number ``first`` on."""
    kept: dict[int, RecordedWalk] = {}
    for visit in count(first):
        again, seed = divmod(visit, settings.walks or HELD_OUT)
        walk = kept.get(seed) or RecordedWalk.of(seed, settings, device)
        if settings.walks is not None:
            kept[seed] = walk
        yield from walk.samples(settings, statistics, _wear(seed, again))


def _wear(seed: int, again: int) -> torch.Generator:
    """Where a walk is cut, and what its memory has lost, the first time and again."""
    return torch.Generator().manual_seed(seed + 1 + 2 * HELD_OUT * again)


def sample_of(memory: LatentMemory, cameras: Cameras, latents: Tensor, statistics: Statistics) -> Sample:
    """What a memory says of some views, beside their true raw latents ``(T, C, h, w)``."""
    readout = splat(memory, cameras, tuple(latents.shape[2:]))
    known = readout.known.unsqueeze(1)
    return Sample(
        latents=statistics.normalised(latents),
        splat=torch.where(known, statistics.normalised(readout.latents), 0.0),
        known=known.float(),
        placement=readout.placement,
    )


def worn_memory(
    memory: LatentMemory, settings: Settings, statistics: Statistics, generator: torch.Generator
) -> LatentMemory:
    """A memory with noise on its tokens and some of them gone, as one that was written from generated frames."""
    low, high = settings.dropout
    points = memory.as_one_block()
    gone = low + (high - low) * torch.rand(1, generator=generator)
    points = points[torch.rand(len(points), generator=generator) >= gone]
    deviation = settings.noise * torch.rand(1, generator=generator) * statistics.deviation
    noise = torch.randn(points.features.shape, generator=generator) * deviation
    return replace(memory, blocks=(replace(points, features=points.features + noise),))
