"""A room with exact depth, painted with latents, and a scripted denoiser that walks in it."""

from dataclasses import dataclass, field
from itertools import pairwise

import torch

from mirage_core import Cameras, Geometry, LatentMemory, LatentPath, LatentSpec, lift
from mirage_core.update import Estimate
from mirage_core.walk import WalkSettings, WalkState

SPATIAL, SIZE = 4, (9, 15)  # pixels per token, tokens
H, W = SIZE[0] * SPATIAL, SIZE[1] * SPATIAL
SPEC = LatentSpec(channels=8, spatial=SPATIAL, temporal=4)
LOW, HIGH = torch.tensor([-3.0, -1.5, -3.0]), torch.tensor([3.0, 1.5, 3.0])  # of the room
K = torch.tensor([[0.7, 0.0, 0.5], [0.0, 0.7 * W / H, 0.5], [0.0, 0.0, 1.0]])
SETTINGS = WalkSettings(chunk_frames=17, voxel=0.3)


def turning(degrees):
    """Cameras in the middle of the room, by their heading, one per video frame."""
    angle = torch.deg2rad(torch.as_tensor(degrees, dtype=torch.float32))
    cam2world = torch.eye(4).repeat(len(angle), 1, 1)
    cam2world[:, 0, 0] = cam2world[:, 2, 2] = angle.cos()
    cam2world[:, 0, 2], cam2world[:, 2, 0] = angle.sin(), -angle.sin()
    return Cameras(cam2world, K)


def ramp(*headings, frames=17):
    """From heading to heading, ``frames`` - 1 steps each."""
    parts = [torch.linspace(a, b, frames)[1:] for a, b in pairwise(headings)]
    return turning(torch.cat([torch.tensor([float(headings[0])]), *parts]))


def hit(cameras, size):
    """Where the ray through every cell meets the room: depth ``(T, h, w)`` and place ``(T, h, w, 3)``."""
    h, w = size
    x, y = torch.meshgrid((torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h, indexing="xy")
    rays = torch.stack([(x - 0.5) / K[0, 0], (y - 0.5) / K[1, 1], torch.ones_like(x)], dim=-1)  # depth 1
    rays = torch.einsum("tij,hwj->thwi", cameras.cam2world[:, :3, :3], rays)
    origin = cameras.centers[:, None, None]
    depth = reach(origin, rays)
    return depth, origin + rays * depth[..., None]


def reach(origin, rays):
    """How many of their own lengths rays ``(..., 3)`` go until they meet the room."""
    distances = torch.where(rays > 0, (HIGH - origin) / rays, (LOW - origin) / rays)
    return torch.where(rays == 0, torch.inf, distances).amin(dim=-1)


def paint(places, shift=0.0):
    """The room's latents ``(T, C, h, w)``: waves over its walls."""
    frequency = torch.tensor([0.7, 1.1, 0.9])
    phase = torch.arange(SPEC.channels) * 0.8 + shift
    return torch.sin((places * frequency).sum(dim=-1)[:, None] + phase[:, None, None])


def truth(cameras):
    return paint(hit(cameras, SIZE)[1])


def exact_depth(latents, cameras, readout):
    return Estimate(hit(cameras, (H, W))[0])


@dataclass
class Denoiser:
    """Shows what the memory knows, and for the rest the room, or what it invents anew in every chunk."""

    invents: bool = False
    remembers: bool = True
    requests: list = field(default_factory=list)

    def __call__(self, request):
        self.requests.append(request)
        fresh = truth(request.path.views)
        if self.invents:
            fresh = paint(hit(request.path.views, SIZE)[1], shift=2.0 * request.chunk.number)
        known = request.readout.known[:, None] & self.remembers
        made = torch.where(known, request.readout.latents, fresh)
        return torch.cat([request.first, made[len(request.first) :]])


def on_grid(cameras):
    """A path of one camera per video frame."""
    return LatentPath.of(cameras, SPEC, W, H)


def begin(cameras):
    """The first view, remembered."""
    first = cameras[[0]]
    memory = LatentMemory(SPEC).insert(lift(truth(first), Geometry(hit(first, (H, W))[0], first)), cameras=first)
    return WalkState(truth(first), memory)


def last(states):
    *_, state = states
    return state
