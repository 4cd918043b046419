"""The core with tensors on a GPU: results as on the CPU, one device, no copy that nobody waits for.

test_core.py runs these cases, each kind of GPU in a process of its own: Triton decides once, when it is imported,
whether kernels are interpreted.
"""

from itertools import product

import pytest
import synthetic_room as room
import torch

import mirage_core.splatting as splatting
from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, MirageError, PointBlock, lift, splat
from mirage_core.points import STORES
from mirage_core.readout import readout_bytes
from mirage_core.retrieval import seen_voxels, voxels_in_view
from mirage_core.shapes import Box, painted
from mirage_core.splatting import portable, triton_kernels
from mirage_core.update import Estimate, UpdateSettings, write_views
from mirage_core.walk import WalkState, walk

DEVICES = ("cpu", "cuda")
PARTS = ("latents", "known", "depth", "point", "offset", "scale")
CAMERAS = room.ramp(0, 60)[[0, 8]]
LATENTS, DEPTH = room.truth(CAMERAS), room.hit(CAMERAS, (room.H, room.W))[0]
DEPTHS = {"low": (-9.0, -9.0, 0.0), "high": (9.0, 9.0, 2.5)}
BROKEN = [
    RuntimeError("Failed to find C compiler. Please specify via CC environment variable."),
    FileNotFoundError(2, "No such file or directory", "ptxas"),
    AssertionError("libcuda.so cannot found!\nPossible files are located at []."),
    ImportError("DLL load failed while importing libtriton"),
]


@pytest.fixture(autouse=True)
def tried_anew():
    splatting.runs_triton.cache_clear()
    yield
    splatting.runs_triton.cache_clear()


def pairs(*choices):
    return list(product(*choices))


def lifted(device="cpu", views=(0, 1)):
    """Lifted on the CPU and moved, so that both devices hold the same bits."""
    views = list(views)
    return lift(LATENTS[views], Geometry(DEPTH[views], CAMERAS[views])).to(device), CAMERAS[views].to(device)


def remembered(device="cpu", store="", policy="append"):
    block, cameras = lifted()
    return LatentMemory(room.SPEC, store=store).insert(block, policy, cameras).to(device)


def devices_of(memory):
    return {column.device.type for block in memory.blocks for column in block.columns.values()}


def assert_same(ours, expected):
    for name in PARTS:
        assert torch.equal(getattr(ours, name).cpu(), getattr(expected, name)), name


@pytest.mark.parametrize("latents, depth, cameras, exclude", pairs(DEVICES, DEVICES, DEVICES, (None, *DEVICES)))
def test_a_block_lies_where_the_latents_are_wherever_depth_and_cameras_came_from(gpu, latents, depth, cameras, exclude):
    masks = (torch.zeros(2, *size, dtype=torch.bool) for size in ((room.H, room.W), room.SIZE))
    plain = lift(LATENTS, Geometry(DEPTH, CAMERAS), edge=0.3)
    for mask in (None,) if exclude is None else masks:
        geometry = Geometry(DEPTH.to(depth), CAMERAS.to(cameras))
        assert geometry.cameras.device == geometry.depth.device
        excluded = mask if mask is None else mask.to(exclude)
        block = lift(LATENTS.to(latents), geometry, exclude=excluded, edge=0.3)
        assert {column.device.type for column in (*block.columns.values(), block.source.view)} == {latents}
        torch.testing.assert_close(block.xyz.cpu(), plain.xyz)
        assert torch.equal(block.features.cpu(), plain.features)


@pytest.mark.parametrize("make, said", [
    (lambda: PointBlock(torch.ones(3, 3, device="cuda"), torch.ones(3, 2)), "xyz on cuda:0, features on cpu"),
    (lambda: PointBlock(torch.ones(3, 3), torch.ones(3, 2), torch.ones(3, device="cuda")), "footprint on cuda:0"),
    (lambda: Cameras(torch.eye(4, device="cuda")[None], torch.eye(3)), "cam2world, K: .*cam2world on cuda:0, K on cpu"),
    (lambda: Geometry(DEPTH.to("cuda"), CAMERAS, DEPTH > 0), "depth, valid: .*depth on cuda:0, valid on cpu"),
    (lambda: LatentMemory(room.SPEC, (lifted()[0], lifted("cuda")[0])), "blocks: .* got cpu and cuda:0"),
])  # fmt: skip
def test_what_lies_on_two_devices_is_refused_where_it_is_made(gpu, make, said):
    with pytest.raises(MirageError, match=said):
        make()


@pytest.mark.parametrize("backend", ["portable", "triton"])
@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("memory, device", pairs(DEVICES, (None, *DEVICES)))
def test_a_readout_is_the_same_on_every_device(gpu, memory, device, store, backend):
    if gpu.real and backend == "triton" and (device or memory) == "cpu":
        pytest.skip("compiled kernels do not run on the CPU")
    expected = splat(remembered(store=store), CAMERAS, room.SIZE)
    ours = splat(remembered(memory, store), CAMERAS, room.SIZE, backend=backend, device=device)
    assert {getattr(ours, name).device.type for name in PARTS} == {device or memory}
    assert_same(ours, expected)
    assert ours.to(device or memory) is ours and ours.to("cpu").known.device.type == "cpu"
    assert not gpu.unwaited


@pytest.mark.parametrize("store", STORES)
def test_reading_a_memory_on_the_gpu_with_triton_waits_for_nothing(gpu, store):
    points = remembered("cuda", store).as_one_block()
    memory = LatentMemory(room.SPEC, tuple(points[n : n + 40] for n in range(0, len(points), 40)))  # some are not seen
    views = CAMERAS[[0]]
    splat(memory, views, room.SIZE, backend="triton")  # the boxes of its blocks are taken once
    with gpu.waits_for_nothing():
        splat(memory, views, room.SIZE, backend="triton")


@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_without_a_working_triton_auto_reads_with_plain_torch_and_says_why_once(gpu, monkeypatch, caplog, error):
    def broken(*args):
        raise error

    monkeypatch.setattr(triton_kernels, "winning_points", broken)
    for _ in range(2):
        assert_same(splat(remembered(), CAMERAS, room.SIZE, device="cuda"), splat(remembered(), CAMERAS, room.SIZE))
    (warning,) = caplog.records
    first_line = str(error).splitlines()[0].rstrip(".!")
    assert first_line in warning.message and "plain torch instead" in warning.message
    with pytest.raises(MirageError, match=r"backend triton: must be able to run its kernels on cuda:0") as refused:
        splat(remembered(), CAMERAS, room.SIZE, device="cuda", backend="triton")
    assert first_line in str(refused.value)
    assert remembered("cuda").insert(lifted("cuda", (1,))[0], "fill", CAMERAS[[1]]).num_points  # fill reads, too


def test_kernels_that_find_nothing_are_not_used(gpu, monkeypatch):
    def wrong(xyz, footprint, views):
        return torch.full((len(views), *views.size), -1, dtype=torch.int64, device=xyz.device)

    monkeypatch.setattr(triton_kernels, "winning_points", wrong)
    assert_same(splat(remembered(), CAMERAS, room.SIZE, device="cuda"), splat(remembered(), CAMERAS, room.SIZE))


def test_a_full_gpu_does_not_say_that_triton_fails(gpu, monkeypatch):
    def full(*args):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patch, pytest.raises(torch.OutOfMemoryError):
        patch.setattr(triton_kernels, "winning_points", full)
        splat(remembered(), CAMERAS, room.SIZE, device="cuda")
    assert splatting.runs_triton(torch.device("cuda:0"))


@pytest.mark.parametrize("policy", ["append", "fill", "refresh"])
@pytest.mark.parametrize("memory, block, cameras", pairs(DEVICES, DEVICES, DEVICES))
def test_a_memory_stays_where_it_is(gpu, memory, block, cameras, policy):
    grown = remembered(memory).insert(lifted(block, (1,))[0], policy, CAMERAS[[1]].to(cameras))
    expected = remembered().insert(lifted("cpu", (1,))[0], policy, CAMERAS[[1]])
    assert devices_of(grown) == {memory} and grown.num_points == expected.num_points
    merged = grown.merge(remembered(block))
    assert devices_of(merged) == {memory}
    compact, budget = merged.compact(0.2), merged.prune(20_000)
    assert devices_of(compact) == devices_of(budget) == {memory} and budget.nbytes <= 20_000
    assert torch.equal(compact.as_one_block().xyz.cpu(), expected.merge(remembered()).compact(0.2).as_one_block().xyz)


@pytest.mark.parametrize("policy", ["append", "fill", "refresh"])
@pytest.mark.parametrize("memory, block, cameras", pairs(DEVICES, DEVICES, DEVICES))
def test_locked_points_stay_wherever_they_are(gpu, memory, block, cameras, policy):
    right = [Box(does="lock", low=(0.0, -9.0, -9.0), high=(9.0, 9.0, 9.0)), Box(does="erase", **DEPTHS)]
    grown = painted(remembered(memory), right).insert(lifted(block, (1,))[0], policy, CAMERAS[[1]].to(cameras))
    expected = painted(remembered(), right).insert(lifted("cpu", (1,))[0], policy, CAMERAS[[1]])
    assert 0 < expected.num_locked < expected.num_points
    for one, other in ((grown, expected), (grown.compact(0.4), expected.compact(0.4))):
        assert devices_of(one) == {memory}
        assert torch.equal(one.column("xyz").cpu(), other.column("xyz"))
        assert torch.equal(one.column("locked").cpu(), other.column("locked"))
    budget = grown.nbytes * 9 // 10
    assert devices_of(grown.prune(budget)) == {memory} and grown.prune(budget).num_locked == expected.num_locked


def test_a_block_that_is_moved_knows_its_cells_still(gpu):
    block, cameras = lifted()
    moved = block.to("cuda")
    assert moved.to("cuda") is moved and moved.to("cuda:0") is moved and block.to("cpu") is block
    there, here = (LatentMemory(room.SPEC).insert(one, "fill", cameras) for one in (moved, block))
    assert devices_of(there) == {"cuda"} and there.num_points == here.num_points
    memory = remembered("cuda")
    assert memory.to("cuda") is memory and memory.device == torch.device("cuda:0")
    views = cameras.to("cuda")
    assert views.to("cuda") is views and views.device == memory.device


def test_an_index_of_points_may_lie_elsewhere(gpu):
    block = lifted("cuda")[0]
    for index in (torch.tensor([2, 0]), torch.arange(len(block)) < 2):
        for device in DEVICES:
            assert len(block[index.to(device)]) == len(block.to("cpu")[index.to(device)]) == 2


@pytest.mark.parametrize("memory, latents, depth, cameras", pairs(DEVICES, DEVICES, DEVICES, DEVICES))
def test_views_are_written_wherever_they_come_from(gpu, memory, latents, depth, cameras):
    sky = torch.zeros(3, room.H, room.W).bool()
    sky[:, :4] = True
    estimate = Estimate(torch.cat([DEPTH, 0 * DEPTH[:1]]).to(depth), {"sky": sky})
    frames = torch.cat([LATENTS, LATENTS[:1]]).to(latents)  # the last view has no depth and is refused
    views = Cameras.concatenated([CAMERAS, CAMERAS[[0]]]).to(cameras)
    written, reports, left_out = write_views(remembered(memory), frames, estimate, views, 0, UpdateSettings())
    assert devices_of(written) == {memory} and [bool(one.refused) for one in reports] == [False, False, True]
    assert left_out.flatten(1).sum(dim=1).tolist() == [15, 15, 9 * 15]


@pytest.mark.parametrize("latents, memory, made, depth", pairs(DEVICES, DEVICES, DEVICES, DEVICES))
@pytest.mark.parametrize("reads", DEVICES)
def test_a_walk_takes_what_its_models_give_it(gpu, latents, memory, made, depth, reads):
    path = room.ramp(0, 60, 0)
    begin = room.begin(path)

    def denoise(request):
        known = request.readout.known.cpu()[:, None]
        fresh = torch.where(known, request.readout.latents.cpu(), room.truth(request.path.views))
        return torch.cat([request.first.cpu(), fresh[1:]]).to(made)

    def estimate(frames, cameras, readout):
        return Estimate(room.hit(cameras, (room.H, room.W))[0].to(depth))

    def read(memory, cameras, size):
        return splat(memory, cameras, size, device=reads, backend="portable")

    begin = WalkState(begin.latents.to(latents), begin.memory.to(memory))
    *_, last = walk(begin, room.on_grid(path), room.SETTINGS, denoise, estimate, read=read)
    assert devices_of(last.memory) == {memory} and last.memory.num_points > begin.memory.num_points
    assert {last.latents.device.type, last.left_out.device.type, last.shown.device.type} == {latents}


@pytest.mark.parametrize("device", DEVICES)
def test_seen_voxels_are_the_same_wherever_the_memory_is_read(gpu, device):
    readout = splat(remembered(device), CAMERAS, room.SIZE, device="cuda", backend="portable")
    for found, expected in (
        (seen_voxels(remembered(device), readout, 0.3), seen_voxels(remembered(), readout.to("cpu"), 0.3)),
        (voxels_in_view(remembered(device), CAMERAS, 0.3), voxels_in_view(remembered(), CAMERAS, 0.3)),
    ):
        assert all(torch.equal(a.cpu(), b) for a, b in zip(found, expected, strict=True))


def wide_room(points, channels):
    """A memory of random tokens in front of the cameras, in four blocks."""
    g = torch.Generator().manual_seed(0)
    xyz = torch.rand(points, 3, generator=g) * torch.tensor([8.0, 5.0, 8.0]) - torch.tensor([4.0, 2.5, 0.0])
    block = PointBlock(xyz, torch.zeros(points, channels), 0.3 * torch.rand(points, generator=g))
    return LatentMemory(LatentSpec(channels, 16), tuple(block[n::4] for n in range(4)))


def side_by_side(views):
    cam2world = torch.eye(4).repeat(views, 1, 1)
    cam2world[:, 0, 3] = torch.linspace(-1, 1, views)
    return Cameras(cam2world, room.K)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("backend, points, channels, views, size", [
    ("portable", 1000, 48, 1, (30, 52)),
    ("portable", 50_000, 48, 1, (30, 52)),
    ("portable", 20_000, 16, 21, (15, 26)),
    ("portable", 1000, 48, 40, (30, 52)),
    ("portable", 5000, 128, 9, (15, 26)),
    ("triton", 1000, 48, 2, (15, 26)),
])  # fmt: skip
def test_a_readout_says_how_much_it_takes(gpu, monkeypatch, backend, points, channels, views, size, device):
    if gpu.real:
        pytest.skip("the pretend GPU counts bytes")
    monkeypatch.setattr(portable, "TILE_ELSEWHERE", 2**16)  # of which the third case needs seven
    memory, cameras = wide_room(points, channels).to(device), side_by_side(views)
    said = readout_bytes(memory, cameras, size, "cuda", backend)
    gpu.most_bytes = before = gpu.bytes
    splat(memory, cameras, size, backend=backend, device="cuda")
    taken = gpu.most_bytes - before
    assert taken <= said <= 3 * taken


def test_working_space_does_not_grow_with_the_memory_or_the_path():
    assert portable.working_bytes(10**6, 21, (30, 52)) < 0.4e9
    assert portable.working_bytes(10**8, 21, (30, 52)) == portable.working_bytes(10**6, 21, (30, 52))


def test_blocks_out_of_view_take_nothing(gpu):
    memory, away = wide_room(1000, 4), side_by_side(1).transformed(translation=torch.tensor([0.0, 0.0, 99.0]))
    asked = [readout_bytes(memory, cameras, (3, 5), "cuda", "portable") for cameras in (side_by_side(1), away)]
    assert asked[0] > asked[1] + 16 * 1000
