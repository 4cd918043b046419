"""360 degree pictures in ComfyUI: MoGe's panorama packets, single encoding of views, and the template."""

import json
import re

import numpy as np
import pytest
import torch
from contact_sheet import read_frames
from prompts import ROOT
from remembered import Pack
from workflow_to_prompt import workflow_to_prompt

HALF = torch.tensor([3.0, 1.4, 2.2])  # of a box around the panorama's place


@pytest.fixture(scope="module")
def pack(comfy):
    return Pack(comfy)


def box(rays):
    """How many of their own lengths rays ``(..., 3)`` go until they leave the box."""
    return (HALF / rays.abs().clamp(min=1e-9)).amin(dim=-1)


class BoxModel:
    """In the place of a MoGe model: knows the box, and reads from colours where a picture looks."""

    load_device, dtype, patcher = torch.device("cpu"), torch.float32, None

    def infer(self, pictures, **settings):
        rays = torch.nn.functional.normalize(pictures.movedim(1, -1) * 2.0 - 1.0, dim=-1)
        mask = rays[..., 1] > -0.9  # straight up it sees sky
        return {"points": rays * box(rays)[..., None], "mask": mask}


@pytest.fixture(scope="module")
def packet(pack):
    """What ComfyUI's own node makes of a panorama that is painted with its directions."""
    from comfy_extras import nodes_moge

    picture = pack.module("mirage_core.panorama").directions(64)[None] * 0.5 + 0.5
    settings = dict(resolution_level=0, split_resolution=96, merge_resolution=128, batch_size=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("comfy.model_management.load_model_gpu", lambda patcher: None)
        return nodes_moge.MoGePanoramaInference.execute(BoxModel(), picture, **settings).result[0]


def views(pack, source, picture, vae="taew22", **others):
    settings = dict(layout={"layout": "all around", "overlap": 0.1}, field_of_view=90.0, width=160, height=96)
    vae = pack.vae(vae) if isinstance(vae, str) else vae
    node = pack.node("Mirage_PanoramaToViews")
    return node.execute(picture=picture, source=source, vae=vae, **{**settings, **others}).result


def moge(packet, farthest=0.0):
    return {"source": "MoGe panorama", "moge_geometry": packet, "farthest": farthest}


def world_rays(cameras, size):
    (h, w), K = size, cameras.K[0]
    x, y = torch.meshgrid((torch.arange(w) + 0.5) / w, (torch.arange(h) + 0.5) / h, indexing="xy")
    rays = torch.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], torch.ones_like(x)], dim=-1)
    return torch.einsum("tij,hwj->thwi", cameras.cam2world[:, :3, :3], rays)


def test_moges_own_points_are_ours_in_other_axes(pack, packet):
    ours = pack.module("mirage_core.panorama").directions(64) * packet["depth"][0, ..., None]
    x, y, z = packet["points"][0].unbind(-1)  # z up, the centre at -x, right at y
    torch.testing.assert_close(ours, torch.stack([y, -z, -x], dim=-1), atol=1e-5, rtol=1e-5)


def test_views_of_moges_panorama_stand_in_the_box_and_show_its_directions(pack, packet):
    _, geometry, image = views(pack, moge(packet), packet["image"])
    rays = world_rays(geometry.cameras, (96, 160))
    seen = torch.nn.functional.normalize(image * 2.0 - 1.0, dim=-1)
    assert (seen - torch.nn.functional.normalize(rays, dim=-1)).abs().max() < 2e-3
    ratio = (geometry.depth / box(rays))[geometry.valid]
    assert ((ratio / ratio.median() - 1.0).abs() < 0.05).float().mean() > 0.97  # MoGe's panoramas are up to scale
    sky = torch.nn.functional.normalize(rays, dim=-1)[..., 1] < -0.93
    assert sky.any() and not geometry.valid[sky].any() and geometry.valid[~sky].float().mean() > 0.97


@pytest.mark.parametrize("vae", ["taew22", "wan21_vae"])
def test_every_view_is_a_latent_frame_of_its_own(pack, packet, vae):
    """A video VAE takes a batch of pictures for a video, and drops what does not fill its last latent frame."""
    used = pack.vae(vae)
    points, geometry, image = views(pack, moge(packet), packet["image"], vae=used)
    block, tokens = points.block, used.spacial_compression_encode()
    assert len(geometry) == len(image) == len(points.cameras) == 15
    together = used.encode(image)
    assert together.shape[2] == 4  # what VAE Encode makes of them
    last = used.encode(image[-1:])[0, :, 0]  # (C, h, w)
    assert last.shape[1:] == (96 // tokens, 160 // tokens)
    mine = block.tokens(block.source.view == 14)
    assert len(mine) > 5 and all((last.flatten(1).T == token).all(dim=1).any() for token in mine)
    assert not block.frame.any()  # each is the first video frame of a video


def test_what_is_excluded_is_not_lifted_and_a_made_up_mask_is_none(pack, packet):
    everything, *_ = views(pack, moge(packet), packet["image"])
    same, *_ = views(pack, moge(packet), packet["image"], exclude=torch.zeros(1, 64, 64))
    mask = torch.zeros(1, 64, 128)
    mask[:, 30:] = 1.0  # all that lies below
    upper, *_ = views(pack, moge(packet), packet["image"], exclude=mask)
    assert len(same.block) == len(everything.block) > len(upper.block) > 0
    assert everything.block.xyz[:, 1].max() > 0.5 > 0.1 > upper.block.xyz[:, 1].max()


def picture(value, rows=32):
    return torch.full((1, rows, 2 * rows, 3), value)


WHITE = {"source": "distance picture", "distance": picture(0.5), "far": 8.0}
REFUSED = {
    "perspective packet": (
        lambda packet: dict(source=moge({**packet, "intrinsics": torch.eye(3)[None]})),
        "moge_geometry: must be of a panorama; got that of a perspective picture.*Scene Geometry",
    ),
    "two panoramas": (
        lambda packet: dict(picture=picture(0.5).repeat(2, 1, 1, 1)),
        "picture: must be one panorama; got 2",
    ),
    "two masks": (
        lambda packet: dict(exclude=torch.ones(2, 32, 64)),
        "exclude: must be one mask, of the panorama; got 2",
    ),
    "mask of another size": (lambda packet: dict(exclude=torch.ones(1, 16, 32)), r"exclude: must be bool \(32, 64\)"),
    "near behind far": (
        lambda packet: dict(source={**WHITE, "source": "inverse distance picture", "near": 9.0}),
        "near must be above 0 and below far; got near 9, far 8",
    ),
    "tokens": (lambda packet: dict(width=150), "width, height: must be multiples of 16.*got 150 x 96.*144 or 160"),
    "distance of another size": (
        lambda packet: dict(source={**WHITE, "distance": picture(0.5, 16)}),
        "distance: must have the size of the picture, 64 x 32; got 32 x 16",
    ),
}


@pytest.mark.parametrize("change, message", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_words(pack, packet, change, message):
    with pytest.raises(ValueError, match=re.compile(message)):
        views(pack, **{"source": WHITE, "picture": picture(0.5), **change(packet)})


def test_scene_geometry_names_the_node_for_panoramas(pack, packet):
    with pytest.raises(ValueError, match=r"got a panorama, which has no intrinsics. Connect it to Panorama to Views"):
        pack.node("Mirage_SceneGeometry").execute({"source": "MoGe", "moge_geometry": packet, "farthest": 0.0})


@pytest.mark.parametrize(
    "value, near, length", [(0.5, {}, 4.0), (0.2, {"near": 1.0}, 1.0 / (0.2 * (1.0 - 1.0 / 8.0) + 1.0 / 8.0))]
)
def test_distance_pictures_are_distances_along_the_rays(pack, value, near, length):
    source = {"source": "inverse distance picture" if near else "distance picture", "far": 8.0, **near}
    given = {**source, "distance": picture(value)}
    points, geometry, _ = views(pack, given, picture(0.3), layout={"layout": "at the horizon", "views": 3})
    lengths = geometry.depth * world_rays(geometry.cameras, (96, 160)).norm(dim=-1)
    assert len(geometry) == 3
    torch.testing.assert_close(lengths, torch.full_like(lengths, length), rtol=1e-4, atol=0)
    assert points.block.xyz.norm(dim=1).max() < length * 1.1


def test_the_template_turns_around_once_and_knows_everything(server):
    workflow = json.loads((ROOT / "workflows" / "panorama.json").read_text())
    prompt = workflow_to_prompt(workflow, server.object_info())
    assert (prompt["6"]["inputs"]["move.degrees"], prompt["6"]["inputs"]["frames"]) == (360, 481)
    prompt["6"]["inputs"]["frames"] = 121  # 31 latent frames, 12 degrees apart
    outputs = server.run(prompt)["outputs"]
    (video,) = (out["images"][0] for out in outputs.values() if out.get("animated") == [True])
    frames, fps = read_frames(server.base / "output" / video["subfolder"] / video["filename"])
    assert (len(frames), fps, frames[0].size) == (121, 24, (400, 240))
    assert len(outputs["10"]["images"]) == 15  # the views
    assert outputs["7"]["text"] == ["100% of the tokens are known along 31 latent frames; least in frame 0: 100%"]
    first, last = (torch.from_numpy(np.array(frames[number])).float() for number in (0, -1))
    assert (first - last).abs().mean() < 1.0  # of 255: once around
    assert (first - torch.from_numpy(np.array(frames[60])).float()).abs().mean() > 20.0
