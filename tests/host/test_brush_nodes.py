"""Preview Memory and Memory Brush: what they hand to the page, and what the brush gives without one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, PointBlock

K = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.5, 0.5], [0.0, 0.0, 1.0]])
SHAPES = """{"format": "mirage-memory-shapes", "version": 1, "shapes": [
  {"kind": "box", "does": "lock", "low": [-9, -9, 3], "high": [9, 9, 4]},
  {"kind": "sphere", "does": "erase", "center": [0, 0, 2], "radius": 1.5}
]}"""


@pytest.fixture(scope="module")
def preview(comfy):
    return comfy.NODE_CLASS_MAPPINGS["Mirage_PreviewMemory"].execute


@pytest.fixture(scope="module")
def brush(comfy):
    return comfy.NODE_CLASS_MAPPINGS["Mirage_MemoryBrush"]


def memory(points=40, frames=(2, 5)) -> LatentMemory:
    g = torch.Generator().manual_seed(1)
    xyz = torch.rand(points, 3, generator=g) * torch.tensor([2.0, 1.0, 4.0]) - torch.tensor([1.0, 0.5, 0.0])
    rows = torch.arange(points)
    frame = torch.tensor(frames)[rows % len(frames)]
    confidence, footprint = torch.rand(points, generator=g), torch.rand(points, generator=g)
    block = PointBlock(xyz, torch.randn(points, 7, generator=g), footprint, confidence, frame)
    return LatentMemory(LatentSpec(7, 8, 4), (block,))


def camera(z: float) -> Cameras:
    cam2world = torch.eye(4)[None].clone()
    cam2world[0, 2, 3] = z
    return Cameras(cam2world, K)


def shown(output) -> tuple[dict, dict]:
    """Header and tensors of the file that the page fetches."""
    import folder_paths

    (file,) = output.ui["mirage_points"]
    with safe_open(Path(folder_paths.get_temp_directory()) / file["filename"], "pt") as opened:
        return json.loads(opened.metadata()["scene"]), {name: opened.get_tensor(name) for name in opened.keys()}


def test_the_page_gets_every_point_in_the_world_frame(preview):
    kept = memory()
    scene, points = shown(preview(memory=kept, start_frames=2))
    block = kept.blocks[0]
    for name, column in (("xyz", block.xyz), ("width", block.footprint), ("confidence", block.confidence)):
        assert torch.equal(points[name], column)
    assert torch.equal(points["frame"], block.frame.float())
    assert points["rgb"].dtype == torch.uint8 and points["rgb"].shape == (40, 3)
    assert scene["points"] == 40 and scene["every"] == 1 and scene["start"] == [2, 3]
    assert "locked" not in points


@pytest.mark.parametrize("given", ["geometry", "keyframe", "nothing"])
def test_the_view_opens_at_the_camera_that_is_known(preview, given):
    kept = memory()
    if given == "keyframe":
        kept = kept.insert(kept.blocks[0], "append", camera(-3.0))
    geometry = Geometry(torch.full((1, 6, 8), 5.0), camera(-7.0)) if given == "geometry" else None
    scene, points = shown(preview(memory=kept, geometry=geometry))
    z = {"geometry": -7.0, "keyframe": -3.0, "nothing": 0.0}[given]
    assert torch.tensor(scene["cam2world"])[2, 3] == z
    median = float((points["xyz"][:, 2] - z).median())
    assert scene["unit"] == pytest.approx(5.0 if geometry else median)


def test_a_large_memory_is_thinned_across_its_blocks_and_says_so(preview):
    kept = memory(points=120_001)
    block = kept.blocks[0]
    kept = replace(kept, blocks=(block[:50_000], block[50_000:50_001], block[50_001:]))
    scene, points = shown(preview(memory=kept))
    assert scene["points"] == 120_001 and scene["every"] == 3
    assert torch.equal(points["xyz"], block.xyz[::3])
    assert torch.allclose(points["width"], block.footprint[::3] * 3**0.5)


def test_the_page_is_told_what_is_locked(preview):
    locked = torch.arange(40) % 3 == 0
    kept = replace(memory(), blocks=(replace(memory().blocks[0], locked=locked),))
    _, points = shown(preview(memory=kept))
    assert torch.equal(points["locked"], locked.to(torch.uint8))


def test_an_empty_memory_is_refused_in_words(preview):
    with pytest.raises(ValueError, match="memory: must hold points; it is empty"):
        preview(memory=LatentMemory(LatentSpec(7, 8, 4)))


def test_the_brush_works_without_a_page(brush):
    kept = memory()
    output = brush.execute(memory=kept, shapes=SHAPES)
    left, text = output.result
    xyz = kept.blocks[0].xyz
    locked = xyz[:, 2] >= 3
    inside = (xyz - torch.tensor([0.0, 0.0, 2.0])).norm(dim=1) <= 1.5
    assert bool((locked & inside).any())
    assert torch.equal(left.as_one_block().xyz, xyz[locked | ~inside])
    assert torch.equal(left.as_one_block().is_locked, locked[locked | ~inside])
    assert text == SHAPES and output.ui["mirage_shapes"] == [SHAPES]
    assert torch.equal(shown(output)[1]["xyz"], xyz)  # the page shows what went in, and applies the shapes itself


def test_shapes_that_cannot_be_read_are_refused_before_anything_runs(brush):
    assert brush.validate_inputs(shapes=SHAPES) is True and brush.validate_inputs(shapes=None) is True
    refused = brush.validate_inputs(shapes=SHAPES.replace("sphere", "cone"))
    assert refused.startswith("shapes: shape 2 must be an object whose kind is one of box, sphere, lasso")
