"""Shapes in a memory: what they mean, and how they are written down."""

import json

import pytest
import torch

from mirage_core import LatentMemory, LatentSpec, MirageError, PointBlock
from mirage_core.shapes import DOES, Box, Lasso, Sphere, erased, painted, shapes_from_text, text_from_shapes

K = ((0.8, 0.0, 0.5), (0.0, 1.2, 0.4), (0.0, 0.0, 1.0))
TURNED = ((0.0, 0.0, 1.0, -3.0), (0.0, 1.0, 0.0, 0.5), (-1.0, 0.0, 0.0, 0.25), (0.0, 0.0, 0.0, 1.0))  # looks along x
STAR = ((0.1, 0.2), (0.9, 0.2), (0.2, 0.9), (0.5, -0.2), (0.8, 0.9))  # crosses itself: its middle is outside


@pytest.fixture
def memory():
    """600 points all around the origin, each named by its feature, in two blocks."""
    draw = torch.Generator().manual_seed(3)
    xyz = 8.0 * torch.rand(600, 3, generator=draw) - 4.0
    points = PointBlock(xyz, torch.arange(600.0)[:, None])
    return LatentMemory(LatentSpec(1, 16, 4), (points[:500], points[500:]))


def numbers(memory):
    return {int(value) for block in memory.blocks for value in block.features[:, 0]}


def locked(memory):
    return {int(value) for block in memory.blocks for value in block.features[block.is_locked, 0]}


def in_box(x, y, z, low, high):
    return all(a <= value <= b for a, value, b in zip(low, (x, y, z), high, strict=True))


def in_sphere(x, y, z, center, radius):
    return sum((a - b) ** 2 for a, b in zip((x, y, z), center, strict=True)) <= radius**2


def in_lasso(x, y, z, near=0.0, far=1e9):
    """Of ``TURNED``, ``K`` and ``STAR``: how often a ray to the right meets an edge."""
    d = [value - row[3] for value, row in zip((x, y, z), TURNED, strict=False)]
    right, down, forward = (sum(d[i] * TURNED[i][axis] for i in range(3)) for axis in range(3))
    if not max(near, 2.0**-10) <= forward <= far:
        return False
    u, v = K[0][0] * right / forward + K[0][2], K[1][1] * down / forward + K[1][2]
    meets = 0
    for (u1, v1), (u2, v2) in zip(STAR, STAR[1:] + STAR[:1], strict=True):
        if min(v1, v2) <= v < max(v1, v2):
            meets += u < u1 + (v - v1) / (v2 - v1) * (u2 - u1)
    return meets % 2 == 1


BOX, BALL = dict(low=(-1.0, -4.0, 0.0), high=(2.5, 1.0, 3.0)), dict(center=(1.0, 0.5, -1.0), radius=2.25)
RANGE = dict(near=1.0, far=4.0)
CASES = [
    (Box, BOX, lambda p: in_box(*p, **BOX)),
    (Sphere, BALL, lambda p: in_sphere(*p, **BALL)),
    (Lasso, dict(cam2world=TURNED, K=K, polygon=STAR), lambda p: in_lasso(*p)),
    (Lasso, dict(cam2world=TURNED, K=K, polygon=STAR, **RANGE), lambda p: in_lasso(*p, **RANGE)),
]


@pytest.mark.parametrize(("kind", "values", "is_inside"), CASES, ids=["box", "sphere", "lasso", "lasso with depths"])
def test_what_lies_inside_is_what_plain_numbers_say(memory, kind, values, is_inside):
    inside = {number for number, place in enumerate(memory.column("xyz").tolist()) if is_inside(place)}
    assert 5 < len(inside) < 300
    outside = set(range(600)) - inside
    for does, left, lost in (("erase", outside, inside), ("keep", inside, outside)):
        assert numbers(painted(memory, [kind(does=does, **values)])) == left
        assert numbers(erased(memory, [kind(does=does, **values)])) == lost
    all_locked = painted(memory, [kind(does="lock", **values)])
    assert locked(all_locked) == inside and numbers(all_locked) == set(range(600))
    assert locked(painted(all_locked, [kind(does="unlock", **values)])) == set()


EVERYWHERE = dict(low=(-9.0, -9.0, -9.0), high=(9.0, 9.0, 9.0))


def test_a_locked_point_stays_until_it_is_unlocked(memory):
    ball = numbers(painted(memory, [Sphere(does="keep", **BALL)]))
    lock, nothing = Sphere(does="lock", **BALL), Box(does="keep", low=(9.0,) * 3, high=(9.0,) * 3)
    for away in (Box(does="erase", **EVERYWHERE), nothing):
        left = painted(memory, [lock, away])
        assert numbers(left) == locked(left) == ball
        assert numbers(painted(left, [away])) == ball  # the lock is in the memory, not in the list
        assert painted(left, [Sphere(does="unlock", **BALL), away]).num_points == 0
        assert painted(memory, [away, lock]).num_points == 0  # in their order


def test_what_no_shape_changes_is_shared_and_what_is_off_does_nothing(memory):
    assert painted(memory, [Box(does="erase", off=True, **EVERYWHERE)]).blocks == memory.blocks
    first = memory.blocks[0].xyz[0].tolist()
    left = painted(memory, [Sphere(does="erase", center=tuple(first), radius=1e-6)])
    assert len(left.blocks[0]) == 499 and left.blocks[1] is memory.blocks[1]


def test_text_and_shapes_say_the_same():
    shapes = [kind(does=does, **values) for (kind, values, _), does in zip(CASES, DOES, strict=True)]
    shapes.append(Box(does="erase", name="the lamp", off=True, **EVERYWHERE))
    assert shapes_from_text(text_from_shapes(shapes)) == tuple(shapes)
    assert shapes_from_text(" \n") == () == shapes_from_text(text_from_shapes([]))


SPHERE = {"kind": "sphere", "does": "erase", "center": [0, 0, 0], "radius": 1}
LASSO = {"kind": "lasso", "does": "erase", "cam2world": TURNED, "K": K, "polygon": STAR}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "cone"}, "shapes: shape 2 must be an object whose kind is one of box, sphere, lasso"),
        ("box", "shapes: shape 2 must be an object"),
        ({"kind": ["box"]}, "shapes: shape 2 must be an object"),
        ({"kind": "box", "does": "erase", "low": [0, 0, 0]}, "shape 2, a box, must have does, low, high, and may have"),
        ({**SPHERE, "colour": 1}, "may have name, off; got does, center, radius, colour"),
        ({**SPHERE, "does": "melt"}, "shape 2: does: must be one of erase, keep, lock, unlock; got 'melt'"),
        ({**SPHERE, "center": [0, 1]}, "shape 2: center must be 3 numbers; got "),
        ({**SPHERE, "center": [0, 1, None]}, "shape 2: center must be a number; got None"),
        ({**SPHERE, "radius": float("nan")}, "shape 2: radius must be a number; got nan"),
        ({**SPHERE, "radius": -1}, "shape 2: radius: must be above 0; got -1"),
        ({**SPHERE, "off": 1}, "shape 2: off must be true or false; got 1"),
        (
            {"kind": "box", "does": "erase", "low": [0, 2, 0], "high": [1, 1, 1]},
            "shape 2: low: must not lie above high",
        ),
        ({**LASSO, "polygon": [[0, 0], [1, 1]]}, "shape 2: polygon: must have at least 3 corners; got 2"),
        ({**LASSO, "polygon": [[0, 0], [1], [2, 2]]}, "shape 2: polygon must be 2 numbers"),
        ({**LASSO, "K": [[1, 2], [3, 4]]}, "shape 2: K must be 3 x 3 numbers"),
        ({**LASSO, "cam2world": [[2, 0, 0, 0], *TURNED[1:]]}, "shape 2: cam2world"),
        ({**LASSO, "near": 3, "far": 2}, "shape 2: near, far: near must be at least 0, and far at least near; got 3"),
    ],
)
def test_what_is_no_shape_is_refused_by_number_and_value(wrong, message):
    text = json.dumps({"format": "mirage-memory-shapes", "version": 1, "shapes": [SPHERE, wrong]})
    with pytest.raises(MirageError, match=message):
        shapes_from_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "shapes: must be JSON"),
        ('{"format": "mirage-camera-keys"}', 'shapes: must be a JSON object with "format": "mirage-memory-shapes"'),
        ('{"format": "mirage-memory-shapes", "version": 2}', "shapes: must be of version 1; got 2"),
        ('{"format": "mirage-memory-shapes", "version": 1, "shapes": {}}', "shapes: shapes must be a list"),
    ],
)
def test_what_is_no_list_of_shapes_is_refused(text, message):
    with pytest.raises(MirageError, match=message):
        shapes_from_text(text)
