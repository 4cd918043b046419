"""Scene Walk with LTX-2 and MiniMax H3, with sound, in a real ComfyUI server: two chunks, out and back."""

import urllib.request

import pytest
import torch
from comfy_server import ComfyError
from prompts import call, path, run_and_keep
from test_walk_node import WALK

SAMPLER = dict(seed=3, steps=2, cfg=1.0, sampler_name="euler", scheduler="simple", denoise=1.0)
SIZES = {"ltx": (512, 352, 33, 17), "h3": (528, 352, 39, 22)}  # width, height, video frames, of a chunk


def models(name):
    """The model, its VAE and what it sounds like, as nodes model, vae and sound."""
    if name == "h3":
        return {
            "model": call("UNETLoader", unet_name="minimax_h3.safetensors", weight_dtype="default"),
            "vae": call("MirageTest_SmallH3Vae", vae_name="h3_video_vae.safetensors"),
        }, ["vae", 0]
    file = "ltx_av.safetensors"
    sound = call("LTXVEmptyLatentAudio", frames_number=33, frame_rate=25, batch_size=1, audio_vae=["hears", 0])
    loaders = {
        "model": call("CheckpointLoaderSimple", ckpt_name=file),
        "hears": call("LTXVAudioVAELoader", ckpt_name=file),
    }
    return {**loaders, "sound": sound}, ["model", 2]


def walk(name, save_as):
    width, height, frames, chunk = SIZES[name]
    loaders, vae = models(name)
    text = {"text": call("CLIPTextEncode", text="a room", clip=["clip", 0]), "clip": call("MirageTest_Clip")}
    links = {key: ["text", 0] for key in ("positive", "negative")} | {"start": ["encode", 0], "vae": vae}
    links |= {"sound": ["sound", 0]} if "sound" in loaders else {}
    mode = {"mode": "auto", "mode.start_percent": 0.0, "mode.end_percent": 1.0}
    given = {**SAMPLER, **WALK, **mode, "chunk_frames": chunk, "strength": 1.0, "width": width, "height": height}
    cameras = path(["scene", 1], frames)
    cameras["inputs"]["return_to_start"] = True
    return {
        **loaders,
        **text,
        "scene": call("Mirage_SampleScene", view="middle of the room"),
        "encode": call("VAEEncode", pixels=["scene", 0], vae=vae),
        "lift": call("Mirage_LiftLatents", latent=["encode", 0], geometry=["scene", 1], vae=vae),
        "memory": call("Mirage_LatentMemoryCache", points=["lift", 0], policy="fill", budget=0, voxel=0),
        "cameras": cameras,
        "seen": call("Mirage_WarpLatents", memory=["memory", 0], cameras=["cameras", 0], width=width, height=height,
                     footprint=True),
        "walk": call("Mirage_SceneWalk", model=["model", 0], memory=["memory", 0], cameras=["cameras", 0],
                     save_as=save_as, **given, **links),
        "apart": call("LTXVSeparateAVLatent", av_latent=["walk", 0]),
    }  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_a_walk_is_taken_up_again_with_its_sound_and_finds_what_is_known_where_it_began(server_models, name):
    prompt, report = walk(name, f"walks/{name}"), {"said": call("PreviewAny", source=["walk", 4])}

    def interrupt(event, data):
        if event == "progress_text" and "chunk 2 of 2: sampling" in data["text"]:
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            direct.open(urllib.request.Request(server_models.url + "/interrupt", data=b"{}"), timeout=60).close()

    with pytest.raises(ComfyError, match="interrupted"):
        server_models.run({**prompt, **report}, on_event=interrupt)
    text = server_models.run({**prompt, **report})["outputs"]["said"]["text"][0]
    assert "chunks taken from there, made before: 1 of 2" in text
    made = run_and_keep(server_models, prompt, "video", latent=["apart", 0], image=["walk", 1], mask=["seen", 1])
    sound = run_and_keep(server_models, prompt, "sound", latent=["apart", 1])["samples"]
    width, height, frames, _ = SIZES[name]
    assert made["image"].shape[:3] == (frames, height, width)
    video, known = made["samples"][0], made["mask"][0] > 0.5
    assert known.float().mean() > 0.5
    error = (video[:, -1] - video[:, 0]).abs().amax(dim=0)[known]  # of each token that the picture showed
    assert (error < 1e-3).float().mean() > 0.98  # something that was made on the way stands before the others
    whole = walk(name, f"walks/{name}_whole")
    assert torch.equal(run_and_keep(server_models, whole, "again", latent=["apart", 0])["samples"], made["samples"])
    again = run_and_keep(server_models, whole, "heard", latent=["apart", 1])["samples"]
    assert torch.equal(again, sound) and sound.abs().max() > 0
