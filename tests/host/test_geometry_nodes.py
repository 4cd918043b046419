"""Depth of pictures, and the patch codec, in a real ComfyUI server."""

import pytest
import torch
from prompts import HEIGHT, WIDTH, call, remember, run_and_keep


def test_moge_geometry_keeps_intrinsics_and_leaves_its_mask_out(server):
    prompt = {
        "packet": call("MirageTest_Moge"),
        "geometry": call(
            "Mirage_SceneGeometry", source="MoGe", source__moge_geometry=["packet", 0], source__farthest=5
        ),
    }
    kept = run_and_keep(server, prompt, "moge", geometry=["geometry", 0])
    assert not kept["valid"][0, :5].any() and kept["valid"][0, 5:20].all()
    assert kept["depth"].max() <= 5 and not kept["valid"][0, -1].any()
    torch.testing.assert_close(kept["K"][0, 0, 0], torch.tensor(0.9))


def test_depth_anything_geometry_leaves_the_sky_out(server):
    inputs = dict(source__da3_geometry=["packet", 0], source__field_of_view=90.0, source__farthest=0)
    prompt = {
        "packet": call("MirageTest_Da3", multiview=False),
        "geometry": call("Mirage_SceneGeometry", source="Depth Anything 3", **inputs),
    }
    kept = run_and_keep(server, prompt, "da3", geometry=["geometry", 0])
    assert not kept["valid"][0, :10].any() and kept["valid"][0, 10:].all()
    torch.testing.assert_close(kept["K"][0, 0, 0], torch.tensor(0.5))  # 90 degrees


def test_depth_anything_with_several_views_brings_its_cameras(server):
    inputs = dict(source__da3_geometry=["packet", 0], source__field_of_view=90.0, source__farthest=0)
    prompt = {
        "packet": call("MirageTest_Da3", multiview=True),
        "geometry": call("Mirage_SceneGeometry", source="Depth Anything 3", **inputs),
    }
    kept = run_and_keep(server, prompt, "da3_views", geometry=["geometry", 0])
    torch.testing.assert_close(kept["cam2world"][1, :3, 3], torch.tensor([0.5, 0.0, 0.0]))
    torch.testing.assert_close(kept["K"][:, 0, 0], torch.tensor([20 / 28, 20 / 28]))
    torch.testing.assert_close(kept["K"][:, 1, 1], torch.tensor([1.0, 1.0]))


def test_a_depth_picture_becomes_depth(server):
    settings = dict(source__field_of_view=60.0, source__near=2.0, source__far=8.0)
    prompt = {
        "picture": call("EmptyImage", width=32, height=16, batch_size=1, color=0xFFFFFF),
        "geometry": call(
            "Mirage_SceneGeometry", source="inverse depth picture", source__depth=["picture", 0], **settings
        ),
    }
    kept = run_and_keep(server, prompt, "picture", geometry=["geometry", 0])
    torch.testing.assert_close(kept["depth"], torch.full((1, 16, 32), 2.0))


def test_geometry_of_another_scale_is_brought_to_the_memorys(server):
    prompt = remember(patch="16")
    prompt["picture"] = call("EmptyImage", width=WIDTH, height=HEIGHT, batch_size=1, color=0)
    half = dict(source__moge_geometry=["moge", 0], source__farthest=0)
    prompt["moge"] = call("MirageTest_MogeOfGeometry", geometry=["scene", 1], scale=0.5)
    prompt["half"] = call("Mirage_SceneGeometry", source="MoGe", **half)
    settings = dict(depth_fit="scale", max_residual=0.1, tolerance=0.25)
    prompt["aligned"] = call("Mirage_AlignGeometry", geometry=["half", 0], memory=["memory", 0], **settings)
    true = run_and_keep(server, prompt, "true", geometry=["scene", 1])
    aligned = run_and_keep(server, prompt, "aligned", geometry=["aligned", 0])
    both = aligned["valid"] & true["valid"]
    assert both.float().mean() > 0.4
    torch.testing.assert_close(aligned["depth"][both], true["depth"][both], rtol=0.02, atol=0)


@pytest.mark.parametrize("patch", ["8", "16"])
def test_the_codec_works_in_comfyuis_encode_and_decode_tiled_or_not(server, patch):
    prompt = {
        **remember(patch),
        "decode": call("VAEDecode", samples=["encode", 0], vae=["vae", 0]),
        "tiles": call(
            "VAEEncodeTiled",
            pixels=["scene", 0],
            vae=["vae", 0],
            tile_size=256,
            overlap=64,
            temporal_size=64,
            temporal_overlap=8,
        ),
        "untile": call(
            "VAEDecodeTiled",
            samples=["tiles", 0],
            vae=["vae", 0],
            tile_size=256,
            overlap=64,
            temporal_size=64,
            temporal_overlap=8,
        ),
    }
    whole = run_and_keep(server, prompt, "whole", image=["decode", 0], latent=["encode", 0])
    tiled = run_and_keep(server, prompt, "tiled", image=["untile", 0], latent=["tiles", 0])
    photo = run_and_keep(server, prompt, "scene", image=["scene", 0])["image"]
    assert whole["samples"].shape == (1, 48, 1, HEIGHT // int(patch), WIDTH // int(patch))
    torch.testing.assert_close(tiled["samples"], whole["samples"], atol=1e-4, rtol=0)
    torch.testing.assert_close(tiled["image"], whole["image"], atol=1e-4, rtol=0)
    assert whole["image"].shape == photo.shape
    assert (whole["image"] - photo).square().mean() < 0.02
