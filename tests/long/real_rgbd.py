"""Real RGB-D walks of tests/data, encoded by the patch codec, and what one frame's memory shows in another's view."""

import json
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, lift, splat
from mirage_core.codec import PatchCodec
from mirage_core.geometry import token_crop

DATA = Path(__file__).parent.parent / "data"
SAME_SURFACE = 0.05  # depths of one place from two views that differ by less are of one surface
WRONG_DEPTH = 0.1


@dataclass(frozen=True)
class Walk:
    """Three real frames, encoded and with their geometry on the encoded picture."""

    latents: torch.Tensor  # (3, 48, h, w)
    geometry: Geometry  # (3, H, W), H and W whole tokens
    spec: LatentSpec

    @property
    def size(self):
        return tuple(self.latents.shape[-2:])

    def lift(self, frame, **options):
        return lift(self.latents[[frame]], self.geometry[[frame]], **options)

    def memory_of(self, *frames, policy="append", **options):
        memory = LatentMemory(self.spec)
        for frame in frames:
            memory = memory.insert(self.lift(frame, **options), policy, self.geometry.cameras[[frame]])
        return memory


def read(name, patch):
    about = json.loads((DATA / name / "cameras.json").read_text())
    frames = about["frames"]

    def pixels(frame, kind):
        return torch.from_numpy(np.array(Image.open(DATA / name / frame[kind]), dtype=np.float32))

    pictures = torch.stack([pixels(frame, "image") for frame in frames]) / 127.5 - 1  # (3, H, W, 3)
    depth = torch.stack([pixels(frame, "depth") / frame["depth_scale"] for frame in frames])  # (3, H, W) metres
    K = torch.tensor([frame["K"] for frame in frames])
    K[:, :2, 2] += 0.5  # pixel centres on whole numbers
    cameras = Cameras.from_pixels(torch.tensor([frame["cam2world"] for frame in frames]), K, tuple(depth.shape[1:]))
    H, W = about["height"], about["width"]
    rows, columns = token_crop((H, W), patch)
    codec = PatchCodec(patch)
    latents = codec.encode(pictures[:, rows, columns].permute(0, 3, 1, 2).unsqueeze(2)).squeeze(2)
    geometry = Geometry(depth, cameras).cropped_to_tokens((H // patch, W // patch), patch)
    return Walk(latents, geometry, LatentSpec(48, patch, 4, codec.name))


def truly_seen(walk, source, target):
    """Tokens of the target frame whose place the source frame saw too, by both sensors: bool ``(h, w)``.

    Their depths are pooled by the median; a token's centre goes from the target into the source by plain geometry.
    """
    h, w = walk.size
    depth, _ = walk.geometry.pooled(walk.size)  # (3, h, w)
    cameras = walk.geometry.cameras
    places = torch.stack(
        torch.meshgrid((torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h, indexing="xy"), dim=-1
    )
    K_target, K_source = cameras.K[target], cameras.K[source]
    rays = (places - K_target[:2, 2]) / K_target.diagonal()[:2]  # (h, w, 2)
    points = torch.cat([rays, torch.ones(h, w, 1)], dim=-1) * depth[target, :, :, None]
    to_source = torch.linalg.inv(cameras.cam2world[source]) @ cameras.cam2world[target]
    points = points @ to_source[:3, :3].T + to_source[:3, 3]  # (h, w, 3) source camera
    z = points[..., 2]
    xy = points[..., :2] / z[..., None] * K_source.diagonal()[:2] + K_source[:2, 2]
    column, row = (xy[..., 0] * w).floor(), (xy[..., 1] * h).floor()
    inside = (depth[target] > 0) & (z > 0) & (column >= 0) & (column < w) & (row >= 0) & (row < h)
    column, row = (torch.where(inside, x, 0.0).long() for x in (column, row))
    there = depth[source][row, column]
    return inside & (there > 0) & ((there - z).abs() < SAME_SURFACE * z)


@dataclass
class Score:
    """Sums over the tokens that two frames truly share."""

    shared: int = 0
    filled: int = 0
    squared: float = 0.0  # of latent differences, exposures matched
    absolute: float = 0.0
    wrong_depth: int = 0

    def __iter__(self):
        """Share of the truly seen tokens that are filled; over these: mean squared and absolute latent error, and
        share with a wrong depth."""
        values = 48 * self.filled
        return iter(
            (self.filled / self.shared, self.squared / values, self.absolute / values, self.wrong_depth / self.filled)
        )


def score(walk, footprint=False, **lifting):
    """Every frame, lifted alone, read out in the view of every other and compared with that frame's own latents.

    Only tokens that both sensors truly saw count. The frames' exposures differ, so each channel's mean difference over
    the compared tokens is taken out.
    """
    depth, _ = walk.geometry.pooled(walk.size)
    total = Score()
    for source, target in permutations(range(len(walk.latents)), 2):
        seen = truly_seen(walk, source, target)
        readout = splat(walk.memory_of(source, **lifting), walk.geometry.cameras[[target]], walk.size, footprint)
        filled = readout.known[0] & seen
        difference = (readout.latents[0] - walk.latents[target])[:, filled]  # (48, M)
        difference = difference - difference.mean(dim=1, keepdim=True)
        total.shared += int(seen.sum())
        total.filled += int(filled.sum())
        total.squared += float(difference.square().sum())
        total.absolute += float(difference.abs().sum())
        own = depth[target][filled]
        total.wrong_depth += int(((readout.depth[0][filled] - own).abs() > WRONG_DEPTH * own).sum())
    return total
