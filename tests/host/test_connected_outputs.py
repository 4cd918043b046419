"""Outputs of Scene Walk that grow with it are made where something takes them, in a real ComfyUI server."""

from prompts import call
from test_walk_node import keep, walk


def test_frames_are_made_when_they_are_asked_for_and_not_before(server_models):
    prompt = walk(save_as="walks/asked")
    with_video = {**prompt, "save": call("SaveVideo", video=["walk", 7], filename_prefix="asked", format="auto")}
    with_video["save"]["inputs"] |= {"codec": "auto"}
    server_models.run(with_video)
    made = server_models.log.count("Scene Walk: ")
    server_models.run(with_video)
    assert server_models.log.count("Scene Walk: ") == made  # ComfyUI has it still
    kept, _ = keep(server_models, prompt, "asked", latent=["walk", 0], image=["walk", 1])
    assert server_models.log.count("Scene Walk: ") == made + 1
    assert kept["image"].shape == (25, 96, 160, 3) and kept["samples"].shape[2] == 7
