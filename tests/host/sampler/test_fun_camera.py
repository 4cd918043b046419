"""Fun-Camera reads the memory, and the cameras that it is read for."""

from dataclasses import replace

import pytest
import torch
from families import Read, wan
from remembered import empty, mode, normal, texts_with, world

pytestmark = pytest.mark.filterwarnings("ignore:Using torch.cross without specifying the dim")  # ComfyUI's


def fun_camera(version):
    if version == "2.1":
        return wan("CameraWanModel", model_type="camera", in_dim=32)
    return wan("CameraWanModel", model_type="camera_2.2", in_dim=36)


def cameras_of(call):
    return call["camera_conditions"]


@pytest.mark.parametrize("version", ["2.1", "2.2"])
@pytest.mark.parametrize("name", ["concat", "blend"])
def test_fun_camera_is_told_the_cameras_that_the_memory_is_read_for(pack, network_reads, version, name):
    here, model = world(pack, 16), fun_camera(version)
    calls = network_reads(model, here, **mode(name))
    depth = float(here.readout.depth[here.known].median())
    node = pack.node("Mirage_PathToWanCamera")
    expected = node.execute(here.cameras, here.size[1], here.size[0], 1.0 / depth).result[0]
    assert depth == 2.0  # so that the scale does matter
    for call in calls:
        torch.testing.assert_close(cameras_of(call), expected.expand(2, -1, -1, -1, -1))
        if name == "concat":
            picture = torch.where(here.known, normal(model, here.splat), call["x"][:, -16:])
            assert torch.equal(call["x"][:, -16:], picture)


def test_the_embedding_does_not_depend_on_the_units_of_the_scene(pack, network_reads):
    here, model = world(pack, 16), fun_camera("2.2")
    (block,) = here.memory.blocks
    larger = replace(block, xyz=block.xyz * 8, footprint=block.footprint * 8)
    scaled = {
        "memory": replace(here.memory, blocks=(larger,)),
        "cameras": here.cameras.transformed(scale=8.0),
    }
    small, large = (network_reads(model, here, **others)[0] for others in ({}, scaled))
    torch.testing.assert_close(cameras_of(large), cameras_of(small))
    assert torch.equal(large["x"][:, 16:], small["x"][:, 16:])


def test_a_path_that_sees_nothing_of_the_memory_keeps_its_own_units(pack, network_reads):
    here, model = world(pack, 16), fun_camera("2.2")
    turned = here.cameras.cam2world.clone()
    turned[:, :3, :3] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))  # about, away from the wall
    path = pack.core.Cameras(turned, here.cameras.K[0])
    expected = pack.node("Mirage_PathToWanCamera").execute(path, here.size[1], here.size[0], 1.0).result[0]
    found = cameras_of(network_reads(model, here, cameras=path)[0])
    torch.testing.assert_close(found, expected.expand_as(found))
    assert found[:, :12].abs().max() > 0.1  # it moves


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_cameras_of_the_texts_stay_and_the_node_says_so(pack, network_reads, extras, strength):
    here, model = world(pack, 16), fun_camera("2.2")
    theirs = torch.randn(1, 24, 3, *here.size)
    given = {**texts_with(camera_conditions=theirs), "strength": strength, "vae": extras["vace"]["vae"]}
    for call in network_reads(model, here, **given):
        assert torch.equal(cameras_of(call), theirs.expand(2, -1, -1, -1, -1))
    (said,) = pack.node("Mirage_ApplyMemory").execute(model=model, **here.inputs(**given)).ui["mirage_notes"]
    assert said.startswith("positive, negative: hold a camera embedding of their own" if strength else "strength: 0")


def test_at_strength_0_fun_camera_is_the_plain_model(pack, made, plain):
    here, model = world(pack, 16), fun_camera("2.2")
    expected = plain(model, {"samples": empty(model, here)}, steps=2)
    assert torch.equal(made(model, here, strength=0.0)[0], expected)


def test_other_wan_models_are_told_no_cameras(pack, network_reads, models):
    calls = network_reads(models["wan22_i2v_high"], world(pack, 16))
    assert not any("camera_conditions" in call for call in calls)


def test_odd_token_grids_of_fun_camera_are_padded_as_the_network_pads_its_latents(pack, network_reads):
    here = world(pack, 16, tokens=(5, 9))
    call = network_reads(fun_camera("2.2"), here)[0]
    assert here.size == (40, 72) and tuple(cameras_of(call).shape) == (2, 24, 3, 48, 80)


def test_cameras_of_another_video_are_refused_in_words(pack, made):
    here, texts = world(pack, 16), texts_with(camera_conditions=torch.zeros(1, 24, 5, 48, 80))
    message = r"camera embedding .* path's 3 latent frames of \(48, 80\) pixels.* it is for 5 of \(48, 80\)"
    with pytest.raises(pack.core.MirageError, match=message):
        made(fun_camera("2.2"), here, **texts)


def test_every_chunk_of_a_walk_has_the_cameras_of_its_own_part(pack, long, walked, monkeypatch):
    here, model = long("concat"), fun_camera("2.2")
    with monkeypatch.context() as patch:
        read = Read(model, patch)
        walked("concat", here, model=model)
    first, *_, last = (cameras_of(call) for call in read.calls)
    assert first.shape == last.shape == (1, 24, 3, *here.size)
    assert not first[:, :12, 0].any() and not last[:, :12, 0].any()  # each begins at its own first camera
    assert first[:, :12, 1:].abs().max() > 0.01 and last[:, :12, 1:].abs().max() > 0.01
    with pytest.raises(pack.core.MirageError, match="must hold no camera embedding for a walk of several chunks"):
        walked("concat", here, model=model, **texts_with(camera_conditions=first))
