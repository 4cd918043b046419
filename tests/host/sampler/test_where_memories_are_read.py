"""Every node reads memories on the device that ComfyUI computes on, and goes on where the memory is."""

from contextlib import contextmanager

import pytest
import torch


@pytest.fixture
def readings(pack, monkeypatch):
    """Within it every reading asks for ComfyUI's device; how many there were."""
    reading, readout = pack.module("nodes.host.memory_device"), pack.module("mirage_core.readout")
    splat, chosen = reading.splat, readout.backend_named

    @contextmanager
    def within():
        devices, every = [], []

        def on_a_device(*given, device, **options):
            devices.append(device)
            return splat(*given, device=device, **options)

        with monkeypatch.context() as patch:
            patch.setattr(reading, "splat", on_a_device)
            patch.setattr(readout, "backend_named", lambda *given: (every.append(1), chosen(*given))[1])
            yield devices
        assert devices and len(every) == len(devices)

    return within


def geometry_of(pack, here):
    H, W = here.size
    return pack.core.Geometry(torch.full((1, H, W), 2.1), here.cameras[[0]])


def test_scene_walk(readings, long, walked):
    here = long("blend")
    with readings() as devices:
        walked("blend", here)
    assert len(devices) > 4


def test_preview_walk(readings, pack, scene):
    here = scene("blend")
    H, W = here.size
    with readings():
        pack.node("Mirage_PreviewWalk").execute(memory=here.memory, cameras=here.cameras, width=W, height=H)


def test_align_geometry(readings, pack, scene):
    here = scene("blend")
    settings = dict(depth_fit="scale", max_residual=0.1, tolerance=0.25)
    with readings():
        pack.node("Mirage_AlignGeometry").execute(geometry=geometry_of(pack, here), memory=here.memory, **settings)


def test_latent_memory_cache_writes_what_is_not_there_yet(readings, pack, scene):
    here, types = scene("blend"), pack.module("nodes.types")
    block = pack.core.lift(here.splat[0, :, :1].transpose(0, 1), geometry_of(pack, here))
    points = types.LiftedPoints(block, here.cameras[[0]], here.memory.spec)
    node = pack.node("Mirage_LatentMemoryCache")
    with readings():
        written = node.execute(policy="fill", budget=0.0, voxel=0.0, points=points, memory=here.memory).result[0]
    expected = here.memory.insert(block, "fill", cameras=here.cameras[[0]])
    assert here.memory.num_points < written.num_points == expected.num_points
    assert torch.equal(written.as_one_block().xyz, expected.as_one_block().xyz)


def test_what_is_read_for_work_on_the_memory_comes_back_to_it(pack, scene, monkeypatch):
    """With --gpu-only ComfyUI keeps what nodes hand over elsewhere than the walk keeps its state."""
    import comfy.model_management

    here = scene("blend")
    monkeypatch.setattr(comfy.model_management, "intermediate_device", lambda: torch.device("meta"))
    reading = pack.module("nodes.host.memory_device")
    (H, W), size = here.size, tuple(here.splat.shape[3:])
    path = pack.core.LatentPath.of(here.cameras, here.memory.spec, W, H)
    assert reading.read(here.memory, path).depth.device.type == "meta"
    assert reading.read_beside(here.memory, path.views, size).depth.device.type == "cpu"
