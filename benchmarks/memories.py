"""Two memories of one walk, to be conditioned on: latent tokens, and an RGB point cloud that is rendered and encoded.

The RGB memory is done well: it lifts every pixel of the same frames once, keeps 15 bytes a point (float32 position,
8-bit colour), is splatted at full resolution with the fastest splat of this pack, and encoded in one call.
"""

import sys
from dataclasses import dataclass, field

import torch
from common import CHANNELS, ROOM, TOKEN, Asked, cameras_at
from torch import Tensor

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, PointBlock, lift, splat

CHUNK, STRIDE = 33, 4  # video frames made at once, video frames per latent frame
RGB_POINT_BYTES = 15
WAN22_VAE = {"dim": 160, "z_dim": CHANNELS, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2}
TEMPORAL = [False, True, True]


def loop_path(chunks: int, size: tuple[int, int]) -> Cameras:
    """One camera per video frame of ``chunks`` chunks: two chunks into the room, two back, and so on, swaying."""
    frames = torch.arange(chunks * (CHUNK - 1) + 1) / (2 * (CHUNK - 1))  # in trips
    way = 1.0 - (frames % 2.0 - 1.0).abs()
    centers = torch.zeros(len(frames), 3)
    centers[:, 2] = 4.0 * way
    return cameras_at(centers, torch.deg2rad(20.0 * torch.sin(2 * torch.pi * way)), size)


@dataclass
class Footage:
    """What both memories are given of a walk through the room: exact depth, and pictures and latents of noise.

    Attributes:
        picture: ``(H, W)`` pixels.
    """

    picture: tuple[int, int]
    device: str

    @property
    def tokens(self) -> tuple[int, int]:
        return self.picture[0] // TOKEN, self.picture[1] // TOKEN

    def geometry(self, cameras: Cameras) -> Geometry:
        return Geometry(ROOM.depth(cameras, self.picture), cameras)

    def latents(self, count: int) -> Tensor:
        return torch.randn(count, CHANNELS, *self.tokens, dtype=torch.float16)


@dataclass
class LatentSide:
    """The latent memory: lift, fill, splat into the tokens of the next chunk."""

    footage: Footage
    memory: LatentMemory = field(init=False)

    def __post_init__(self):
        self.memory = LatentMemory(LatentSpec(CHANNELS, TOKEN, STRIDE), store="float16")

    def inserted(self, geometry: Geometry, latents: Tensor) -> LatentMemory:
        block = lift(latents, geometry).to(self.footage.device)
        return self.memory.insert(block, "fill", geometry.cameras)

    def condition(self, memory: LatentMemory, path: Cameras) -> Tensor:
        return splat(memory, path[::STRIDE], self.footage.tokens).latents

    @property
    def nbytes(self) -> int:
        return self.memory.nbytes


@dataclass
class RgbSide:
    """The RGB memory: lift every pixel, splat pixels into every frame of the next chunk, encode."""

    footage: Footage
    vae: torch.nn.Module
    memory: LatentMemory = field(init=False)

    def __post_init__(self):
        self.memory = LatentMemory(LatentSpec(3, 1, 1))

    def inserted(self, geometry: Geometry) -> LatentMemory:
        colours = torch.zeros(len(geometry), 3, *self.footage.picture, dtype=torch.float16)
        block = lift(colours, geometry).to(self.footage.device)
        return self.memory.insert(PointBlock(block.xyz, block.features, block.footprint), "append")

    def condition(self, memory: LatentMemory, path: Cameras) -> Tensor:
        frames = splat(memory, path, self.footage.picture, footprint=False).latents  # (F, 3, H, W)
        video = frames.permute(1, 0, 2, 3).unsqueeze(0).to(next(self.vae.parameters()).dtype)
        return self.vae.encode(video)

    @property
    def nbytes(self) -> int:
        return self.memory.num_points * RGB_POINT_BYTES


def host(asked: Asked):
    """Make ComfyUI's packages importable, on the device asked for."""
    from setup_host import host_dir

    sys.path.insert(0, str(host_dir()))
    import comfy.cli_args

    comfy.cli_args.args.cpu = not asked.on_gpu


def wan22_vae(asked: Asked) -> torch.nn.Module:
    """The Wan 2.2 VAE's own architecture with random weights; ``quick`` a fifth as wide."""
    host(asked)
    from comfy.ldm.wan.vae2_2 import WanVAE

    size = WAN22_VAE | ({"dim": 32, "dec_dim": 32} if asked.quick else {})
    torch.manual_seed(0)
    vae = WanVAE(**size, temperal_downsample=TEMPORAL)
    return vae.eval().requires_grad_(False).to(asked.device, torch.bfloat16 if asked.on_gpu else torch.float32)
