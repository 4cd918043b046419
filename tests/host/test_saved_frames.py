"""Video frames of saved latents, by what their VAE is: each range as the walk has decoded it."""

from bisect import bisect
from dataclasses import dataclass

import pytest
import torch
from remembered import Pack
from tiny_vaes import latents_of, tiny_vae

WAN = ("wan21", "wan22")  # which look back over more latent frames than these walks have
NAMES = (*WAN, "h3", "ltx", "mochi", "pictures")
RANGES = ((0, 0), (6, 9), (12, 19), (21, 21), (27, -1), (-1, -1))


@dataclass
class Chunk:
    """Latents of a chunk from a latent frame on; which of them are read is noted."""

    latents: torch.Tensor
    start: int
    read: list

    @property
    def shape(self):
        return self.latents.shape

    def __len__(self):
        return len(self.latents)

    def __getitem__(self, rows):
        self.read += range(self.start, self.start + len(self))[rows]
        return self.latents[rows]


@pytest.fixture(scope="module")
def pack(comfy):
    return Pack(comfy)


@pytest.mark.parametrize("name", NAMES)
def test_each_range_is_what_the_walk_has_shown(pack, name):
    saved, vae = pack.module("nodes.host.walk.saved_frames"), tiny_vae(name)
    timing = pack.module("nodes.host.formats").spec_of(vae).timing
    new_decoder = pack.module("nodes.host.decoding").streamed_decoder
    borders = (12, 22, 27, 32, 37) if timing.clip else (9, 13, 21, 26, 31)
    latents, walking = latents_of(vae, borders[-1]), new_decoder(vae, timing)
    chunks = list(zip((0, *borders), borders, strict=False))
    whole = torch.cat([walking.decode(latents[a:b], last=b == borders[-1]).frames for a, b in chunks])
    there = timing.frames_of(len(latents))
    assert len(whole) == there and whole.std() > 0.05
    for first, last in RANGES:
        first, last = (there - 1 if frame == -1 else frame for frame in (first, last))
        read = []
        frames = pack.module("mirage_core.latent_frames").LatentFrames(
            tuple(Chunk(latents[a:b], a, read) for a, b in chunks)
        )
        found = saved.decoded_span(new_decoder(vae, timing), frames, borders, saved.Span(first, last, there))
        assert torch.equal(found, whole[first : last + 1]), (first, last)
        chunk = bisect(borders, timing.latent_of(last))
        assert max(read) < borders[min(chunk + 1, len(borders) - 1)]  # a chunk behind it, at most
        assert first < there - 1 or name in WAN or min(read) > 4
