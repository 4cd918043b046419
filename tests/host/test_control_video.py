"""Render Memory Preview: holes in the colours that models were trained on, depth, and true pixels of the pictures."""

from dataclasses import dataclass

import pytest
import torch
from prompts import HEIGHT, WIDTH, call, path, remember, run_and_keep
from remembered import Pack, world

FRAMES, SPATIAL = 9, 8


@pytest.fixture(scope="module")
def pack(comfy):
    return Pack(comfy)


@dataclass
class Scene:
    """The sample photograph, remembered, and a path into it."""

    pack: Pack
    image: torch.Tensor
    geometry: object
    vae: object
    memory: object
    cameras: object

    def rendered(self, unknown="grey", **others):
        """Frames, mask and depth."""
        given = dict(memory=self.memory, cameras=self.cameras, vae=self.vae, width=WIDTH, height=HEIGHT)
        return self.pack.node("Mirage_RenderMemoryPreview").execute(**{**given, "unknown": unknown, **others}).result


@pytest.fixture(scope="module")
def scene(pack):
    image, geometry = pack.node("Mirage_SampleScene").execute("middle of the room").result
    (vae,) = pack.node("Mirage_PatchCodec").execute("8").result
    (latent,) = pack.host_nodes.VAEEncode().encode(vae, image)
    points, _ = pack.node("Mirage_LiftLatents").execute(latent, geometry, vae).result
    memory = pack.core.LatentMemory(points.spec).insert(points.block, cameras=points.cameras)
    cam2world = geometry.cameras.cam2world.repeat(FRAMES, 1, 1)
    cam2world[:, 2, 3] += torch.linspace(0.0, 0.4, FRAMES)
    cameras = pack.core.Cameras(cam2world, geometry.cameras.K[0])
    return Scene(pack, image, geometry, vae, memory, cameras)


def pixels_of(tokens, spatial=SPATIAL):
    """``(..., h, w)`` as ``(..., H, W)``."""
    return tokens.repeat_interleave(spatial, -2).repeat_interleave(spatial, -1)


@pytest.mark.parametrize(
    ("unknown", "bytes_"),
    [("grey", (127.5,) * 3), ("black", (0, 0, 0)), ("green", (102, 255, 0)), ("magenta", (255, 0, 255))],
)
def test_the_unknown_has_the_colour_that_a_model_was_trained_on(scene, unknown, bytes_):
    frames, mask, _ = scene.rendered(unknown)
    plain, same, _ = scene.rendered("black")
    holes = mask == 1
    assert 0.05 < mask.mean() < 0.7 and torch.equal(mask, same)
    assert torch.equal(frames[holes], (torch.tensor(bytes_) / 255).expand(int(holes.sum()), 3))
    assert torch.equal(frames[~holes], plain[~holes])


def test_the_older_choices_come_first(scene):
    schema = scene.pack.node("Mirage_RenderMemoryPreview").define_schema()
    (unknown,) = (one for one in schema.inputs if one.id == "unknown")
    assert unknown.options == ["grey", "black", "green", "magenta"]
    names = [one.id for one in schema.inputs]
    assert names == ["memory", "cameras", "vae", "width", "height", "unknown", "pictures", "geometry"]
    assert [one.display_name for one in schema.outputs] == ["frames", "mask", "depth"]


def test_depth_is_that_of_each_video_frames_own_camera_in_one_scale(scene):
    _, _, depth = scene.rendered()
    assert depth.shape == (FRAMES, HEIGHT, WIDTH, 3) and torch.equal(depth[..., 0], depth[..., 2])
    path = scene.pack.core.LatentPath.of(scene.cameras, scene.memory.spec, WIDTH, HEIGHT)
    tokens = scene.pack.core.splat(scene.memory, path.video, path.grid)  # one view per video frame
    assert torch.equal(depth[..., 0] > 0, pixels_of(tokens.known))
    nearness = torch.where(tokens.known, 1.0 / tokens.depth.clamp(min=1e-3), 0.0)
    centres = depth[:, SPATIAL // 2 :: SPATIAL, SPATIAL // 2 :: SPATIAL, 0]
    inner = torch.nn.functional.avg_pool2d(tokens.known.float(), 3, 1, 1) == 1.0
    ratio = (centres / nearness)[inner & (centres < 1.0)]
    assert float(ratio.std() / ratio.mean()) < 0.1  # of one scale for all frames, smooth over edges
    assert depth.max() == 1.0 and (depth == 1.0).float().mean() < 0.01


def test_depth_does_not_go_dark_for_a_stray_point(pack):
    pictures = pack.module("nodes.pictures.depth")
    depth = torch.full((2, 50, 60), 4.0)
    depth[0, 0, 0] = 0.01
    depth[1, :, 30:] = 0.0
    video = pictures.depth_video(depth)
    assert video[0, 0, 0].tolist() == [1.0] * 3 and video[0, 5, 5].tolist() == [1.0] * 3
    assert not video[1, :, 30:].any() and not pictures.depth_video(torch.zeros(1, 3, 4)).any()


def test_depth_between_tokens_is_smooth_and_unknown_tokens_take_no_part(pack):
    tokens = torch.tensor([[2.0, 4.0, 0.0], [2.0, 4.0, 0.0]])
    fine = pack.module("nodes.pictures.depth").pixel_depth(tokens, 4)
    assert fine.shape == (8, 12) and not fine[:, 8:].any()
    torch.testing.assert_close(fine[0, [0, 1, 6, 7]], torch.tensor([2.0, 2.0, 4.0, 4.0]))
    assert fine[0, :8].tolist() == sorted(fine[0, :8].tolist()) and len(fine[0, :8].unique()) == 6
    torch.testing.assert_close(1.0 / fine[3, 3] + 1.0 / fine[3, 4], torch.tensor(0.75))


def test_true_pixels_stand_where_the_memory_shows_the_photograph(scene, monkeypatch):
    said = []
    monkeypatch.setattr(
        scene.pack.module("nodes.preview"), "show", lambda status, notes: said.append(status) or {"mirage_notes": []}
    )
    decoded, mask, coarse = scene.rendered()
    frames, smaller, depth = scene.rendered(pictures=scene.image, geometry=scene.geometry)
    assert frames.shape == decoded.shape == (FRAMES, HEIGHT, WIDTH, 3)
    changed = (frames != decoded).any(dim=-1)
    share = changed.float().mean(dim=(1, 2))
    assert share.min() > 0.5  # of every video frame, not of those alone that latent frames stand at
    assert (smaller <= mask).all() and (mask - smaller).mean() < 0.02
    error = ((frames - scene.image)[0].square(), (decoded - scene.image)[0].square())
    known = smaller[0] == 0
    assert error[0][known].mean() < 0.2 * error[1][known].mean()
    at = (scene.geometry.depth[0] > 0) & changed[0] & (depth[0, ..., 0] < 1.0)
    fine, tokens = ((one[0, ..., 0] * scene.geometry.depth[0])[at] for one in (depth, coarse))
    assert fine.std() / fine.mean() < 0.3 * tokens.std() / tokens.mean()  # constant: the photograph's own depth
    assert said[0].endswith("of the pixels") and said[1].endswith("% are true pixels of the pictures")
    percent = float(said[1].split("; ")[2].split("%")[0])
    assert percent == pytest.approx(100 * float(changed.float().mean()), abs=2.0)


def test_one_of_pictures_and_geometry_alone_is_refused(scene):
    for given, missing in (({"pictures": scene.image}, "geometry"), ({"geometry": scene.geometry}, "pictures")):
        with pytest.raises(scene.pack.core.MirageError, match=f"must be connected together; {missing} is not"):
            scene.rendered(**given)


def test_a_photograph_that_the_memory_does_not_hold_is_refused(scene):
    image, geometry = scene.pack.node("Mirage_SampleScene").execute("at the table").result
    with pytest.raises(scene.pack.core.MirageError, match="was written from one of these 1 views"):
        scene.rendered(pictures=image, geometry=geometry)


def test_minimax_h3_has_one_picture_per_video_frame(pack, monkeypatch):
    """22 video frames are 7 latent ones, which span 1, 4, 4, 4, 4, 1 and 4 of them."""
    here = world(pack, 24, name="minimax_h3", frames=22, clip=5)
    H, W = here.size
    spans = [0, *[1] * 4, *[2] * 4, *[3] * 4, *[4] * 4, 5, *[6] * 4]
    seen = pack.module("nodes.host.seen_frames")
    monkeypatch.setattr(seen, "spec_of", lambda vae: here.memory.spec)

    def decoded(vae, latents):
        assert len(latents) == 7
        return (torch.arange(7.0) / 10)[spans].view(-1, 1, 1, 1).expand(-1, H, W, 3).clone()

    monkeypatch.setattr(seen, "decoded", decoded)
    depth = torch.full((1, H, W), 2.0)
    depth[:, :, W * 2 // 3 :] = 0.0
    pictures = torch.full((1, H, W, 3), 0.9)
    given = dict(memory=here.memory, cameras=here.cameras, vae=object(), width=W, height=H, unknown="magenta")
    node = pack.node("Mirage_RenderMemoryPreview")
    frames, mask, video = node.execute(**given).result
    assert frames.shape == (22, H, W, 3) and mask.shape == (22, H, W) and video.shape == (22, H, W, 3)
    assert torch.equal(mask, 1 - pixels_of(here.known.float()[spans], 16))
    assert torch.equal(video[..., 0] > 0, pixels_of(pack.core.splat(here.memory, here.cameras, (6, 10)).known, 16))
    geometry = pack.core.Geometry(depth, here.cameras[[0]])
    frames, mask, _ = node.execute(**{**given, "pictures": pictures, "geometry": geometry}).result
    left = ((frames - 0.9).abs().amax(dim=-1) < 1e-5).float().mean(dim=(1, 2))
    assert len(frames) == 22 and left[0] > 0.6 > left[-1] > 0.2
    assert (left[1:] < left[:-1]).all()  # the camera of each video frame has moved on, and sees less


def test_the_server_renders_true_pixels(server):
    prompt = {**remember(), "path": path(["lift", 1], FRAMES, "dolly", amount=0.3)}
    inputs = dict(memory=["memory", 0], cameras=["path", 0], vae=["vae", 0], width=WIDTH, height=HEIGHT)
    prompt["render"] = call("Mirage_RenderMemoryPreview", unknown="green", **inputs)
    prompt["render"]["inputs"] |= {"pictures": ["scene", 0], "geometry": ["lift", 1]}
    kept = run_and_keep(server, prompt, "true", image=["render", 0], mask=["render", 1])
    depth = run_and_keep(server, prompt, "true_depth", image=["render", 2])["image"]
    photo = run_and_keep(server, prompt, "true_photo", image=["scene", 0])["image"]
    assert kept["image"].shape == depth.shape == (FRAMES, HEIGHT, WIDTH, 3)
    known = kept["mask"][0] == 0
    assert (kept["image"][0] - photo[0])[known].abs().median() < 1e-3
