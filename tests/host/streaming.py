"""Latents handed to a decoder chunk after chunk."""

import torch


class Before:
    """Latent frames of another run, and which of them were read."""

    def __init__(self, latents):
        self.latents, self.read = latents, set()

    def __len__(self):
        return len(self.latents)

    def __getitem__(self, part):
        self.read |= set(range(*part.indices(len(self))))
        return self.latents[part]


def streamed(decoder, latents, sizes):
    """The video frames of every chunk; counts are checked on the way."""
    made, start = [], 0
    for size in sizes:
        end = start + size
        done = decoder.decode(latents[start:end], last=end == len(latents))
        made.append(done.frames)
        known, held = decoder.timing.frames_of(end), end - decoder.held_back * (end < len(latents))
        assert sum(map(len, made)) == (decoder.timing.frames_of(held) if held > 0 else 0)
        assert sum(map(len, made)) + len(done.tail) == known
        start = end
    assert start == len(latents) and len(done.tail) == 0
    return made


def streamed_on(decoder, latents, sizes):
    """The video frames of all chunks, by a decoder that has taken up the ones before."""
    parts = latents.split(list(sizes))
    return torch.cat([decoder.decode(part, last=part is parts[-1]).frames for part in parts])
