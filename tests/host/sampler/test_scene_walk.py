"""Scene Walk in ComfyUI's own process, with small checkpoints."""

import json
from pathlib import Path

import pytest
import torch
from remembered import MODELS, Captured, first, normal, text, world


@pytest.mark.parametrize("name", MODELS)
def test_two_chunks_in_every_mode(name, long, walked):
    here = long(name)
    latent, frames, memory, cameras, report, picture, left_out, video = walked(name, here).result
    spatial = here.memory.spec.spatial
    assert latent["samples"].shape == (1, here.splat.shape[1], 5, 6, 10)
    assert frames.shape == (17, 6 * spatial, 10 * spatial, 3)
    assert torch.isfinite(latent["samples"]).all()
    torch.testing.assert_close(latent["samples"][:, :, :1], first(here)["samples"])
    assert memory.num_points > here.memory.num_points and len(cameras) == 17
    assert "chunk 1, frames 0 to 8" in report and "chunk 2, frames 9 to 16" in report
    assert picture.ndim == 4 and picture.shape[-1] == 3 and left_out.shape == (5, 6, 10)
    assert video.get_frame_count() == 17 and video.get_dimensions() == (10 * spatial, 6 * spatial)


def test_the_second_chunk_begins_with_the_last_frame_of_the_first(long, walked, models, monkeypatch):
    here = long("branch")
    seen = Captured(models["wan22_ti2v"], monkeypatch)
    made = walked("branch", here).result[0]["samples"]
    second = seen.calls[2]["x"]  # two steps each
    references = second.shape[2] - 3 - 2  # three targets, two preceding
    target = second[:, :, references : references + 3]
    expected = normal(models["wan22_ti2v"], made)
    torch.testing.assert_close(target[:, :, :1], expected[:, :, 2:3], atol=1e-4, rtol=0)
    torch.testing.assert_close(second[:, :, -2:], expected[:, :, 0:2], atol=1e-4, rtol=0)  # preceding frames
    per_frame = seen.calls[2]["t"].view(1, second.shape[2], -1).amax(2)[0]
    assert (per_frame[:references] == 0).all() and (per_frame[-2:] == 0).all() and per_frame[references] == 0
    assert per_frame[references + 1] == 1000


def test_a_walk_taken_up_again_gives_the_same_frames_and_another_seed_another_walk(long, walked, comfy):
    import folder_paths

    here = long("per-token")
    whole = walked("per-token", here, save_as="walks/one")
    folder = Path(whole.result[4].splitlines()[0].removeprefix("saved in "))
    assert folder.is_relative_to(folder_paths.get_output_directory())
    files = sorted(folder.glob("*.safetensors"))
    assert [file.name for file in files] == ["chunk_0000.safetensors", "chunk_0001.safetensors"]
    files[1].unlink()  # as if it had been killed in the second chunk
    again = walked("per-token", here, save_as="walks/one")
    assert torch.equal(again.result[0]["samples"], whole.result[0]["samples"])
    assert torch.equal(again.result[2].as_one_block().features, whole.result[2].as_one_block().features)
    assert again.ui["mirage_walk"][0]["chunks"][0] == whole.ui["mirage_walk"][0]["chunks"][0]  # not made again
    other = walked("per-token", here, save_as="walks/one", seed=4)
    assert not torch.equal(other.result[0]["samples"], whole.result[0]["samples"])
    assert other.result[4].splitlines()[0] != whole.result[4].splitlines()[0]  # a folder of its own


def test_a_chunk_can_be_made_again_with_another_seed_keeping_what_came_before(long, walked):
    here = long("per-token")
    whole = walked("per-token", here, save_as="walks/two")
    name = "walks/two/" + whole.result[4].splitlines()[0].rsplit("/", 1)[1]
    redone = walked("per-token", here, save_as="walks/two", keep_from=name, keep_chunks=1, seed=9)
    assert torch.equal(redone.result[0]["samples"][:, :, :3], whole.result[0]["samples"][:, :, :3])
    assert not torch.equal(redone.result[0]["samples"][:, :, 3:], whole.result[0]["samples"][:, :, 3:])


def test_keeping_chunks_of_other_settings_or_more_than_there_are_is_refused(pack, long, walked):
    here = long("per-token")
    whole = walked("per-token", here, save_as="walks/three")
    name = "walks/three/" + whole.result[4].splitlines()[0].rsplit("/", 1)[1]
    with pytest.raises(pack.core.MirageError, match=r"keep_chunks: must be at most the 2 chunks .*; got 3"):
        walked("per-token", here, save_as="walks/three", keep_from=name, keep_chunks=3)
    with pytest.raises(pack.core.MirageError, match=r"chunk_0000\.safetensors: .* strength; .* 1, now it is 0\.5"):
        walked("per-token", here, save_as="walks/three", keep_from=name, keep_chunks=1, strength=0.5)
    with pytest.raises(pack.core.MirageError, match="keep_chunks: needs a saved walk"):
        walked("per-token", here, keep_from=name, keep_chunks=1)
    with pytest.raises(pack.core.MirageError, match="save_as: must name a folder inside the output folder"):
        walked("per-token", here, save_as="../elsewhere")


def test_texts_change_where_they_are_told_to(pack, long, walked, models, monkeypatch):
    here, texts = long("per-token"), []
    network = models["wan22_ti2v"].model.diffusion_model
    embed = network.text_embedding.forward
    monkeypatch.setattr(network.text_embedding, "forward", lambda x: (texts.append(x.clone()), embed(x))[1])
    (prompts,) = pack.node("Mirage_WalkPrompt").execute(text(7), 9).result
    walked("per-token", here, prompts=prompts)
    assert [torch.equal(one, text(1)[0][0]) for one in texts] == [True, True, False, False]
    torch.testing.assert_close(texts[2], text(7)[0][0])


class Moge:
    """A geometry model that sees a wall at 4 units, in a scale of its own, and sky above."""

    def infer(self, images, resolution_level, fov_x, force_projection, apply_mask):
        assert 60 < fov_x < 70 and images.shape[1] == 3
        depth = torch.full((len(images), *images.shape[2:]), 4.0)
        mask = torch.ones_like(depth, dtype=torch.bool)
        mask[:, : images.shape[2] // 6] = False
        return {"depth": torch.where(mask, depth, torch.inf), "mask": mask}


def test_depth_of_a_geometry_model_is_brought_to_the_memorys_scale(long, walked):
    here = long("per-token")
    output = walked("per-token", here, moge_model=Moge())
    views = [view for chunk in output.ui["mirage_walk"][0]["chunks"] for view in chunk["views"]]
    assert all(view["refused"] == "" and view["scale"] == pytest.approx(0.5, rel=1e-3) for view in views)
    assert all(view["excluded"]["sky"] == 10 for view in views)
    assert output.result[2].as_one_block().xyz[:, 2].max() == pytest.approx(2.0, rel=1e-3)


class Detect:
    """In the place of ComfyUI's SAM3 node: a thing in the lower left corner."""

    @classmethod
    def execute(cls, model, image, conditioning, threshold):
        assert model == "sam3" and conditioning[0][0].ndim == 3
        masks = torch.zeros(image.shape[:3])
        masks[:, -16:, :16] = 1.0
        return type("Output", (), {"result": (masks, [])})


def test_what_moves_stays_out_of_the_memory(pack, long, walked, comfy, monkeypatch):
    monkeypatch.setitem(comfy.NODE_CLASS_MAPPINGS, "SAM3_Detect", Detect)
    output = walked("per-token", long("per-token"), moge_model=Moge(), sam3_model="sam3", sam3_text=text(8))
    views = [view for chunk in output.ui["mirage_walk"][0]["chunks"] for view in chunk["views"]]
    assert all(view["excluded"]["moving"] == 1 for view in views)
    assert output.result[6][:, 5, 0].all() and not output.result[6][:, 3:5].any()
    with pytest.raises(pack.core.MirageError, match="sam3_model, sam3_text: connect both"):
        walked("per-token", long("per-token"), sam3_model="sam3")


def test_two_geometry_models_are_one_too_many(pack, long, walked):
    with pytest.raises(pack.core.MirageError, match="moge_model, da3_model: connect one of them"):
        walked("per-token", long("per-token"), moge_model=Moge(), da3_model=Moge())


@pytest.mark.parametrize("frames", [1, 5, 9])
def test_short_paths_are_walks_of_one_chunk(frames, long, walked):
    output = walked("blend", long("blend", frames))
    assert output.result[1].shape[0] == frames and len(output.ui["mirage_walk"][0]["chunks"]) == 1


def test_a_path_of_no_whole_latent_frames_is_refused(pack, long, walked):
    with pytest.raises(pack.core.MirageError, match=r"cameras: must be 1 \+ 4 n video frames, .*got 18"):
        walked("blend", long("blend", 18))


def test_a_walk_can_begin_with_the_picture_itself(pack, long, walked, extras):
    here = long("per-token")
    picture = torch.rand(1, *here.size, 3, generator=torch.Generator().manual_seed(1))
    made = walked("per-token", here, start_picture=picture).result[0]["samples"]
    torch.testing.assert_close(made[:, :, :1], extras["branch"]["vae"].encode(picture))
    with pytest.raises(pack.core.MirageError, match="start, start_picture: connect one of them; both are connected"):
        walked("per-token", here, start_picture=picture, start=first(here))
    with pytest.raises(pack.core.MirageError, match="start, start_picture: connect one of them; neither is connected"):
        walked("per-token", here, start=None)
    with pytest.raises(pack.core.MirageError, match=r"start_picture: must be of the size .*160 x 96; got 80 x 96"):
        walked("per-token", here, start_picture=picture[:, :, :80])


def test_the_report_is_plain_json(long, walked):
    summary = walked("blend", long("blend")).ui["mirage_walk"][0]
    assert json.loads(json.dumps(summary)) == summary and len(summary["chunks"]) == 2


def test_an_interrupt_stops_the_walk_and_finished_chunks_stay(long, walked, models, monkeypatch):
    import comfy.model_management
    import folder_paths

    here, calls = long("blend"), []
    network = models["wan21_t2v"].model.diffusion_model
    forward = network.forward_orig

    def interrupting(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:  # in the second chunk
            comfy.model_management.interrupt_current_processing()
        return forward(*args, **kwargs)

    monkeypatch.setattr(network, "forward_orig", interrupting)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        walked("blend", here, save_as="walks/stopped")
    assert len(calls) == 3
    (folder,) = (Path(folder_paths.get_output_directory()) / "walks" / "stopped").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["chunk_0000.safetensors", "walk.mp4"]


def test_a_world_of_other_latents_is_refused_before_anything_is_made(pack, walked, models):
    here = world(pack, 16)
    with pytest.raises(pack.core.MirageError, match="memory: must hold the latents of this model"):
        walked("per-token", here)


def test_what_a_first_walk_does_without_is_an_advanced_input(pack):
    inputs = pack.node("Mirage_SceneWalk").define_schema().inputs
    asked = [one.id for one in inputs if hasattr(one, "default") or one.id == "mode"]  # widgets, not sockets
    shown = [one.id for one in inputs if one.id in asked and not one.advanced]
    assert shown == ["width", "height", "seed", "steps", "cfg", "sampler_name", "mode", "save_as", "fps"]
    assert len(asked) == 23 and [one.id for one in inputs if one.advanced and one.id not in asked] == []
