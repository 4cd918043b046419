"""Devices that lack float64, 64-bit minima and the like: MPS, XPU, DirectML. The CPU works for them."""

from itertools import product

import pytest
import synthetic_room as room
import torch
from pretend_gpu import PretendGPU

from mirage_core import Cameras, Geometry, LatentMemory, MirageError, lift, splat
from mirage_core.compaction import BLOCK_POINTS
from mirage_core.coverage import coverage
from mirage_core.metrics import loop_closure
from mirage_core.readout import readout_bytes
from mirage_core.retrieval import joined, overlaps, seen_voxels, voxels_in_view
from mirage_core.storage import load_memory, save_memory
from mirage_core.update import UpdateSettings, aligned_to_memory
from mirage_core.walk import walk

# of which MPS has none, or only in some versions of torch
LACKS = "scatter_reduce_ scatter_reduce nanmedian nanquantile linalg_det det linalg_eigh linalg_inv argsort unique"
PLACES = ["mps:0", "xpu:0", "privateuseone:0"]
PATH = room.ramp(0, 60, 0)
VIEWS = PATH[[0, 8]]


@pytest.fixture(params=PLACES)
def place(request):
    gpu = PretendGPU(request.param, refused=frozenset({torch.float64}), lacks=frozenset(LACKS.split()))
    with gpu, torch.inference_mode():
        yield request.param


def geometry(views=VIEWS):
    return Geometry(room.hit(views, (room.H, room.W))[0], views)


def remembered(place="cpu", store=""):
    block = lift(room.truth(VIEWS).to(place), geometry())
    return LatentMemory(room.SPEC, store=store).insert(block, "append", VIEWS)


def there(depth, place):
    return Geometry(depth.depth.to(place), depth.cameras, depth.valid.to(place))


@pytest.mark.parametrize("store", ["float32", "int8"])
def test_memories_of_the_cpu_and_its_own_are_read(place, store, monkeypatch):
    expected = splat(remembered(store=store), VIEWS, room.SIZE)
    for memory, device in product((remembered(store=store), remembered(place, store)), (None, "cpu", place)):
        ours = splat(memory, VIEWS, room.SIZE, device=device)
        for name in ("latents", "known", "depth", "point", "offset", "scale"):
            assert getattr(ours, name).device == torch.device(device or memory.device)
            assert torch.equal(getattr(ours, name).cpu(), getattr(expected, name)), name
    assert readout_bytes(memory, VIEWS, room.SIZE, place) < readout_bytes(memory, VIEWS, room.SIZE, "cpu")
    from mirage_core.splatting import triton_kernels  # here: tests of the kernels decide how they are first imported

    monkeypatch.setattr(triton_kernels, "INTERPRETED", False)
    with pytest.raises(MirageError, match=f"backend triton: must have a CUDA or ROCm device; got {place}"):
        splat(memory, VIEWS, room.SIZE, device=place, backend="triton")


@pytest.mark.parametrize("policy", ["append", "fill", "refresh"])
def test_what_is_written_and_cut_stays_there(place, policy):
    views, grown = PATH[[4, 12]], []
    for device in ("cpu", place):
        block = lift(room.truth(views).to(device), there(geometry(views), device), edge=0.2)
        memory = remembered(device).insert(block, policy, views)
        kept = [memory, memory.compact(0.4), memory.prune(9000), memory.transform(2.0)]
        kept.append(LatentMemory(room.SPEC).insert(_many(block), "append", views))  # cut along a curve
        assert all(one.device == torch.device(device) for one in kept)
        grown.append([one.as_one_block().xyz.cpu() for one in kept])
    for ours, expected in zip(*reversed(grown), strict=True):
        assert torch.equal(ours, expected)


def _many(block):
    times = BLOCK_POINTS // len(block) + 1
    return type(block).concatenated([block] * times)


def test_geometry_is_aligned_covered_and_compared_there(place, tmp_path):
    memory, seen = remembered(place), geometry(PATH[[4]])
    here, (report,) = aligned_to_memory(seen, remembered(), room.SIZE, UpdateSettings())
    aligned, (other,) = aligned_to_memory(there(seen, place), memory, room.SIZE, UpdateSettings())
    assert torch.equal(aligned.depth.cpu(), here.depth) and other == report
    assert coverage(memory, room.on_grid(PATH.to(place))).known == coverage(remembered(), room.on_grid(PATH)).known
    views = VIEWS.to(place)
    for sets in (seen_voxels(memory, splat(memory, views, room.SIZE), 0.3), voxels_in_view(memory, views, 0.3)):
        assert torch.equal(overlaps(joined(sets).to(place), sets), overlaps(joined(sets), sets))
    frames = torch.rand(len(PATH), 16, 16, 3)
    assert len(loop_closure(frames.to(place), PATH.to(place), 0.01, 1.0)) == len(loop_closure(frames, PATH, 0.01, 1.0))
    save_memory(memory, tmp_path / "memory.safetensors")
    assert torch.equal(load_memory(tmp_path / "memory.safetensors").as_one_block().xyz, memory.as_one_block().xyz.cpu())


def test_cameras_there_give_the_same_cameras(place):
    path = PATH.to(place)
    for change in (
        lambda cameras: cameras.resampled(7),
        lambda cameras: cameras.relative_to(PATH[[3]]),
        lambda cameras: cameras.moved_to(PATH[[5]].to(place)),
        lambda cameras: Cameras.concatenated([cameras, PATH]),
    ):
        torch.testing.assert_close(change(path).on_cpu.cam2world, change(PATH).cam2world)


def test_a_walk_goes_on_there(place):
    begin = room.begin(PATH)
    expected = room.last(walk(begin, room.on_grid(PATH), room.SETTINGS, room.Denoiser(), room.exact_depth))
    begin = type(begin)(begin.latents.to(place), begin.memory.to(place))

    def denoise(request):
        known = request.readout.known.cpu()[:, None]
        made = torch.where(known, request.readout.latents.cpu(), room.truth(request.path.views)).to(place)
        return torch.cat([request.first, made[1:]])

    ours = room.last(walk(begin, room.on_grid(PATH), room.SETTINGS, denoise, room.exact_depth))
    assert ours.memory.device == torch.device(place)
    assert torch.equal(ours.latents.cpu(), expected.latents)
    assert ours.memory.num_points == expected.memory.num_points
