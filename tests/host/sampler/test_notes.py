"""What is connected and has no effect, or is read otherwise than it was meant, is said by the node itself."""

import pytest
import torch
from remembered import FRAMES, MODELS, SAMPLER, first, settings, text

SAMPLERS = ("Mirage_ApplyMemory", "Mirage_MemorySampler")


@pytest.fixture
def notes(pack, models, extras):
    """Notes of a node that conditions a model in a mode."""

    def of(name, here, node="Mirage_ApplyMemory", **others):
        inputs = here.inputs(**{**extras[name], **settings(name), **others})
        sampler = SAMPLER if node == "Mirage_MemorySampler" else {}
        return pack.node(node).execute(model=models[MODELS[name]], **inputs, **sampler).ui["mirage_notes"]

    return of


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_said_of_what_has_an_effect(name, scene, notes):
    assert notes(name, scene(name)) == []
    assert notes(name, scene(name), **settings("auto")) == [] or name == "blend"


@pytest.mark.parametrize("node", SAMPLERS)
def test_a_branch_and_a_uni3c_patch_in_another_mode(node, scene, notes, extras):
    (said,) = notes("per-token", scene("per-token"), node, branch=extras["branch"]["branch"])
    assert said == (
        "branch: is connected, but has no effect: the mode is per-token. Choose mode branch, or disconnect it."
    )
    (said,) = notes("blend", scene("blend"), node, uni3c=extras["uni3c"]["uni3c"])
    assert said.startswith("uni3c: is connected, but has no effect: the mode is blend. Choose mode uni3c")
    (said,) = notes("blend", scene("blend"), node, vae=extras["vace"]["vae"])
    assert said == "vae: is connected, but has no effect: the mode is blend, which encodes nothing."


@pytest.mark.parametrize("name", MODELS)
def test_a_compiled_model_in_a_mode_that_works_inside_the_network(name, pack, scene, models, extras):
    from comfy_api.torch_helpers import set_torch_compile_wrapper

    compiled = models[MODELS[name]].clone()
    set_torch_compile_wrapper(model=compiled, backend="eager")
    inputs = scene(name).inputs(**{**extras[name], **settings(name)})
    said = pack.node("Mirage_ApplyMemory").execute(model=compiled, **inputs).ui["mirage_notes"]
    unused = f"model: is compiled, which has no effect: the mode is {name}, which works inside the network."
    assert said == ([unused] if name in ("branch", "uni3c") else [])


def test_auto_says_which_of_two_it_has_taken(scene, notes, extras):
    both = {**extras["branch"], **extras["uni3c"], **settings("auto")}
    (said,) = notes("branch", scene("branch"), **both)
    assert said.startswith("uni3c: is connected, but has no effect: auto has taken mode branch. Choose mode uni3c")


def test_a_score_that_encodes_nothing_does_without_the_vae(scene, notes, extras):
    mode = settings("branch")
    mode["mode"]["score"] = "known mask"
    (said,) = notes("branch", scene("branch"), **mode)
    assert said.startswith("vae: is connected, but has no effect: the mode is branch")


@pytest.mark.parametrize("name", ["branch", "vace"])
def test_strength_0_is_the_plain_model(name, scene, notes):
    (said,) = notes(name, scene(name), strength=0.0)
    assert said == "strength: 0 is the plain model. The memory, and what is connected for it, have no effect."


def test_a_walk_says_it_in_its_report_too(pack, long, walked, extras):
    here = long("per-token")
    (late,) = pack.node("Mirage_WalkPrompt").execute(text(5), 12).result
    output = walked("per-token", here, branch=extras["branch"]["branch"], prompts=late, keep_from="walks/x")
    branch, prompts, kept = output.ui["mirage_notes"]
    assert branch.startswith("branch: is connected, but has no effect: the mode is per-token")
    assert prompts.startswith("prompts: the one from video frame 12 has no effect") and "they begin at 0, 9." in prompts
    assert kept == "keep_from: has no effect, as keep_chunks is 0."
    assert output.result[4].splitlines()[:3] == [branch, prompts, kept]
    (early,) = pack.node("Mirage_WalkPrompt").execute(text(5), 9).result
    assert walked("per-token", here, prompts=early).ui["mirage_notes"] == []
    with pytest.raises(pack.core.MirageError, match="keep_from: must name the folder of the 2 chunks to keep"):
        walked("per-token", here, save_as="walks/y", keep_chunks=2)


def test_a_walk_in_a_mode_that_its_model_cannot_take_is_refused_before_anything_is_read(
    pack, long, walked, monkeypatch
):
    def never(*given, **options):
        raise AssertionError("nothing was to be done")

    monkeypatch.setattr(pack.module("nodes.host.memory_device"), "splat", never)
    with pytest.raises(pack.core.MirageError, match="mode vace: needs a Wan VACE model"):
        walked("blend", long("blend"), **settings("vace"))


def looked_at(pack, here, node, vae=None):
    H, W = here.size
    others = {
        "Mirage_WarpLatents": {"footprint": True},
        "Mirage_RenderMemoryPreview": {"unknown": "grey", "vae": vae},
        "Mirage_PreviewWalk": {"vae": vae},
    }
    return pack.node(node).execute(memory=here.memory, cameras=here.cameras, width=W, height=H, **others[node])


@pytest.mark.parametrize("node", ["Mirage_WarpLatents", "Mirage_RenderMemoryPreview", "Mirage_PreviewWalk"])
def test_frames_beyond_whole_latent_frames_are_named(node, pack, long, extras):
    vae = extras["vace"]["vae"]
    assert looked_at(pack, long("blend", frames=9), node, vae).ui["mirage_notes"] == []
    output = looked_at(pack, long("blend", frames=11), node, vae)
    (said,) = output.ui["mirage_notes"]
    assert said == (
        "cameras: there are 11, but video latents hold 1 + 4 n frames: the last 2 are left out. "
        "Set the frames of the path to 9 or 13."
    )
    if node == "Mirage_PreviewWalk":
        assert said in output.result[2] and said in output.ui["text"][0]


@pytest.mark.parametrize("node", ["Mirage_WarpLatents", "Mirage_RenderMemoryPreview", "Mirage_PreviewWalk"])
def test_a_video_of_another_shape_than_the_cameras_is_named(node, pack, long, extras):
    here = long("blend", frames=9)
    here.size = (here.size[0], here.size[1] + 16)
    (said,) = looked_at(pack, here, node, extras["vace"]["vae"]).ui["mirage_notes"]
    assert said.startswith("width, height: must have the shape of what the cameras see, 1.667 : 1; got 96 x 48, 2.000")


def test_without_a_vae_the_previewed_walk_is_a_walk_in_rough_colours(pack, scene):
    here = scene("blend")
    output = looked_at(pack, here, "Mirage_PreviewWalk")
    picture, frames, report, _ = output.result
    assert frames.shape == (FRAMES, *here.size, 3) and picture.shape[1:] != frames.shape[1:]
    (said,) = output.ui["mirage_notes"]
    assert said.startswith("frames: in rough colours, one square per token.") and said in report
    tokens = here.splat[0].movedim(0, -1)  # (T, h, w, C)
    colours = pack.module("nodes.host.formats").colours_of(here.memory.spec, tokens[here.known]).clamp(0, 1)
    expected = torch.zeros(*here.known.shape, 3)
    expected[here.known] = colours
    dark = pack.module("nodes.preview").GREY
    expected = torch.where(here.known.unsqueeze(-1), expected, expected * 0.25 + dark)
    torch.testing.assert_close(frames[::4, 3::8, 3::8], expected)
    torch.testing.assert_close(frames[1], frames[4])  # four video frames to a latent one


def test_a_vae_of_other_latents_is_refused_by_what_decodes(pack, scene, extras):
    for node in ("Mirage_PreviewWalk", "Mirage_RenderMemoryPreview"):
        with pytest.raises(pack.core.MirageError, match="vae: must make the latents that the memory holds"):
            looked_at(pack, scene("blend"), node, extras["branch"]["vae"])


def test_a_walk_reads_with_cameras_of_the_videos_shape(pack, long, walked, monkeypatch):
    """A lens that is 5 % off across is no other camera: the tokens of the start stay exact."""
    here = long("blend")
    exact = pack.core.splat(here.memory, here.cameras[[0]], (6, 10)).exact
    K = here.cameras.K.clone()
    K[:, 0, 0] *= 1.05
    fitted, here.cameras = here.cameras, pack.core.Cameras(here.cameras.cam2world, K)
    walking, seen = pack.module("nodes.host.walk.models"), []
    condition = walking.condition
    monkeypatch.setattr(walking, "condition", lambda request: (seen.append(request), condition(request))[1])
    output = walked("blend", here)
    assert int(exact.sum()) == int(seen[0].readout.exact[0].sum()) == 42
    prepared = pack.module("nodes.host.steering.conditioning").condition
    one = prepared(walking.replace(seen[0], readout=None))
    assert torch.equal(one.remembered.readout.latents, seen[0].readout.latents)
    torch.testing.assert_close(output.result[3].K, fitted.K)


def test_a_start_of_another_size_is_refused_before_anything_is_read(pack, long, walked):
    here = long("blend")
    start = {"samples": first(here)["samples"][..., :8]}
    with pytest.raises(
        pack.core.MirageError, match="start: must have 10 x 6 tokens, as width and height say; got 8 x 6"
    ):
        walked("blend", here, start=start)


def test_a_walk_of_another_shape_than_its_cameras_is_refused(pack, long, walked):
    here = long("blend")
    here.size = (here.size[0], here.size[1] + 16)
    with pytest.raises(pack.core.MirageError, match="must have the shape of what the cameras see"):
        walked("blend", here)
