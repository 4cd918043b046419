"""Rooms and corridors made of boxes, and a ray caster that sees them: colour and exact z-depth, on any device.

Lengths are metres. The world has OpenCV axes: x right, y down, z ahead; the floor lies at y = 0, the ceiling above it
at negative y. Everything is drawn from one torch generator, so that a seed is a room.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..mirage_core import Cameras

PLAIN, STRIPES, CHECKS, PLANKS = range(4)
FACES = 6  # x low, x high, y low, y high, z low, z high
PLAIN_FACES = 0.5  # share of faces that are plain, whatever pattern was drawn
DECALS = 2  # rectangles that a face can carry: doors, windows, pictures
GRAIN = 0.02  # how much a surface varies from place to place
AMBIENT = 0.45  # light that comes from everywhere
FADE = 6.0  # metres at which a lamp has half its strength
DOOR = (0.9, 2.0)  # metres, width and height
WALL = 0.12  # metres, thickness of an inner wall


@dataclass
class Room:
    """A hollow box, and solid boxes in it.

    Attributes:
        low, high: ``(B, 3)`` corners; box 0 is the hollow one.
        colour, second: ``(B, 6, 3)`` of every face, 0..1.
        pattern: int64 ``(B, 6)``, one of PLAIN, STRIPES, CHECKS, PLANKS.
        period: ``(B, 6, 2)`` metres.
        decal: ``(B, 6, DECALS, 4)`` rectangles on a face, metres from its low corner: left, top, right, bottom; empty
            where right is not above left.
        decal_colour: ``(B, 6, DECALS, 3)``.
        lamps: ``(L, 3)`` places.
    """

    low: Tensor
    high: Tensor
    colour: Tensor
    second: Tensor
    pattern: Tensor
    period: Tensor
    decal: Tensor
    decal_colour: Tensor
    lamps: Tensor

    def to(self, device: torch.device | str) -> "Room":
        return Room(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def clearance(self, places: Tensor) -> Tensor:
        """Metres from places ``(N, 3)`` to the nearest wall or thing; negative inside of one."""
        hollow = torch.minimum(places - self.low[0], self.high[0] - places).amin(dim=1)
        outside = torch.maximum(self.low[1:] - places[:, None], places[:, None] - self.high[1:])  # (N, B - 1, 3)
        solid = outside.clamp(min=0).norm(dim=2) + outside.amax(dim=2).clamp(max=0)
        return torch.minimum(hollow, solid.amin(dim=1)) if len(self.low) > 1 else hollow

    def seen(self, cameras: Cameras, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Pictures ``(T, H, W, 3)``, 0..1, and z-depth ``(T, H, W)``, from cameras in the free space of the room."""
        at_once = len(cameras) if self.low.is_cuda else 1  # a CPU's cache holds one frame's tensors
        parts = [self._seen(cameras[slice(t, t + at_once)], size) for t in range(0, len(cameras), at_once)]
        return torch.cat([pictures for pictures, _ in parts]), torch.cat([depth for _, depth in parts])

    def _seen(self, cameras: Cameras, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        H, W = size
        device = self.low.device
        cameras = cameras.to(device)
        column, row = torch.meshgrid(
            (torch.arange(W, device=device) + 0.5) / W, (torch.arange(H, device=device) + 0.5) / H, indexing="xy"
        )
        K = cameras.K[:, :, :, None, None]  # (T, 3, 3, 1, 1)
        rays = torch.stack(
            [
                (column - K[:, 0, 2]) / K[:, 0, 0],
                (row - K[:, 1, 2]) / K[:, 1, 1],
                torch.ones(len(cameras), H, W, device=device),
            ],
            dim=-1,
        )  # (T, H, W, 3) at depth 1
        rays = torch.einsum("tij,thwj->thwi", cameras.cam2world[:, :3, :3], rays)
        return self.along(cameras.centers[:, None, None], rays)

    def along(self, origin: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
        """Colours ``(..., 3)``, 0..1, of what rays ``(..., 3)`` from free space meet, and ``(...)`` how many of their
        own lengths they go until then."""
        origin = origin.expand_as(rays)
        lengths, box, face = self._hit(origin, rays)
        return self._shade(origin + rays * lengths[..., None], box, face), lengths

    def _hit(self, origin: Tensor, rays: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Depth, box and face ``(...)`` that rays ``(..., 3)`` meet first."""
        safe = torch.where(rays.abs() < 1e-9, 1e-9, rays)[..., None, :]
        to_low, to_high = (self.low - origin[..., None, :]) / safe, (self.high - origin[..., None, :]) / safe
        near, near_axis = torch.minimum(to_low, to_high).max(dim=-1)  # (..., B)
        far, far_axis = torch.maximum(to_low, to_high).min(dim=-1)
        meets = (near < far) & (near > 1e-4)
        distance = torch.where(meets, near, torch.inf)
        distance[..., 0] = far[..., 0]  # the hollow box is seen from inside
        axis = torch.cat([far_axis[..., :1], near_axis[..., 1:]], dim=-1)
        depth, box = distance.min(dim=-1)
        axis = axis.gather(-1, box[..., None])[..., 0]
        forward = rays.gather(-1, axis[..., None])[..., 0] > 0
        high = torch.where(box == 0, forward, ~forward)  # a ray leaves the hollow box through its far side
        return depth, box, 2 * axis + high

    def _shade(self, places: Tensor, box: Tensor, face: Tensor) -> Tensor:
        """Colours ``(..., 3)`` of places on faces."""
        axis = face // 2
        local = places - self.low[box]
        first = torch.where(axis == 0, 2, 0)  # horizontal axis of a face; of floors x
        second = torch.where(axis == 1, 2, 1)
        u, v = (local.gather(-1, one[..., None])[..., 0] for one in (first, second))
        colour = self._pattern(box, face, u, v)
        for n in range(DECALS):
            left, top, right, bottom = self.decal[box, face, n].unbind(-1)
            inside = (u > left) & (u < right) & (v > top) & (v < bottom)
            colour = torch.where(inside[..., None], self.decal_colour[box, face, n], colour)
        normal = torch.nn.functional.one_hot(axis, 3) * torch.where(face % 2 == 1, 1.0, -1.0)[..., None]
        normal = torch.where((box == 0)[..., None], -normal, normal)
        light = torch.full_like(u, AMBIENT)
        for lamp in self.lamps:
            way = lamp - places
            distance = way.norm(dim=-1).clamp(min=1e-3)
            slant = ((way * normal).sum(dim=-1) / distance).clamp(min=0)
            light = light + (1 - AMBIENT) * slant / (1 + (distance / FADE) ** 2) / len(self.lamps) * 1.6
        grain = 1 + GRAIN * torch.sin(7.3 * u + 3.1 * box) * torch.sin(5.9 * v + 1.7 * face)
        return (colour * (light * grain)[..., None]).clamp(0, 1)

    def _pattern(self, box: Tensor, face: Tensor, u: Tensor, v: Tensor) -> Tensor:
        kind, period = self.pattern[box, face], self.period[box, face]
        across, along = torch.floor(u / period[..., 0]), torch.floor(v / period[..., 1])
        joint = torch.floor(v / period[..., 1] + 0.5 * across)  # planks are laid in a bond
        odd = torch.where(kind == STRIPES, across, torch.where(kind == CHECKS, across + along, across + joint)) % 2
        return torch.where(((odd == 1) & (kind != PLAIN))[..., None], self.second[box, face], self.colour[box, face])


class _Draw:
    """Numbers from one generator."""

    def __init__(self, seed: int):
        self.generator = torch.Generator().manual_seed(seed)

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator)

    def one(self, low: float, high: float) -> float:
        return float(self.between(low, high, 1))

    def whole(self, low: int, high: int) -> int:
        """``low .. high``, both included."""
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))


def make_room(seed: int) -> Room:
    """A room or a corridor: walls with doors, windows and pictures, pillars, furniture-like boxes, one or two lamps."""
    draw = _Draw(seed)
    long = draw.one(0, 1) < 0.35
    width, length = (draw.one(2.4, 3.4), draw.one(8, 14)) if long else (draw.one(4, 7), draw.one(4.5, 8))
    height = draw.one(2.4, 3.2)
    boxes = [[(-width / 2, -height, 0.0), (width / 2, 0.0, length)]]
    boxes += _crosswalls(draw, width, length, height) if long else _furniture(draw, width, length)
    low, high = (torch.tensor([box[end] for box in boxes]) for end in (0, 1))
    count = len(boxes)
    colour = (draw.between(0.35, 0.9, count, 1, 1) + draw.between(-0.15, 0.15, count, FACES, 3)).clamp(0.05, 0.98)
    things = draw.between(0.2, 0.75, count - 1, 1, 1) + draw.between(-0.2, 0.2, count - 1, 1, 3)
    colour[1:] = (things + draw.between(-0.05, 0.05, count - 1, FACES, 3)).clamp(0, 1)
    colour[0, 3] = torch.tensor([0.5, 0.35, 0.22]) + draw.between(-0.12, 0.12, 3)  # the floor
    second = (colour * draw.between(0.7, 0.92, count, FACES, 1)).clamp(0, 1)
    pattern = torch.randint(0, 3, (count, FACES), generator=draw.generator)
    pattern[draw.between(0, 1, count, FACES) < PLAIN_FACES] = PLAIN
    pattern[0, 2], pattern[0, 3] = PLAIN, PLANKS  # ceiling and floor
    period = draw.between(0.35, 1.1, count, FACES, 2)
    period[0, 3] = torch.tensor([draw.one(0.12, 0.25), draw.one(0.9, 1.6)])
    decal = torch.zeros(count, FACES, DECALS, 4)
    decal_colour = draw.between(0.2, 0.85, count, FACES, DECALS, 1) + draw.between(-0.15, 0.15, count, FACES, DECALS, 3)
    for face in (0, 1, 4, 5):
        wide = length if face < 2 else width
        for n in range(draw.whole(0, DECALS)):
            decal[0, face, n], tint = _opening(draw, wide, height)
            if tint is not None:
                decal_colour[0, face, n] = tint
    lamps = torch.stack(
        [torch.tensor([draw.one(-0.3, 0.3) * width, -height + 0.3, draw.one(0.2, 0.8) * length])]
        + ([torch.tensor([0.0, -height + 0.3, 0.5 * length])] if long else [])
    )
    return Room(low, high, colour, second, pattern, period, decal, decal_colour, lamps)


def _opening(draw: _Draw, wide: float, height: float) -> tuple[Tensor, Tensor | None]:
    """A door, a window or a picture on a wall: a rectangle, and its colour if it has one of its own."""
    left = draw.one(0.1, max(0.2, wide - 1.5))
    kind = draw.whole(0, 2)
    if kind == 0:  # a door stands on the floor
        return torch.tensor([left, height - DOOR[1], left + DOOR[0], height]), None
    top = draw.one(0.4, 0.9)
    if kind == 1:
        sky = torch.tensor([0.75, 0.85, 0.98])
        return torch.tensor([left, top, left + draw.one(0.8, 1.6), top + draw.one(0.8, 1.3)]), sky
    return torch.tensor([left, top, left + draw.one(0.4, 1.0), top + draw.one(0.3, 0.8)]), None


def _crosswalls(draw: _Draw, width: float, length: float, height: float) -> list:
    """Walls across a corridor, each with a doorway at its side, and pillars along it."""
    boxes = []
    for n in range(draw.whole(0, 2)):
        z = length * (0.4 + 0.3 * n) + draw.one(-0.5, 0.5)
        left = draw.one(-width / 2 + 0.1, width / 2 - DOOR[0] - 0.4)
        right = left + DOOR[0] + 0.3
        boxes.append([(-width / 2, -height, z), (left, 0.0, z + WALL)])
        boxes.append([(right, -height, z), (width / 2, 0.0, z + WALL)])
        boxes.append([(left, -height, z), (right, -DOOR[1] - 0.1, z + WALL)])  # the lintel
    for side in (-1, 1):
        z, size = draw.one(1.0, length - 1.0), draw.one(0.2, 0.4)
        x = side * width / 2
        boxes.append([(min(x, x - side * size), -height, z), (max(x, x - side * size), 0.0, z + size)])
    return boxes


def _furniture(draw: _Draw, width: float, length: float) -> list:
    """Cupboards and sofas along the walls, a table, now and then a pillar."""
    boxes = []
    for _ in range(draw.whole(2, 5)):
        side = draw.whole(0, 3)
        deep, tall, wide = draw.one(0.35, 0.8), draw.one(0.4, 2.0), draw.one(0.6, 1.8)
        if side < 2:
            x = -width / 2 if side == 0 else width / 2 - deep
            z = draw.one(0.2, length - wide - 0.2)
            boxes.append([(x, -tall, z), (x + deep, 0.0, z + wide)])
        else:
            z = 0.0 if side == 2 else length - deep
            x = draw.one(-width / 2, width / 2 - wide)
            boxes.append([(x, -tall, z), (x + wide, 0.0, z + deep)])
    if draw.one(0, 1) < 0.5:
        x, z, size = draw.one(-0.25, 0.1) * width, draw.one(0.3, 0.6) * length, draw.one(0.5, 1.1)
        boxes.append([(x, -draw.one(0.45, 0.8), z), (x + size, 0.0, z + size)])
    return boxes
