"""Lifting and readout against numbers recorded from the published code (geometry.json says how)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mirage_core import Cameras, Geometry, LatentMemory, LatentPath, LatentSpec, lift, splat
from mirage_core.chunks import Chunk, plan_chunks
from mirage_core.retrieval import joined, overlaps, pick_references, voxels_in_view
from mirage_core.timing import Timing

HERE = Path(__file__).parent
ABOUT = json.loads((HERE / "geometry.json").read_text())
PUBLISHED = {"pooling": "bilinear", "token_anchor": "corner"}


@pytest.fixture(scope="module")
def golden():
    return load_file(HERE / "geometry.safetensors")


@pytest.fixture(scope="module")
def cameras(golden):
    return Cameras.from_pixels(golden["cam2world"], golden["K"], tuple(ABOUT["image_size"]))  # 41, every video frame


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
        memories[1].as_one_block().xyz, golden["update.points"][golden["update.valid"]], rtol=0, atol=1e-5
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


@pytest.mark.parametrize("frames", ABOUT["iteration_plans"], ids=lambda frames: f"{frames} frames")
def test_a_path_is_cut_into_the_chunks_of_the_published_code(frames):
    chunks = plan_chunks(int(frames), Timing(4))
    assert [[chunk.start, chunk.stop, chunk.frames] for chunk in chunks] == ABOUT["iteration_plans"][frames]


@pytest.mark.parametrize("case", ABOUT["target_pose_indices"])
def test_latent_frames_of_a_chunk_have_the_cameras_of_the_published_code(case):
    first, start, frames, number = (int(part) for part in case.split(","))
    chunk = Chunk(number, start, start + frames - (number > 0), frames)
    poses = torch.eye(4).repeat(first + chunk.stop, 1, 1)
    poses[:, 0, 3] = torch.arange(len(poses))  # a camera's place is its number
    path = LatentPath.of(Cameras(poses, torch.eye(3)), LatentSpec(48, 16, 4), 64, 64).part(first, len(poses))
    views = path.part(chunk.begin, chunk.stop).views
    assert views.centers[:, 0].tolist() == ABOUT["target_pose_indices"][case]


def test_references_are_those_of_the_published_code(cameras, memories):
    """The picks are the same. The published overlaps can be met only to the few tokens that lie exactly on the border
    of a view, as every first column does with the corner anchor: there rounding decides.
    """
    recorded = ABOUT["retrieval"]
    of_targets = joined(voxels_in_view(memories[1], cameras[recorded["target_frames"]], recorded["voxel_size"]))
    of_history = voxels_in_view(memories[1], cameras[recorded["history_frames"]], recorded["voxel_size"])
    picks = pick_references(of_targets, of_history, recorded["max_reference_frames"], recorded["iou_threshold"])
    assert [pick.position for pick in picks] == recorded["selected_history_positions"]
    expected = torch.tensor(recorded["ious"], dtype=torch.float64)
    torch.testing.assert_close(overlaps(of_targets, of_history), expected, atol=0.015, rtol=0)
