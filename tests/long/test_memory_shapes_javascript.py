"""The Memory Brush's JavaScript keeps and locks the points that mirage_core keeps and locks."""

import json

import pytest
import torch
from javascript import memory_shapes

from mirage_core import LatentMemory, LatentSpec, PointBlock
from mirage_core.errors import MirageError
from mirage_core.shapes import painted, shapes_from_text, text_from_shapes

POINTS = 3000
TURNED = [[0.8, 0.0, 0.6, 0.3], [0.0, 1.0, 0.0, -0.2], [-0.6, 0.0, 0.8, -4.0], [0.0, 0.0, 0.0, 1.0]]
BOX = {"kind": "box", "low": [-1.0, -1.5, 0.0], "high": [0.8, 1.0, 2.0]}
SPHERE = {"kind": "sphere", "center": [0.5, 0.0, -0.5], "radius": 1.25}
BOW = [[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.1, 0.9], [1.4, 0.5]]  # crosses itself, and leaves the picture
LASSO = {"kind": "lasso", "cam2world": TURNED, "K": [[0.9, 0, 0.5], [0, 1.2, 0.5], [0, 0, 1]], "polygon": BOW}
WORLDS = {
    "nothing": [],
    "a box erases": [BOX | {"does": "erase"}],
    "a sphere is kept": [SPHERE | {"does": "keep"}],
    "a lasso erases": [LASSO | {"does": "erase"}],
    "a lasso with ends is kept": [LASSO | {"does": "keep", "near": 3.0, "far": 5.0}],
    "a lasso without an end": [LASSO | {"does": "erase", "near": 4.0, "far": None}],
    "a lasso from among the points": [LASSO | {"does": "erase", "cam2world": torch.eye(4).tolist()}],
    "what is gone is not locked": [SPHERE | {"does": "erase"}, BOX | {"does": "lock"}],
    "what is locked stays": [BOX | {"does": "lock", "name": "the chair"}, SPHERE | {"does": "erase"}],
    "what is unlocked goes": [SPHERE | {"does": "unlock"}, LASSO | {"does": "keep"}, BOX | {"does": "lock"}],
    "what is off does nothing": [BOX | {"does": "erase", "off": True}, SPHERE | {"does": "lock"}],
}
HEAD = '{"format": "mirage-memory-shapes", "version": 1, "shapes": '
BAD = [
    "{",
    "[]",
    '{"format": "mirage-memory-shapes", "version": 2, "shapes": []}',
    '{"format": "mirage-memory-shapes", "version": 1, "shapes": {}}',
    *(
        f"{HEAD}[{json.dumps(one)}]}}"
        for one in (
            {"kind": "cone", "does": "erase"},
            BOX | {"does": "paint"},
            BOX | {"does": "erase", "low": [0, 0]},
            BOX | {"does": "erase", "low": [3.0, 0, 0]},
            SPHERE | {"does": "erase", "radius": 0},
            SPHERE | {"does": "erase", "radius": 1e9},
            SPHERE | {"does": "erase", "center": [0, 0, "a"]},
            LASSO | {"does": "erase", "polygon": BOW[:2]},
            LASSO | {"does": "erase", "near": 3.0, "far": 2.0},
        )
    ),
]


@pytest.fixture(scope="module")
def points():
    g = torch.Generator().manual_seed(3)
    xyz = torch.rand(POINTS, 3, generator=g) * 5 - 2.5
    xyz[0], xyz[1] = torch.tensor(BOX["low"]), torch.tensor(BOX["high"])  # the border is inside
    return xyz, torch.rand(POINTS, generator=g) < 0.2


@pytest.fixture(scope="module")
def found(points, tmp_path_factory):
    xyz, locked = points
    file = tmp_path_factory.mktemp("shapes") / "asked.json"
    texts = [f"{HEAD}{json.dumps(shapes)}}}" if shapes else "" for shapes in WORLDS.values()]
    asked = {"xyz": xyz.tolist(), "locked": locked.int().tolist(), "texts": texts, "bad": BAD}
    file.write_text(json.dumps({**asked, "cam2world": TURNED, "unit": 2.5}))
    return {"texts": texts, **memory_shapes(file)}


@pytest.mark.parametrize("number", range(len(WORLDS)), ids=list(WORLDS))
def test_the_page_shows_the_points_that_the_run_keeps(points, found, number):
    xyz, locked = points
    features = torch.arange(POINTS).float()[:, None]  # tells which point it is
    memory = LatentMemory(LatentSpec(1, 8), (PointBlock(xyz, features, locked=locked),))
    shapes = shapes_from_text(found["texts"][number])
    left = painted(memory, shapes).as_one_block()
    stays, page_locked = (torch.tensor(found["painted"][number][name]).bool() for name in ("stays", "locked"))
    assert left.features[:, 0].long().tolist() == stays.nonzero()[:, 0].tolist()
    assert left.is_locked.tolist() == page_locked[stays].tolist()
    assert not bool((page_locked & ~stays).any())  # the page counts them
    assert (
        not shapes or all(shape.off or shape.does == "lock" for shape in shapes) or 0 < int(stays.sum()) < POINTS
    )  # the shapes do something


@pytest.mark.parametrize("number", range(len(WORLDS)), ids=list(WORLDS))
def test_the_page_writes_what_it_has_read(found, number):
    again = shapes_from_text(found["again"][number])
    assert text_from_shapes(again) == text_from_shapes(shapes_from_text(found["texts"][number]))


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_the_server_refuses_the_page_refuses_too(found, number):
    with pytest.raises(MirageError, match="shapes: "):
        shapes_from_text(BAD[number])
    assert found["errors"][number].startswith("shapes: ")


def test_a_place_is_where_the_start_camera_sees_it(points, found):
    xyz, _ = points
    cam2world = torch.tensor(TURNED, dtype=torch.float64)
    seen = (xyz.double() - cam2world[:3, 3]) @ cam2world[:3, :3] / 2.5 * torch.tensor([1.0, -1.0, -1.0])
    for name in ("seen", "matrix"):
        torch.testing.assert_close(torch.tensor(found[name], dtype=torch.float64), seen, atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.tensor(found["back"], dtype=torch.float64), xyz.double(), atol=1e-9, rtol=0)
