"""Videos of walks for the tests: made by the pack, read as ComfyUI and other programs read them."""

from functools import cached_property

import av
import torch
from remembered import Pack
from torch.nn.functional import interpolate

SIZE = (48, 80)
CHUNKS = (9, 1, 8)  # video frames of the parts


class Videos(Pack):
    """The pack's video files, and ComfyUI's own class for them."""

    @cached_property
    def error(self):
        return self.core.MirageError

    @cached_property
    def growing(self):
        return self.module("nodes.host.growing_video")

    @cached_property
    def file(self):
        return self.module("nodes.host.video_file")

    def encoding(self, crf=10, fps=24.0):
        return self.module("nodes.host.video_encoding").Encoding(fps, crf)

    def begun(self, path, encoding=None, size=SIZE, source=None, frames=0):
        return self.growing.GrowingVideo.begun(path, encoding or self.encoding(), size, source, frames)

    def grown(self, path, frames, chunks=CHUNKS, **encoding):
        """A video of so many chunks, still growing."""
        made = self.begun(path, self.encoding(**encoding), tuple(frames.shape[1:3]))
        for part in frames.split(list(chunks)):
            made.append(part)
        return made

    def usable(self, path, encoding=None, size=SIZE):
        return self.growing.usable_frames(path, encoding or self.encoding(), size)

    def loaded(self, path):
        from comfy_api.latest import InputImpl

        return InputImpl.VideoFromFile(str(path))


def pictures(frames, seed=0, size=SIZE):
    """Smooth pictures (F, H, W, 3), 0.1..0.9, each unlike the others."""
    coarse = torch.rand(frames, 3, 3, 4, generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, size, mode="bilinear").permute(0, 2, 3, 1) * 0.8 + 0.1


def packets(path):
    """What the video frames are encoded as."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def assert_shows(images, expected, most=1.5):
    """The same video frames in the same order, up to the encoding: ``most`` of 255 on average of each."""
    assert images.shape == expected.shape
    error = (images - expected).abs().mean((1, 2, 3)) * 255
    assert error.max() < most, error


def sound(seconds, rate=44100, channels=2, pitch=440.0):
    """An AUDIO of one tone."""
    wave = 0.5 * torch.sin(2 * torch.pi * pitch * torch.arange(round(seconds * rate)) / rate)
    return {"waveform": wave.expand(1, channels, -1), "sample_rate": rate}
