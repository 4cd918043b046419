"""Training samples: a walk through a room, remembered up to some frame, and the frames that come next.

A sample is what the branch sees at inference: the same lift, insert and splat, in the same order. The latents are those
of the patch codec with 16 px tokens, each channel brought to mean 0 and deviation 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import torch
from einops import rearrange
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ..mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, lift, splat
from ..mirage_core.codec import CHANNELS, PatchCodec
from .rooms import Room, make_room
from .walks import NoWayError, make_walk

PATCH, STRIDE = 16, 4
SPEC = LatentSpec(channels=CHANNELS, spatial=PATCH, temporal=STRIDE, name=PatchCodec(PATCH).name)
STATISTICS_ROOMS, STATISTICS_FRAMES = 12, 4
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
            _, _, _, some = remembered_walk(seed, STATISTICS_FRAMES, image_size)
            latents.append(rearrange(some, "t c h w -> (t h w) c"))
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
        windows: samples that are cut from one walk.
        dropout: smallest and largest share of remembered tokens that are forgotten.
    """

    image_size: tuple[int, int] = (192, 320)
    frames: int = 5
    walk: int = 17
    windows: int = 4
    noise: float = 0.15
    dropout: tuple[float, float] = (0.1, 0.25)

    @property
    def tokens(self) -> tuple[int, int]:
        return self.image_size[0] // PATCH, self.image_size[1] // PATCH


@dataclass(frozen=True)
class Sample:
    """Frames to make, and what is known of them. A batch has one more leading axis.

    Attributes:
        latents: ``(T, C, h, w)`` normalised; frame 0 is given.
        scene: ``(T, C, h, w)`` the normalised splat, 0 where unknown.
        known: ``(T, 1, h, w)`` 1 or 0.
        placement: ``(T, 3, h, w)`` of the readout.
    """

    latents: Tensor
    scene: Tensor
    known: Tensor
    placement: Tensor

    def to(self, device: torch.device | str) -> "Sample":
        return replace(self, **{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    @staticmethod
    def batch(samples: list["Sample"]) -> "Sample":
        return Sample(*(torch.stack([getattr(one, field.name) for one in samples]) for field in fields(Sample)))


def remembered_walk(
    seed: int, frames: int, image_size: tuple[int, int], device: torch.device | str = "cpu", every: int = 1
) -> tuple[Room, Cameras, Tensor, Tensor]:
    """A room, a walk in it, z-depth ``(T, H, W)`` and raw latents ``(T, C, h, w)``.

    Depth and latents are those of every ``every``-th camera. A room that leaves no way is passed over for another one.
    """
    while True:
        room = make_room(seed).to(device)
        try:
            cameras = make_walk(room, frames, image_size, seed)
            break
        except NoWayError:
            seed += HELD_OUT // 2  # stays on its side of HELD_OUT for the seeds that are used
    pictures, depth = room.seen(cameras[::every], image_size)
    return room, cameras, depth.cpu(), encoded(pictures).cpu()


def encoded(pictures: Tensor) -> Tensor:
    """Raw latents ``(T, C, h, w)`` of pictures ``(T, H, W, 3)``, 0..1, one latent frame each."""
    video = rearrange(pictures * 2 - 1, "t h w c -> t c 1 h w")
    return PatchCodec(PATCH).to(video).encode(video)[:, :, 0]


def decoded(latents: Tensor) -> Tensor:
    """Pictures ``(T, H, W, 3)``, 0..1, of raw latents ``(T, C, h, w)``."""
    video = PatchCodec(PATCH).to(latents).decode(latents.unsqueeze(2))[:, :, 0]
    return rearrange(video, "t c h w -> t h w c").clamp(-1, 1) * 0.5 + 0.5


def remember(memory: LatentMemory, latents: Tensor, depth: Tensor, cameras: Cameras) -> LatentMemory:
    """Write frames one after the other, as a walk does: what the memory explains is not written again."""
    for t in range(len(cameras)):
        view = cameras[[t]]
        memory = memory.insert(lift(latents[[t]], Geometry(depth[[t]], view)), policy="fill", cameras=view)
    return memory


def walk_samples(
    seed: int, settings: Settings, statistics: Statistics, device: torch.device | str = "cpu"
) -> list[Sample]:
    """Samples from one walk, at ``settings.windows`` places on it; equal seeds give equal samples."""
    _, cameras, depth, latents = remembered_walk(seed, settings.walk, settings.image_size, device)
    generator = torch.Generator().manual_seed(seed + 1)
    places = torch.randperm(settings.walk - settings.frames + 1, generator=generator)[: settings.windows].sort().values
    memory, written, samples = LatentMemory(SPEC), 0, []
    for first in places.tolist():
        new = slice(written, first + 1)
        memory, written = remember(memory, latents[new], depth[new], cameras[new]), first + 1
        worn = worn_memory(memory, settings, statistics, generator)
        shown = slice(first, first + settings.frames)
        samples.append(sample_of(worn, cameras[shown], latents[shown], statistics))
    return samples


class SampleStream(IterableDataset):
    """Samples without end, in an order that a seed fixes, from walk number ``first`` on; workers share the walks."""

    def __init__(self, settings: Settings, statistics: Statistics, device: torch.device | str, first: int = 0):
        self.settings, self.statistics, self.device, self.first = settings, statistics, device, first

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        number, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for seed in range(self.first + number, HELD_OUT, step):
            yield from walk_samples(seed, self.settings, self.statistics, self.device)


def sample_of(memory: LatentMemory, cameras: Cameras, latents: Tensor, statistics: Statistics) -> Sample:
    """What a memory says of some views, beside their true raw latents ``(T, C, h, w)``."""
    readout = splat(memory, cameras, tuple(latents.shape[2:]))
    known = readout.known.unsqueeze(1)
    return Sample(
        latents=statistics.normalised(latents),
        scene=torch.where(known, statistics.normalised(readout.latents), 0.0),
        known=known.float(),
        placement=readout.placement,
    )


def worn_memory(
    memory: LatentMemory, settings: Settings, statistics: Statistics, generator: torch.Generator
) -> LatentMemory:
    """A memory with noise on its tokens and some of them gone, as one that was written from generated frames."""
    low, high = settings.dropout
    points = memory.points
    gone = low + (high - low) * torch.rand(1, generator=generator)
    points = points[torch.rand(len(points), generator=generator) >= gone]
    deviation = settings.noise * torch.rand(1, generator=generator) * statistics.deviation
    noise = torch.randn(points.features.shape, generator=generator) * deviation
    return replace(memory, blocks=(replace(points, features=points.features + noise),))
