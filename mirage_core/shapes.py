"""Shapes that erase, keep, lock and unlock points of a memory: what the Memory Brush writes, and what it means.

As text they are JSON:

    {"format": "mirage-memory-shapes", "version": 1, "shapes": [
      {"kind": "box", "does": "erase", "low": [x, y, z], "high": [x, y, z]},
      {"kind": "sphere", "does": "lock", "center": [x, y, z], "radius": r},
      {"kind": "lasso", "does": "keep", "cam2world": [[4x4 rows]], "K": [[3x3 rows]], "polygon": [[u, v], ...]}]}

Places are in the memory's world frame, scene units; a lasso is drawn on the picture of a camera, in 0..1 of its width
and height, and may leave the picture. It may have ``near`` and ``far``, z-depths in scene units. Any shape may have a
``name``, and ``"off": true``: it stays in the list and does nothing.

Shapes are applied in their order. A locked point stays, whatever erases or keeps: to lose it, unlock it first.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import torch
from torch import Tensor

from .cameras import Cameras
from .conventions import MIN_DEPTH
from .devices import working_device
from .errors import MirageError, brief, check_choice, damage_refused
from .memory import LatentMemory
from .points import PointBlock
from .texts import json_list, json_number, json_numbers

FORMAT, VERSION = "mirage-memory-shapes", 1
DOES = ("erase", "keep", "lock", "unlock")
FEWEST_CORNERS = 3

Place = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Shape(ABC):
    """A part of the world, and what becomes of its points.

    Attributes:
        does: "erase" removes the points inside, "keep" those outside, "lock" and "unlock" change those inside.
        name: what people call it.
        off: it does nothing.
    """

    does: str
    name: str = ""
    off: bool = False

    @abstractmethod
    def contains(self, xyz: Tensor) -> Tensor:
        """Whether places lie inside, its border included: bool ``(N,)``.

        Args:
            xyz: float64 ``(N, 3)`` world frame, scene units.
        """


@dataclass(frozen=True, kw_only=True)
class Box(Shape):
    """What lies between the lowest and the highest corner, world coordinates, scene units."""

    low: Place
    high: Place

    def __post_init__(self):
        if any(low > high for low, high in zip(self.low, self.high, strict=True)):
            raise MirageError(f"low: must not lie above high; got {list(self.low)} and {list(self.high)}.")

    def contains(self, xyz: Tensor) -> Tensor:
        low, high = xyz.new_tensor(self.low), xyz.new_tensor(self.high)
        return ((xyz >= low) & (xyz <= high)).all(dim=1)


@dataclass(frozen=True, kw_only=True)
class Sphere(Shape):
    """A ball; centre in world coordinates, scene units."""

    center: Place
    radius: float

    def __post_init__(self):
        if not self.radius > 0:
            raise MirageError(f"radius: must be above 0; got {self.radius:g}.")

    def contains(self, xyz: Tensor) -> Tensor:
        return (xyz - xyz.new_tensor(self.center)).square().sum(dim=1) <= self.radius * self.radius


@dataclass(frozen=True, kw_only=True)
class Lasso(Shape):
    """What a camera sees inside a polygon: by the even-odd rule, so that a loop within a loop is a hole.

    Attributes:
        cam2world: four rows of four, camera point to world point, scene units; its rotation's transpose is its inverse.
        K: three rows of three, intrinsics normalised by the picture's size.
        polygon: corners, 0..1 inside the picture; the last is joined with the first.
        near, far: z-depths, both included, scene units; far None = no end.
    """

    cam2world: tuple[tuple[float, ...], ...]
    K: tuple[tuple[float, ...], ...]
    polygon: tuple[tuple[float, float], ...]
    near: float = 0.0
    far: float | None = None

    def __post_init__(self):
        Cameras(torch.tensor([self.cam2world]), torch.tensor(self.K))  # raises if it is none
        if len(self.polygon) < FEWEST_CORNERS:
            raise MirageError(f"polygon: must have at least {FEWEST_CORNERS} corners; got {len(self.polygon)}.")
        if self.near < 0 or (self.far is not None and self.far < self.near):
            far = "no end" if self.far is None else f"{self.far:g}"
            raise MirageError(
                f"near, far: near must be at least 0, and far at least near; got {self.near:g} and {far}."
            )

    def contains(self, xyz: Tensor) -> Tensor:
        cam2world, K = xyz.new_tensor(self.cam2world), xyz.new_tensor(self.K)
        x, y, z = ((xyz - cam2world[:3, 3]) @ cam2world[:3, :3]).unbind(dim=1)  # (N,) camera frame
        inside = z >= max(self.near, MIN_DEPTH)
        if self.far is not None:
            inside &= z <= self.far
        chosen = inside.nonzero().squeeze(1)  # int64 (M,): only what lies before the camera has a place in the picture
        x, y, z = x[chosen], y[chosen], z[chosen]
        inside[chosen] = _in_polygon(K[0, 0] * x / z + K[0, 2], K[1, 1] * y / z + K[1, 2], self.polygon)
        return inside


def _in_polygon(u: Tensor, v: Tensor, polygon: tuple[tuple[float, float], ...]) -> Tensor:
    """Which places of a picture lie in a polygon, by the even-odd rule: bool ``(M,)``."""
    inside = torch.zeros_like(u, dtype=torch.bool)
    for (u1, v1), (u2, v2) in pairwise((*polygon, polygon[0])):
        if v1 != v2:
            crosses = (v1 > v) != (v2 > v)
            inside ^= crosses & (u < (u2 - u1) * (v - v1) / (v2 - v1) + u1)
    return inside


KINDS = {"box": Box, "sphere": Sphere, "lasso": Lasso}


def shapes_from_text(text: str) -> tuple[Shape, ...]:
    """Read shapes as the Memory Brush, or a hand, wrote them; an empty text means none.

    Raises:
        MirageError: it is no such JSON; the text says which shape and which value.
    """
    if not text.strip():
        return ()
    with damage_refused("shapes:", "shapes in a memory"):
        listed = json_list("shapes", text, (FORMAT, VERSION), "shapes")
        return tuple(_shape(number, one) for number, one in enumerate(listed, start=1))


def text_from_shapes(shapes: Sequence[Shape]) -> str:
    """Shapes as the text that ``shapes_from_text`` reads."""
    kinds = {made: kind for kind, made in KINDS.items()}
    listed = []
    for shape in shapes:
        values = {field.name: (getattr(shape, field.name), field.default) for field in fields(shape)}
        said = {name: value for name, (value, default) in values.items() if value != default}
        listed.append({"kind": kinds[type(shape)], **said})
    return json.dumps({"format": FORMAT, "version": VERSION, "shapes": listed})


def _shape(number: int, one: object) -> Shape:
    if not isinstance(one, dict) or one.get("kind") not in list(KINDS):
        raise MirageError(
            f"shapes: shape {number} must be an object whose kind is one of {', '.join(KINDS)}; got {brief(repr(one))}."
        )
    made = KINDS[one["kind"]]
    given = {name: value for name, value in one.items() if name != "kind"}
    needed = [field.name for field in fields(made) if field.name not in Shape.__dataclass_fields__]
    needed = ["does", *(name for name in needed if name not in ("near", "far"))]
    known = {field.name for field in fields(made)}
    if not set(needed) <= set(given) <= known:
        raise MirageError(
            f"shapes: shape {number}, a {one['kind']}, must have {', '.join(needed)}, and may have "
            f"{', '.join(sorted(known - set(needed)))}; got {brief(', '.join(given), 200)}."
        )
    where = f"shapes: shape {number}"
    given = {name: _value(f"{where}: {name}", name, value) for name, value in given.items()}
    try:
        return made(**given)
    except MirageError as error:
        raise MirageError(f"{where}: {error}") from error


def _value(where: str, name: str, value: object) -> object:
    """One value of a shape as it is kept; ``where`` says which, for errors."""
    if name == "does":
        return check_choice(where, value, DOES)
    if name in ("name", "off"):
        wanted = {"name": str, "off": bool}[name]
        if not isinstance(value, wanted):
            raise MirageError(f"{where} must be {'text' if name == 'name' else 'true or false'}; got {value!r}.")
        return value
    if name in ("radius", "near") or (name == "far" and value is not None):
        return json_number(where, value)
    if name == "far":
        return None
    if name == "polygon":
        corners = len(value) if isinstance(value, list) else FEWEST_CORNERS
        return json_numbers(where, value, corners, 2)
    return json_numbers(where, value, *{"cam2world": (4, 4), "K": (3, 3)}.get(name, (3,)))


def painted(memory: LatentMemory, shapes: Sequence[Shape]) -> LatentMemory:
    """The memory after shapes, applied in their order. Blocks that no shape changes are shared.

    Keyframes stay: what a view wrote may be erased, but the camera was there.
    """
    made = [_left(block, shapes) for block in memory.blocks]
    return replace(memory, blocks=tuple(block for block in made if len(block)))


def erased(memory: LatentMemory, shapes: Sequence[Shape]) -> LatentMemory:
    """The points that ``painted`` takes away, as they were."""
    lost = [block[~_stays(block, shapes)[0]] for block in memory.blocks]
    return replace(memory, blocks=tuple(block for block in lost if len(block)))


def _left(block: PointBlock, shapes: Sequence[Shape]) -> PointBlock:
    stays, locked = _stays(block, shapes)
    if not torch.equal(locked, block.is_locked):
        block = replace(block, locked=locked)
    return block if bool(stays.all()) else block[stays]


def _stays(block: PointBlock, shapes: Sequence[Shape]) -> tuple[Tensor, Tensor]:
    """Which points of a block stay, and which of them are locked in the end: bool ``(N,)`` each, where the block is."""
    xyz = block.xyz.to(working_device(block.device)).double()  # (N, 3): as the page, which counts in float64
    stays = torch.ones(len(xyz), dtype=torch.bool, device=xyz.device)
    locked = block.is_locked.to(xyz.device)
    for shape in shapes:
        if shape.off:
            continue
        inside = shape.contains(xyz)
        if shape.does == "lock":
            locked = locked | (inside & stays)
        elif shape.does == "unlock":
            locked = locked & ~inside
        else:
            stays &= locked | (inside == (shape.does == "keep"))
    return stays.to(block.device), locked.to(block.device)
