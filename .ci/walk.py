"""Run `workflows/first_walk.json` in a real ComfyUI server; leave the video, a contact sheet and the numbers.

Then walk two chunks with a sampler and small random weights (scene_walk.py).

Needs the environment of `setup_host.py`: `make walk`.
"""

import json
import shutil
import signal
import sys
import time

from comfy_server import PACK_NAME, ComfyError, ComfyServer
from contact_sheet import contact_sheet, read_frames
from scene_walk import HELPERS, scene_walk, write_models
from setup_host import ROOT, SetupError, host_dir
from workflow_to_prompt import WorkflowError, workflow_to_prompt

WORKFLOW = ROOT / "workflows" / "first_walk.json"
OUTPUT = ROOT / "output"
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
    if not WORKFLOW.is_file():
        raise WalkError(f"{WORKFLOW.relative_to(ROOT)} must be there; it is not.")
    workflow = json.loads(WORKFLOW.read_text())
    for name in ("walk.mp4", "walk.png", "walk.json", "scene_walk.png"):
        (OUTPUT / name).unlink(missing_ok=True)  # nothing old may pass for this run's
    OUTPUT.mkdir(exist_ok=True)
    print("walk: starting ComfyUI", flush=True)
    started = time.monotonic()
    with ComfyServer(host_dir(), {PACK_NAME: ROOT, **HELPERS}) as server:
        print(f"walk: ComfyUI {server.version} is up after {time.monotonic() - started:.1f} s", flush=True)
        prompt = workflow_to_prompt(workflow, server.object_info())
        started = time.monotonic()
        history = server.run(prompt, workflow=workflow, on_event=Progress(prompt).on_event)
        seconds = time.monotonic() - started
        numbers = leave_results(prompt, history["outputs"], server)
        print("walk: now two chunks of Scene Walk, with small RANDOM weights: the pictures are noise", flush=True)
        write_models(server)
        prompt = scene_walk()
        history = server.run(prompt, on_event=Progress(prompt).on_event)
        chunks = leave_scene_walk(prompt, history["outputs"], server)
    numbers = {"workflow": WORKFLOW.stem, "comfyui": server.version, "seconds": round(seconds, 2), **numbers}
    (OUTPUT / "walk.json").write_text(json.dumps(numbers, indent=2) + "\n")
    print("walk: {frames} frames of {width} x {height} in {seconds:.1f} s".format(**numbers))
    print("walk: {points} points in {mib:.2f} MiB know {known_mean:.0%} of a frame on average".format(**numbers))
    for chunk in chunks:
        print(
            f"walk: chunk {chunk['number'] + 1}, frames {chunk['frames'][0]} to {chunk['frames'][1]}: "
            f"{chunk['known']:.0%} known before, {chunk['points']} points after"
        )
    print("walk: see output/walk.mp4, output/walk.png, output/walk.json, output/scene_walk.png")


def leave_results(prompt: dict, outputs: dict, server: ComfyServer) -> dict:
    """Copy the video, draw the contact sheet, return the numbers."""
    saved = only_output(prompt, outputs, "SaveVideo", "images")
    known = only_output(prompt, outputs, "Mirage_WarpLatents", "mirage_walk")["known"]
    memory = only_output(prompt, outputs, "Mirage_MemoryInfo", "mirage_memory")
    video = OUTPUT / "walk.mp4"
    shutil.copyfile(server.base / saved["type"] / saved["subfolder"] / saved["filename"], video)
    frames, fps = read_frames(video)
    contact_sheet(frames, known).save(OUTPUT / "walk.png", optimize=True)
    return {
        "frames": len(frames),
        "fps": fps,
        "width": frames[0].width,
        "height": frames[0].height,
        "points": memory["points"],
        "mib": memory["mib"],
        "known_mean": round(sum(known) / len(known), 4),
        "known": [round(share, 4) for share in known],
    }


def leave_scene_walk(prompt: dict, outputs: dict, server: ComfyServer) -> list[dict]:
    """Copy the report picture; return the chunks."""
    saved = only_output(prompt, outputs, "SaveImage", "images")
    shutil.copyfile(server.base / saved["type"] / saved["subfolder"] / saved["filename"], OUTPUT / "scene_walk.png")
    return only_output(prompt, outputs, "Mirage_SceneWalk", "mirage_walk")["chunks"]


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
