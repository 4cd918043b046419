"""Lifting and readout against numbers recorded from the published code (geometry.json says how)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, lift, splat

HERE = Path(__file__).parent
ABOUT = json.loads((HERE / "geometry.json").read_text())
PUBLISHED = {"pooling": "bilinear", "token_anchor": "corner"}


@pytest.fixture(scope="module")
def golden():
    return load_file(HERE / "geometry.safetensors")


@pytest.fixture(scope="module")
def cameras(golden):
    return Cameras.from_pixels(golden["cam2world"], golden["K"], tuple(ABOUT["image_size"]))  # 41, every pixel frame


def lifted(golden, cameras, frames):
    rows = [ABOUT["frames"].index(frame) for frame in frames]
    geometry = Geometry(golden["depths"][rows], cameras[frames])
    exclude = golden["dynamic_mask"][rows].bool()
    return lift(golden["latents"][rows], geometry, exclude=exclude, frames=torch.tensor(frames), **PUBLISHED)


@pytest.fixture(scope="module")
def memories(golden, cameras):
    """Before and after the update."""
    before = LatentMemory(LatentSpec(48, 16, 4)).insert(lifted(golden, cameras, [ABOUT["lifted_frame"]]), "append")
    return before, before.insert(lifted(golden, cameras, ABOUT["update_frames"]), "append")


def test_a_lifted_frame_has_the_points_and_features_of_the_published_code(golden, cameras):
    valid = golden["lift.valid"]  # bool (220,)
    block = lifted(golden, cameras, [ABOUT["lifted_frame"]])
    torch.testing.assert_close(block.xyz, golden["lift.points"][valid], rtol=0, atol=1e-5)
    assert torch.equal(block.features, golden["lift.features"][valid])
    assert len(block) < valid.numel(), "the dynamic mask must have left tokens out"


def test_an_update_appends_the_points_of_the_published_code_in_its_order(golden, memories):
    torch.testing.assert_close(
        memories[1].points.xyz, golden["update.points"][golden["update.valid"]], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("backend", ["portable", "reference"])
@pytest.mark.parametrize("update", [0, 1], ids=["before the update", "after the update"])
def test_a_readout_knows_the_cells_and_latents_of_the_published_code(golden, cameras, memories, update, backend):
    options = {"footprint": False, "token_anchor": "corner", "backend": backend}
    readout = splat(memories[update], cameras[ABOUT["target_frames"]], tuple(ABOUT["latent_size"]), **options)
    assert torch.equal(readout.known, golden[f"readout{update + 1}.mask"])
    assert torch.equal(readout.latents, golden[f"readout{update + 1}.latents"])
    assert 0 < int(readout.known.sum()) < readout.known.numel()


def test_the_default_conventions_are_not_those_of_the_published_code(golden, cameras):
    """The options above do something: with the defaults the same input gives other points."""
    geometry = Geometry(golden["depths"][:1], cameras[[0]])
    ours = lift(golden["latents"][:1], geometry)
    published = lift(golden["latents"][:1], geometry, **PUBLISHED)
    assert len(ours) == len(published) == 220
    assert float((ours.xyz - published.xyz).norm(dim=1).median()) > 0.01
