"""What ComfyUI's own nodes have put into the texts stays: start pictures of concat, reference pictures of VACE."""

import pytest
import torch
from families import Read, wan
from remembered import FRAMES, MODELS, SAMPLER, Captured, empty, mode, normal, settings, text

H, W = 48, 80  # of the video


def picture(seed: int, count: int = 1):
    """An IMAGE."""
    return torch.rand(count, H, W, 3, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def from_node(pack, extras):
    """Both texts, as a node of ComfyUI returns them."""

    def run(node, length=FRAMES, **inputs):
        common = dict(positive=text(1), negative=text(2), width=W, height=H, length=length, batch_size=1)
        output = pack.node(node).execute(**common, vae=extras["vace"]["vae"], **inputs)
        return dict(zip(("positive", "negative"), output.result, strict=False))

    return run


@pytest.fixture
def concat_reads(models, sampled, monkeypatch):
    """The picture channels and the mask (1 = given) that an image-to-video model reads first."""

    def run(here, model=None, **others):
        model = model or models["wan22_i2v_high"]
        with monkeypatch.context() as patch:
            seen = Read(model, patch)
            sampled("concat", here, model=model, **others)
        return seen.first["x"][:1, 20:], seen.first["x"][:1, 16:20]

    return run


def in_frames(here, *frames):
    """bool ``(T, h, w)``: of these latent frames."""
    chosen = torch.zeros_like(here.known)
    chosen[list(frames)] = True
    return chosen


def users(texts, key="concat_latent_image"):
    return texts["positive"][0][1][key]


@pytest.mark.parametrize(
    "node, pictures, given",
    [
        ("WanImageToVideo", {"start_image": picture(1)}, [0]),
        ("WanFirstLastFrameToVideo", {"start_image": picture(1), "end_image": picture(2, 4)}, [0, 2]),
        ("WanCameraImageToVideo", {"start_image": picture(1, 5)}, [0, 1]),
    ],
)
def test_start_pictures_stay_and_the_memory_fills_the_rest(
    scene, models, from_node, concat_reads, node, pictures, given
):
    here, model = scene("concat"), models["wan22_i2v_high"]
    texts = from_node(node, **pictures)
    shown, known = concat_reads(here, **texts)
    theirs, remembered = in_frames(here, *given), here.known & ~in_frames(here, *given)
    assert bool(remembered.any())
    expected = torch.where(remembered, here.splat, users(texts))
    torch.testing.assert_close(shown, normal(model, expected), atol=1e-4, rtol=1e-4)
    assert torch.equal(known, (theirs | remembered).float().expand_as(known))


def test_fun_camera_reads_its_cameras_the_start_picture_and_the_memory_at_once(
    scene, from_node, concat_reads, monkeypatch
):
    here = scene("concat")
    model = wan("CameraWanModel", model_type="camera_2.2", in_dim=36)
    cameras = torch.randn(1, 24, 3, H, W)
    texts = from_node("WanCameraImageToVideo", start_image=picture(1), camera_conditions=cameras)
    shown, _ = concat_reads(here, model=model, **texts)
    expected = torch.where(here.known & ~in_frames(here, 0), here.splat, users(texts))
    torch.testing.assert_close(shown, normal(model, expected), atol=1e-4, rtol=1e-4)
    assert torch.equal(users(texts, "camera_conditions"), cameras)


def test_a_start_stands_before_the_start_picture_of_the_texts(scene, models, from_node, concat_reads):
    """As in the second chunk of a walk, which begins where the first has ended."""
    here = scene("concat")
    start = {"samples": torch.randn(1, 16, 1, 6, 10, generator=torch.Generator().manual_seed(9))}
    shown, known = concat_reads(here, start=start, **from_node("WanImageToVideo", start_image=picture(1)))
    torch.testing.assert_close(shown[:, :, :1], normal(models["wan22_i2v_high"], start["samples"]))
    assert bool((known[:, :, 0] == 1).all())


def test_the_strength_is_of_the_memory_and_not_of_the_start_picture(scene, models, from_node, concat_reads):
    here, texts = scene("concat"), from_node("WanImageToVideo", start_image=picture(1))
    shown, known = concat_reads(here, strength=0.25, **texts)
    remembered = here.known & ~in_frames(here, 0)
    mixed = torch.where(remembered, torch.lerp(users(texts), here.splat, 0.25), users(texts))
    torch.testing.assert_close(shown, normal(models["wan22_i2v_high"], mixed), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(known, (in_frames(here, 0) + 0.25 * remembered).expand_as(known))


def test_outside_its_window_the_texts_are_as_they_came(scene, models, from_node, concat_reads):
    here, texts = scene("concat"), from_node("WanImageToVideo", start_image=picture(1))
    shown, known = concat_reads(here, **texts, **mode("concat", 0.9, 1.0))
    torch.testing.assert_close(shown, normal(models["wan22_i2v_high"], users(texts)), atol=1e-4, rtol=1e-4)
    assert torch.equal(known, in_frames(here, 0).float().expand_as(known))


@pytest.mark.parametrize("length", [5, 17])
def test_texts_of_another_length_are_cut_or_go_on_with_nothing(scene, models, extras, from_node, concat_reads, length):
    here, texts = scene("concat"), from_node("WanImageToVideo", length=length, start_image=picture(1))
    shown, known = concat_reads(here, **texts)
    grey = extras["concat"]["vae"].encode(torch.full((FRAMES, H, W, 3), 0.5))
    theirs = torch.cat([users(texts)[:, :, :3], grey[:, :, users(texts).shape[2] :]], dim=2)
    expected = torch.where(here.known & ~in_frames(here, 0), here.splat, theirs)
    torch.testing.assert_close(shown, normal(models["wan22_i2v_high"], expected), atol=1e-4, rtol=1e-4)
    assert torch.equal(known, (here.known | in_frames(here, 0)).float().expand_as(known))


@pytest.fixture
def refused(pack, extras, models):
    def run(name, here, message, **others):
        inputs = here.inputs(**{**extras[name], **settings(name), **others})
        with pytest.raises(pack.core.MirageError, match=message):
            pack.node("Mirage_ApplyMemory").execute(model=models[MODELS[name]], **inputs)

    return run


def test_start_pictures_that_cannot_stay_are_told_in_words(scene, refused, from_node):
    here = scene("concat")
    longer = from_node("WanFirstLastFrameToVideo", length=17, start_image=picture(1), end_image=picture(2))
    refused("concat", here, r"start pictures .* path's 3 latent frames of \(6, 10\).* they have \(5, 6, 10\)", **longer)
    texts = from_node("WanImageToVideo", start_image=picture(1))
    values = texts["negative"][0][1]
    values["concat_mask"] = torch.zeros(1, 1, 3, 6, 10)
    refused("concat", here, "pictures that they hold must leave something to the memory", **texts)
    for key in ("concat_latent_image", "concat_mask"):
        values[key] = values[key][..., :8]
    refused("concat", here, r"start pictures .* they have \(3, 6, 8\)", **texts)


@pytest.fixture
def vace_texts(from_node):
    """Texts of WanVaceToVideo with a reference picture."""
    return lambda length=FRAMES, **others: from_node(
        "WanVaceToVideo", length=length, strength=0.8, reference_image=picture(3), **others
    )


def test_vace_reads_the_reference_and_the_memory_behind_it(scene, models, extras, sampled, vace_texts, monkeypatch):
    here, model, texts = scene("vace"), models["wan21_vace"], vace_texts()
    seen = Captured(model, monkeypatch)
    made = sampled("vace", here, strength=0.7, **texts)
    assert made.shape == here.splat.shape  # the reference is taken off
    call = seen.first
    assert call["x"].shape[2] == 4 and call["vace_strength"] == [0.8, 0.7]
    theirs, ours = call["vace_context"][0]
    torch.testing.assert_close(theirs[:16], normal(model, users(texts, "vace_frames")[0][:, :16])[0])
    grey = normal(model, extras["vace"]["vae"].encode(torch.full((FRAMES, H, W, 3), 0.5)))[0]
    inactive, reactive, mask = ours.split((16, 16, 64))
    torch.testing.assert_close(inactive[:, 1:], torch.where(here.known, normal(model, here.splat)[0], grey))
    torch.testing.assert_close(reactive[:, 1:], grey)
    assert torch.equal(mask[:, 1:] == 0, here.known.expand(64, -1, -1, -1))
    torch.testing.assert_close(inactive[:, :1], grey[:, :1])  # of the reference the memory says nothing
    assert bool((mask[:, :1] == 1).all())


@pytest.mark.parametrize("name", ["vace", "blend", "uni3c"])
def test_a_reference_of_vace_goes_with_every_mode_and_a_start(scene, models, extras, sampled, vace_texts, name):
    here, start = scene("vace"), {"samples": torch.randn(1, 16, 1, 6, 10)}
    given = {**extras["vace"], **extras[name], **settings(name), **vace_texts()}
    made = sampled("vace", here, start=start, **given)
    assert made.shape == here.splat.shape
    torch.testing.assert_close(made[:, :, :1], start["samples"], atol=1e-4, rtol=0)
    if name == "blend":
        rest = here.known & ~in_frames(here, 0)
        torch.testing.assert_close(made[0][:, rest], here.splat[0][:, rest], atol=1e-5, rtol=0)
    kept = sampled("vace", here, keep_exact=True, **given)
    exact = here.readout.exact
    torch.testing.assert_close(kept[0][:, exact], here.splat[0][:, exact], atol=1e-4, rtol=0)


def test_apply_memory_hands_on_the_latent_with_the_reference_before_it(pack, scene, models, extras, vace_texts):
    here, texts = scene("vace"), vace_texts()
    inputs = here.inputs(**extras["vace"], **settings("vace"), **texts)
    model, positive, negative, latent, memory_latent, known = (
        pack.node("Mirage_ApplyMemory").execute(model=models["wan21_vace"], **inputs).result
    )
    reference = users(texts, "vace_frames")[0][:, :16, :1]
    expected = torch.where(here.known, here.splat, empty(model, here))
    torch.testing.assert_close(latent["samples"], torch.cat([reference, expected], dim=2))
    assert memory_latent["samples"].shape == here.splat.shape and known.shape == here.known.shape
    made = pack.host_nodes.KSampler().sample(model, 1, 2, 1.0, "euler", "simple", positive, negative, latent, 1.0)
    assert made[0]["samples"].shape[2] == 4


def test_two_controls_with_the_same_reference(pack, scene, sampled, extras, vace_texts):
    here, first = scene("vace"), vace_texts()
    both = pack.node("WanVaceToVideo").execute(
        **first, vae=extras["vace"]["vae"], width=W, height=H, length=FRAMES, batch_size=1, strength=1.0,
        reference_image=picture(3), control_video=picture(4, FRAMES),
    )  # fmt: skip
    texts = dict(zip(("positive", "negative"), both.result, strict=False))
    assert len(users(texts, "vace_frames")) == 2
    assert sampled("vace", here, **texts).shape == here.splat.shape


def test_two_memories_one_after_the_other_beside_a_reference(pack, scene, models, extras, vace_texts, sampled):
    here = scene("vace")
    inputs = here.inputs(**extras["vace"], **settings("vace"), **vace_texts())
    patched, positive, negative, *_ = (
        pack.node("Mirage_ApplyMemory").execute(model=models["wan21_vace"], **inputs).result
    )
    assert sampled("vace", here, model=patched, positive=positive, negative=negative).shape == here.splat.shape


def test_a_batch_of_starts_beside_a_control(scene, sampled, vace_texts):
    here, start = scene("vace"), {"samples": torch.randn(2, 16, 1, 6, 10)}
    assert sampled("vace", here, start=start, **vace_texts()).shape == (2, 16, 3, 6, 10)


def test_a_longer_control_is_cut_where_it_says_nothing_more_and_else_refused(scene, sampled, refused, vace_texts):
    """The last chunk of a walk is shorter than the others."""
    here = scene("vace")
    assert sampled("vace", here, **vace_texts(17)).shape == here.splat.shape
    message = r"VACE control must have the path's 3 latent frames .* the reference pictures \(1\); it has"
    says_more = vace_texts(17, control_video=picture(4, 17), control_masks=torch.zeros(17, H, W))
    refused("vace", here, message + r" 6 in all", **says_more)
    refused("vace", here, message + r" 3 in all", **vace_texts(5))


def test_a_walk_with_a_reference_picture(pack, scene, models, extras, vace_texts):
    here = scene("vace")
    cam2world = torch.eye(4).repeat(13, 1, 1)
    cam2world[:, 0, 3] = torch.linspace(0.0, 0.6, 13)
    walk = dict(chunk_frames=9, depth_fit="scale", policy="fill", budget=0.0, save_as="", keep_from="", keep_chunks=0,
                preceding=2, references=4, start={"samples": here.splat[:, :, :1]})  # fmt: skip
    inputs = here.inputs(**extras["vace"], **settings("vace"), **{**SAMPLER, "steps": 2}, **walk, **vace_texts())
    inputs["cameras"] = pack.core.Cameras(cam2world, here.cameras.K[0])
    latent = pack.node("Mirage_SceneWalk").execute(model=models["wan21_vace"], **inputs).result[0]["samples"]
    assert latent.shape == (1, 16, 4, 6, 10)
    torch.testing.assert_close(latent[:, :, :1], here.splat[:, :, :1])
