"""Notes of nodes on the page: what ComfyUI's server sends to be shown on a node."""

from prompts import path, remember, warp


def test_a_note_stands_on_the_node_and_goes_with_the_next_run(server):
    said = []

    def watch(event, data):
        if event == "progress_text" and data["node"] == "warp":
            said.append(data["text"])

    for frames in (10, 9):
        prompt = {**remember(patch="16"), "path": path(["lift", 1], frames)}
        prompt["warp"] = warp(["memory", 0], ["path", 0])
        prompt["info"] = {"class_type": "PreviewImage", "inputs": {"images": ["warp", 2]}}
        outputs = server.run(prompt, on_event=watch)["outputs"]
        assert len(outputs["warp"]["mirage_notes"]) == (frames == 10)
    first, second = said
    status, note = first.splitlines()
    assert status.startswith("3 latent frames; the memory knows ") and status.endswith(" of the tokens")
    assert note.startswith("cameras: there are 10, but video latents hold 1 + 4 n frames: the last 1 is left out.")
    assert len(second.splitlines()) == 1 and second.startswith("3 latent frames; the memory knows ")
