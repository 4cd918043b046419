"""The walk of the pack's first workflow along any path, in a ComfyUI server of its own whose process is watched."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from comfy_server import PACK_NAME, ComfyServer
from common import ROOT, Asked
from setup_host import host_dir
from workflow_to_prompt import workflow_to_prompt

from mirage_core import Cameras
from mirage_core.camera_files import write_cameras

WORKFLOW = ROOT / "workflows" / "first_walk.json"
WALK, PATH, SAVE = "Mirage_SceneWalk", "Mirage_CameraPath", "SaveVideo"
ENDING = "closing the video"  # what Scene Walk says after the last chunk
CHUNKS, VIDEO = "chunk_*.safetensors", "walk.mp4"  # in a walk's folder
POLL_SECONDS = 0.01
SETTLE_SECONDS = 2.0  # before the idle process is looked at
SECONDS_PER_FRAME = 2.0  # a walk that takes longer is given up


@dataclass(frozen=True)
class Moment:
    """A process between two chunks.

    Attributes:
        seconds, cpu: of the clock, and of all cores; since when does not matter.
        rss: bytes of resident memory.
        video: bytes of the walk's video file, with all chunks so far.
    """

    seconds: float
    cpu: float
    rss: int
    video: int


@dataclass
class Watch:
    """Looks at a server's process while it makes a walk.

    Attributes:
        process: the server's.
        folder: the walk's folder appears in it.
        moments: one before the first chunk, and one after each.
        peak: bytes of resident memory, at looks ``POLL_SECONDS`` apart.
    """

    process: psutil.Process
    folder: Path
    moments: list[Moment] = field(default_factory=list)
    peak: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Watch":
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def on_event(self, event: str, data: dict) -> None:
        """What the server says: Scene Walk, which chunk it makes, ``chunk 3 of 8: sampling``."""
        if event == "progress_text" and data["text"].startswith("chunk "):
            chunk, _, stage = data["text"].partition("\n")[0].partition(": ")
            if int(chunk.split()[1]) > len(self.moments) or stage == ENDING:
                self.moments.append(self._moment())

    def _moment(self) -> Moment:
        cpu, rss = self.process.cpu_times(), self.process.memory_info().rss
        video = sum(file.stat().st_size for file in self.folder.glob(f"*/{VIDEO}"))
        return Moment(time.perf_counter(), cpu.user + cpu.system, rss, video)

    def _look(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            self.peak = max(self.peak, self.process.memory_info().rss)


@dataclass(frozen=True)
class Watched:
    """What came of a walk.

    Attributes:
        idle: bytes of resident memory before it, when another walk of one chunk had been made.
        peak: bytes of resident memory at most, from then to the saved video.
        moments: one before the first chunk, and one after each.
        reports: of Scene Walk, one per chunk.
        chunk_bytes: of the chunks' files.
        video_bytes: of the video file, complete.
        seconds: from the prompt to the saved video.
    """

    idle: int
    peak: int
    moments: tuple[Moment, ...]
    reports: tuple[dict, ...]
    chunk_bytes: tuple[int, ...]
    video_bytes: int
    seconds: float


def watched_walk(path_of: Callable[[int], Cameras], frames: int, chunk_frames: int, asked: Asked) -> Watched:
    """Make a walk of one chunk, then one of ``frames`` video frames, in a server of their own, and watch the latter."""
    with ComfyServer(host_dir(), {PACK_NAME: ROOT}, () if asked.on_gpu else ("--cpu",)) as server:
        _make(server, "one_chunk", path_of(chunk_frames), chunk_frames)
        time.sleep(SETTLE_SECONDS)
        process, begun = psutil.Process(server.pid), time.perf_counter()
        idle = process.memory_info().rss
        with Watch(process, server.base / "output" / "walk") as watch:
            reports = _make(server, "walk", path_of(frames), chunk_frames, watch.on_event)
        seconds = time.perf_counter() - begun
        if len(watch.moments) != len(reports) + 1:
            raise RuntimeError(f"a moment must be taken after each of {len(reports)} chunks; got {len(watch.moments)}.")
        files = sorted(watch.folder.glob(f"*/{CHUNKS}"))
        return Watched(
            idle=idle,
            peak=watch.peak,
            moments=tuple(watch.moments),
            reports=tuple(reports),
            chunk_bytes=tuple(file.stat().st_size for file in files),
            video_bytes=watch.moments[-1].video,
            seconds=seconds,
        )


def _make(
    server: ComfyServer,
    name: str,
    cameras: Cameras,
    chunk_frames: int,
    on_event: Callable[[str, dict], None] = lambda event, data: None,
) -> list[dict]:
    """Make a walk, saved under ``name``; returns the reports of its chunks."""
    file = f"{name}.json"
    write_cameras(cameras, server.base / "input" / file, "mirage", (1, 1))
    prompt = workflow_to_prompt(json.loads(WORKFLOW.read_text()), server.object_info())
    (walk,), (path,), (save,) = (_of_type(prompt, kind) for kind in (WALK, PATH, SAVE))
    prompt[walk]["inputs"] |= {"save_as": name, "chunk_frames": chunk_frames}
    geometry = prompt[path]["inputs"]["geometry"]
    inputs = {"file": file, "format": "mirage", "frames": 0, "scale": 1.0, "geometry": geometry}
    prompt[path] = {"class_type": "Mirage_LoadCameraPath", "inputs": inputs}
    timeout = 60 + SECONDS_PER_FRAME * len(cameras)
    history = server.run(_leading_to(save, prompt), on_event=on_event, timeout=timeout)
    return history["outputs"][walk]["mirage_walk"][0]["chunks"]


def _of_type(prompt: dict, class_type: str) -> list[str]:
    return [node_id for node_id, node in prompt.items() if node["class_type"] == class_type]


def _leading_to(node_id: str, prompt: dict) -> dict:
    """A node and all that it takes, without what else the workflow shows."""
    wanted, found = [node_id], {}
    while wanted:
        one = wanted.pop()
        found[one] = prompt[one]
        links = [value for value in prompt[one]["inputs"].values() if isinstance(value, list)]
        wanted += [source for source, _ in links if source not in found]
    return found
