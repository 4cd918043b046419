"""What must hold for every scene. Numbers are drawn as scaled integers, so that float noise is not the subject."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, PointBlock, lift, load_memory, save_memory, splat
from mirage_core.conventions import TOKEN_ANCHORS
from mirage_core.splatting import Views, project

CHANNELS = 3
SPEC = LatentSpec(CHANNELS, 2)
each_scene = settings(max_examples=100, deadline=None, derandomize=True, database=None)

anchors = st.sampled_from(TOKEN_ANCHORS)
grids = st.tuples(st.integers(1, 6), st.integers(1, 8))  # h, w
degrees = st.tuples(*[st.integers(-180, 180)] * 3)
places = st.tuples(*[st.integers(-128, 128).map(lambda n: n / 16)] * 3)
focals = st.tuples(*[st.integers(24, 256).map(lambda n: n / 64)] * 2)  # normalised, along the width and the height
centres = st.tuples(*[st.integers(16, 48).map(lambda n: n / 64)] * 2)
seeds = st.integers(0, 2**16)


def intrinsics(focal, centre):
    return torch.tensor([[focal[0], 0.0, centre[0]], [0.0, focal[1], centre[1]], [0.0, 0.0, 1.0]])


def depth_map(h, w, seed):
    """``(1, h, w)`` between 1 and 8 in steps of 1/64."""
    return torch.randint(64, 8 * 64, (1, h, w), generator=torch.Generator().manual_seed(seed)) / 64


def latents_of(h, w, seed):
    return torch.randn(1, CHANNELS, h, w, generator=torch.Generator().manual_seed(seed))


@st.composite
def axis_turns(draw):
    """Rotations that permute and flip the axes: exact in every float."""
    order = draw(st.permutations([0, 1, 2]))
    signs = draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))
    turn = torch.zeros(3, 3)
    turn[range(3), order] = torch.tensor(signs)
    return turn if torch.linalg.det(turn) > 0 else -turn


@st.composite
def exact_scenes(draw):
    """Points and two cameras along the axes of the world, all coordinates in sixteenths: no rounding on any move."""
    n = draw(st.integers(1, 60))
    g = torch.Generator().manual_seed(draw(seeds))
    xyz = torch.randint(-128, 129, (n, 3), generator=g) / 16
    widths = torch.randint(0, 65, (n,), generator=g) / 32
    features = torch.randn(n, CHANNELS, generator=g)
    cam2world = torch.eye(4).repeat(2, 1, 1)
    for view in range(2):
        cam2world[view, :3, :3] = draw(axis_turns())
        cam2world[view, :3, 3] = torch.tensor(draw(places))
    cameras = Cameras(cam2world, intrinsics(draw(focals), draw(centres)))
    return LatentMemory(SPEC, (PointBlock(xyz, features, widths),)), cameras, draw(grids)


def camera(pose, turn, place, focal, centre):
    angles = torch.deg2rad(torch.tensor(turn, dtype=torch.float64)).tolist()
    return Cameras(pose(angles, place).unsqueeze(0), intrinsics(focal, centre))


@each_scene
@given(grids, degrees, places, focals, centres, seeds, anchors)
def test_projecting_an_unprojected_token_gives_its_cell_and_depth_back(
    pose, grid, turn, place, focal, centre, seed, anchor
):
    h, w = grid
    cameras = camera(pose, turn, place, focal, centre)
    block = lift(latents_of(h, w, seed), Geometry(depth_map(h, w, seed), cameras), token_anchor=anchor)
    u, v, z = project(block.xyz, Views.of(cameras, grid, anchor)[0:1,])
    at = 0.5 if anchor == "center" else 0.0
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    torch.testing.assert_close(u, columns.flatten() + at, rtol=0, atol=2**-12)
    torch.testing.assert_close(v, rows.flatten() + at, rtol=0, atol=2**-12)
    torch.testing.assert_close(z, depth_map(h, w, seed).flatten(), rtol=0, atol=2**-16)


@each_scene
@given(grids, degrees, places, focals, centres, seeds, anchors, st.booleans())
def test_splatting_at_the_source_camera_gives_the_source_latents(
    pose, grid, turn, place, focal, centre, seed, anchor, footprint
):
    h, w = grid
    cameras, latents = camera(pose, turn, place, focal, centre), latents_of(h, w, seed)
    block = lift(latents, Geometry(depth_map(h, w, seed), cameras), token_anchor=anchor)
    readout = splat(LatentMemory(SPEC, (block,)), cameras, grid, footprint, token_anchor=anchor)
    assert torch.equal(readout.latents, latents)
    assert torch.equal(readout.point, torch.arange(h * w).view(1, h, w))
    torch.testing.assert_close(readout.scale, torch.ones(1, h, w), rtol=2**-12, atol=0)
    assert float(readout.offset.abs().max()) < 2**-12


@each_scene
@given(grids, degrees, places, focals, centres, seeds, anchors)
def test_inserting_a_frame_again_adds_nothing(pose, grid, turn, place, focal, centre, seed, anchor):
    h, w = grid
    cameras = camera(pose, turn, place, focal, centre)
    block = lift(latents_of(h, w, seed), Geometry(depth_map(h, w, seed), cameras), token_anchor=anchor)
    memory = LatentMemory(SPEC).insert(block, cameras=cameras)
    assert memory.num_points == h * w
    assert memory.insert(block, cameras=cameras).num_points == h * w


@each_scene
@given(exact_scenes(), axis_turns(), places, st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0]), anchors, st.booleans())
def test_moving_the_world_and_the_cameras_together_changes_nothing(scene, turn, shift, scale, anchor, footprint):
    memory, cameras, grid = scene
    shift = torch.tensor(shift)
    before = splat(memory, cameras, grid, footprint, anchor)
    moved = memory.transform(scale, turn, shift)
    after = splat(moved, cameras.transformed(scale, turn, shift), grid, footprint, anchor)
    for name in ("point", "known", "latents", "offset", "scale"):
        assert torch.equal(getattr(after, name), getattr(before, name)), name
    assert torch.equal(after.depth, scale * before.depth)


@each_scene
@given(grids, degrees, places, focals, centres, seeds, places, st.integers(0, 64), st.booleans())
def test_a_point_behind_all_others_changes_nothing(
    pose, grid, turn, place, focal, centre, seed, behind, width, footprint
):
    """The view is full; the new point lies beyond the farthest token, whatever its own width."""
    h, w = grid
    cameras = camera(pose, turn, place, focal, centre)
    memory = LatentMemory(SPEC, (lift(latents_of(h, w, seed), Geometry(depth_map(h, w, seed), cameras)),))
    ray = torch.tensor([behind[0], behind[1], 8.5 + abs(behind[2])])  # camera frame
    xyz = cameras.cam2world[0, :3, :3] @ ray + cameras.centers[0]
    far = PointBlock(xyz[None], torch.full((1, CHANNELS), 99.0), torch.tensor([float(width)]))
    before, after = (splat(m, cameras, grid, footprint) for m in (memory, memory.insert(far, "append")))
    assert torch.equal(after.point, before.point)
    assert torch.equal(after.latents, before.latents)


@each_scene
@given(st.integers(1, 60), grids, seeds, st.booleans(), st.sampled_from(["portable", "reference"]))
def test_the_order_of_points_of_different_depths_changes_only_their_numbers(n, grid, seed, footprint, backend):
    g = torch.Generator().manual_seed(seed)
    # 16ths that are no multiple of 17: also no depth pushed back by 17/16 equals another one
    allowed = torch.tensor([k for k in range(16, 128) if k % 17])
    depth = allowed[torch.randperm(len(allowed), generator=g)[:n]] / 16
    xyz = torch.cat([torch.randint(-64, 65, (n, 2), generator=g) / 16, depth[:, None]], dim=1)
    block = PointBlock(xyz, torch.randn(n, CHANNELS, generator=g), torch.rand(n, generator=g))
    order = torch.randperm(n, generator=g)
    cameras = Cameras(torch.eye(4).unsqueeze(0), intrinsics((1.0, 1.5), (0.5, 0.5)))
    before, after = (
        splat(LatentMemory(SPEC, (b,)), cameras, grid, footprint, backend=backend) for b in (block, block[order])
    )
    renumbered = torch.where(after.known, order[after.point.clamp(min=0)], -1)
    assert torch.equal(renumbered, before.point)
    assert torch.equal(after.latents, before.latents)


@each_scene
@given(exact_scenes(), st.integers(0, 59), st.booleans())
def test_how_points_are_cut_into_blocks_changes_nothing(scene, cut, footprint):
    memory, cameras, grid = scene
    whole = memory.as_one_block()
    parts = LatentMemory(SPEC, (whole[:cut], whole[cut:cut], whole[cut:]))
    before, after = (splat(m, cameras, grid, footprint) for m in (memory, parts))
    assert torch.equal(after.point, before.point)
    assert torch.equal(after.latents, before.latents)


@settings(each_scene, max_examples=20)
@given(exact_scenes())
def test_a_memory_reads_bit_equal_after_save_and_load(tmp_path_factory, scene):
    memory, cameras, grid = scene
    path = tmp_path_factory.mktemp("memory") / "scene.safetensors"
    save_memory(memory, path)
    before, after = (splat(m, cameras, grid) for m in (memory, load_memory(path)))
    for name in ("latents", "known", "depth", "point", "offset", "scale"):
        assert torch.equal(getattr(after, name), getattr(before, name)), name
