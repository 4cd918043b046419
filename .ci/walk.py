"""Walk in a real ComfyUI server: `workflows/first_walk.json`, with the small model that comes with the pack.

Leaves the video, a contact sheet, the loop closure and the numbers. The same walk with a memory that
forgets is made too, to compare. Then `workflows/photo_walk.json`: what a memory alone knows of a photograph.

Needs the environment of `setup_host.py`: `make walk`.
"""

import json
import shutil
import signal
import sys
import time
from pathlib import Path

from comfy_server import PACK_NAME, ComfyError, ComfyServer
from contact_sheet import comparison, contact_sheet, read_frames
from setup_host import ROOT, SetupError, host_dir
from workflow_to_prompt import WorkflowError, workflow_to_prompt

WALK, PHOTO = "first_walk", "photo_walk"
OUTPUT = ROOT / "output"
FILES = (
    *("walk.mp4", "walk.png", "walk.json", "loop_closure.png", "forgetful.mp4", "compared.png"),
    *("photo_walk.mp4", "photo_walk.png"),
)
FORGETFUL = 0.001  # MiB that the memory is cut down to: a handful of points
BAR = 24  # cells of the progress bar
QUIET_SECONDS = 2  # between progress lines where lines cannot be overwritten


class WalkError(Exception):
    """The workflow ran, but does not give what the walk is made of."""


class Progress:
    """Show which node runs and how far it is: one line each, overwritten while it runs on a terminal."""

    def __init__(self, prompt: dict):
        self.prompt = prompt
        self.live = sys.stdout.isatty()
        self.node = None
        self.count = 0
        self.reported = 0.0

    def on_event(self, event: str, data: dict) -> None:
        now = time.monotonic()
        if event == "executing":
            self._finish(now)
            node = data.get("display_node") or data["node"]
            if node is not None:
                self.node, self.started, self.reported, self.count = node, now, now, self.count + 1
                self._show("")
        elif event == "progress_state" and self.node is not None:
            state = data["nodes"].get(self.node, {})
            if state.get("state") == "running" and state["max"] > 1:
                self._show_share(state["value"], state["max"], now)

    def _finish(self, now: float) -> None:
        if self.node is not None:
            text = f"{now - self.started:.1f} s"
            print(f"\r\033[K{self._line(text)}" if self.live else self._line(text), flush=True)
            self.node = None

    def _show_share(self, value: float, most: float, now: float) -> None:
        share = min(value / most, 1.0)
        if self.live:
            full = round(share * BAR)
            self._show(f"{'█' * full}{'░' * (BAR - full)} {share:4.0%}")
        elif now - self.reported >= QUIET_SECONDS:
            self.reported = now
            print(self._line(f"{share:.0%}"), flush=True)

    def _show(self, text: str) -> None:
        if self.live:
            print(f"\r\033[K{self._line(text)}", end="", flush=True)

    def _line(self, text: str) -> str:
        title = self.prompt[self.node]["_meta"]["title"] if self.node in self.prompt else f"node {self.node}"
        return f"  [{self.count:2}/{len(self.prompt)}] {title:34.34} {text}".rstrip()


def main() -> None:
    for name in (WALK, PHOTO):
        if not workflow_file(name).is_file():
            raise WalkError(f"{workflow_file(name).relative_to(ROOT)} must be there; it is not.")
    for name in FILES:
        (OUTPUT / name).unlink(missing_ok=True)  # nothing old may pass for this run's
    OUTPUT.mkdir(exist_ok=True)
    print("walk: starting ComfyUI", flush=True)
    started = time.monotonic()
    with ComfyServer(host_dir(), {PACK_NAME: ROOT}) as server:
        print(f"walk: ComfyUI {server.version} is up after {time.monotonic() - started:.1f} s", flush=True)
        print("walk: a drawn room, left and found again by the small model that comes with the pack", flush=True)
        prompt, outputs, seconds = run(WALK, server)
        numbers = {"workflow": WALK, "comfyui": server.version, "seconds": round(seconds, 2)}
        numbers |= leave_walk(prompt, outputs, server)
        print("walk: the same walk with a memory that forgets after every chunk", flush=True)
        prompt, outputs, _ = run(WALK, server, forgetful)
        leave_video(prompt, outputs, server, "forgetful.mp4")
        numbers["forgetful"] = closure(prompt, outputs)
        print("walk: a photograph, as the memory alone knows it", flush=True)
        prompt, outputs, seconds = run(PHOTO, server)
        numbers["photo_walk"] = {"seconds": round(seconds, 2), **leave_photo(prompt, outputs, server)}
    leave_comparison(numbers)
    (OUTPUT / "walk.json").write_text(json.dumps(numbers, indent=2) + "\n")
    print("walk: {frames} frames of {width} x {height} in {chunks} chunks, {seconds:.1f} s".format(**numbers))
    print("walk: {points} points in {mib:.2f} MiB at the end".format(**numbers))
    for memory, found in (("its", numbers["loop_closure"]), ("a forgetful", numbers["forgetful"])):
        print(
            f"walk: with {memory} memory the last frame is the first one again with {found['last']:.1f} dB; "
            f"{found['revisits']} frames that come back to a pose, {found['psnr']:.1f} dB"
        )
    print("walk: see", ", ".join(f"output/{name}" for name in FILES))


def run(name: str, server: ComfyServer, change=lambda prompt: None) -> tuple[dict, dict, float]:
    """Run a workflow of the pack; return its prompt, what its nodes put out, and the seconds it took."""
    workflow = json.loads(workflow_file(name).read_text())
    prompt = workflow_to_prompt(workflow, server.object_info())
    change(prompt)
    started = time.monotonic()
    history = server.run(prompt, workflow=workflow, on_event=Progress(prompt).on_event)
    return prompt, history["outputs"], time.monotonic() - started


def workflow_file(name: str) -> Path:
    return ROOT / "workflows" / f"{name}.json"


def forgetful(prompt: dict) -> None:
    """Let the memory forget after every chunk. (Strength 0 would take the branch away, which no training knew.)"""
    (walk,) = (node for node in prompt.values() if node["class_type"] == "Mirage_SceneWalk")
    walk["inputs"]["budget"] = FORGETFUL


def leave_walk(prompt: dict, outputs: dict, server: ComfyServer) -> dict:
    """Copy the video and the loop closure, draw the contact sheet, return the numbers."""
    frames, numbers = leave_video(prompt, outputs, server, "walk.mp4")
    made = only_output(prompt, outputs, "Mirage_SceneWalk", "mirage_walk")
    known = [1.0]  # of every latent frame; the first one is given
    stride = (len(frames) - 1) // (made["latent_frames"] - 1)
    for chunk in made["chunks"]:
        known += [chunk["known"]] * (chunk["frames"][1] // stride + 1 - len(known))
    contact_sheet(frames, known).save(OUTPUT / "walk.png", optimize=True)
    shutil.copyfile(saved_file(prompt, outputs, server, "PreviewImage", "images"), OUTPUT / "loop_closure.png")
    numbers |= {"chunks": len(made["chunks"]), "points": made["points"], "mib": made["mib"]}
    numbers["known"] = [round(chunk["known"], 4) for chunk in made["chunks"]]
    return {**numbers, "loop_closure": closure(prompt, outputs)}


def leave_photo(prompt: dict, outputs: dict, server: ComfyServer) -> dict:
    """Copy the video, draw the contact sheet, return the numbers."""
    frames, numbers = leave_video(prompt, outputs, server, "photo_walk.mp4")
    known = only_output(prompt, outputs, "Mirage_WarpLatents", "mirage_walk")["known"]
    memory = only_output(prompt, outputs, "Mirage_MemoryInfo", "mirage_memory")
    contact_sheet(frames, known).save(OUTPUT / "photo_walk.png", optimize=True)
    numbers |= {"points": memory["points"], "mib": memory["mib"], "known_mean": round(sum(known) / len(known), 4)}
    return {**numbers, "known": [round(share, 4) for share in known]}


def leave_comparison(numbers: dict) -> None:
    walks = {}
    for title, name, found in (
        ("with its memory", "walk", numbers["loop_closure"]),
        ("with a memory that forgets after every chunk", "forgetful", numbers["forgetful"]),
    ):
        title = f"{title}: the last frame is the first one again with {found['last']:.1f} dB"
        walks[title], _ = read_frames(OUTPUT / f"{name}.mp4")
    comparison(walks).save(OUTPUT / "compared.png", optimize=True)


def leave_video(prompt: dict, outputs: dict, server: ComfyServer, name: str) -> tuple[list, dict]:
    shutil.copyfile(saved_file(prompt, outputs, server, "SaveVideo", "images"), OUTPUT / name)
    frames, fps = read_frames(OUTPUT / name)
    return frames, {"frames": len(frames), "fps": fps, "width": frames[0].width, "height": frames[0].height}


def closure(prompt: dict, outputs: dict) -> dict:
    """Mean over the frames that come back to an earlier pose, and the last one of them, dB."""
    nodes = [node_id for node_id, node in prompt.items() if node["class_type"] == "Mirage_LoopClosure"]
    found = [one for node_id in nodes for one in outputs[node_id]["mirage_closure"]]
    if not found:
        raise WalkError("the walk must come back to an earlier pose; it does not.")
    mean = sum(one["psnr"] for one in found) / len(found)
    return {"revisits": len(found), "psnr": round(mean, 2), "last": round(found[-1]["psnr"], 2)}


def saved_file(prompt: dict, outputs: dict, server: ComfyServer, node_type: str, key: str) -> Path:
    saved = only_output(prompt, outputs, node_type, key)
    return server.base / saved["type"] / saved["subfolder"] / saved["filename"]


def only_output(prompt: dict, outputs: dict, node_type: str, key: str) -> dict:
    """Return what the one node of this type put out under `key`."""
    entries = [
        entry
        for node_id, output in outputs.items()
        if prompt.get(node_id, {}).get("class_type") == node_type
        for entry in output.get(key, ())
    ]
    if len(entries) != 1:
        raise WalkError(
            f"the workflow must have one {node_type} node that puts out {key!r}; it put out {len(entries)}."
        )
    return entries[0]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("walk: terminated."))  # so that the server is stopped too
    try:
        main()
    except (ComfyError, SetupError, WalkError, WorkflowError) as error:
        sys.exit(f"walk: {error}")
    except KeyboardInterrupt:
        sys.exit("walk: interrupted.")
