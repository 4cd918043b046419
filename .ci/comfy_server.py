"""A headless ComfyUI server for one `with` block, in a temporary folder of its own."""

import asyncio
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

PACK_NAME = "comfyui-latent-memory"
BOOT_SECONDS = 240
STOP_SECONDS = 20
LOG_TAIL = 30  # lines of the server's log shown with an error
PROGRESS_TEXT = 3  # first word of a binary message; others are previews


class ComfyError(Exception):
    """The server did not start, refused a prompt, or failed in it; the text says why."""


class ComfyServer:
    """Boot ComfyUI with custom node packs, run prompts in it, stop it.

    Args:
        host: a ComfyUI checkout; it is only read.
        packs: folder name in `custom_nodes` -> folder to link there.
        options: command-line options of ComfyUI besides those that place it.

    Attributes:
        base: the temporary base folder (`input`, `output`, `models` and `custom_nodes` lie there).
        url: where the server listens.
        version: what the server says it is.
    """

    def __init__(self, host: Path, packs: Mapping[str, Path], options: Sequence[str] = ("--cpu",)):
        self.host = host
        self.packs = packs
        self.options = options

    def __enter__(self) -> "ComfyServer":
        self._folder = tempfile.TemporaryDirectory(prefix="comfyui-")
        self.base = Path(self._folder.name)
        for name in ("custom_nodes", "input", "output", "models"):
            (self.base / name).mkdir()
        for name, pack in self.packs.items():
            (self.base / "custom_nodes" / name).symlink_to(pack, target_is_directory=True)
        self._start()
        try:
            self._wait_until_ready()
            self._check_packs()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        self._process.kill()

    @property
    def pid(self) -> int:
        """Number of the server's process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has printed so far, without the colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.base / "server.log").read_text(errors="replace"))

    def object_info(self) -> dict:
        """Return what the server says about every node type it knows."""
        return self._get("/object_info", timeout=60)

    def run(
        self,
        prompt: dict,
        *,
        workflow: dict | None = None,
        on_event: Callable[[str, dict], None] = lambda event, data: None,
        timeout: float = 600,
    ) -> dict:
        """Run a prompt to its end and return its history entry.

        Args:
            prompt: API format, node id -> `class_type`, `inputs`.
            workflow: the UI format it came from; the server writes it into the files it saves.
            on_event: called with the name and the data of each websocket message about this prompt; what a node says of
                its progress comes as `progress_text`.
            timeout: seconds.

        Raises:
            ComfyError: the prompt is refused, a node fails, the server dies, or time is up.
        """
        try:
            return asyncio.run(asyncio.wait_for(self._run(prompt, workflow, on_event), timeout))
        except asyncio.TimeoutError as error:
            raise ComfyError(f"the prompt must end within {timeout:g} s; it did not.\n{self._log_tail()}") from error
        except aiohttp.ClientError as error:
            raise self._death(f"lost the server: {error}") from error

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "main.py", "--listen", "127.0.0.1", "--port", str(port), "--disable-api-nodes"]
        # the data base does not follow --base-directory
        command += ["--base-directory", str(self.base), "--database-url", f"sqlite:///{self.base}/comfy.db"]
        with open(self.base / "server.log", "wb") as log:
            self._process = subprocess.Popen(
                [*command, *self.options],
                cwd=self.host,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self._death("the server stopped while starting")
            try:
                self.version = self._get("/system_stats", timeout=5)["system"]["comfyui_version"]
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise ComfyError(f"the server must answer within {BOOT_SECONDS} s; it did not.\n{self._log_tail()}")

    def _check_packs(self) -> None:
        lines = self.log.splitlines()
        for name in self.packs:
            folder = self.base / "custom_nodes" / name
            if not any(line.endswith(f"(IMPORT FAILED): {folder}") for line in lines):
                continue
            causes = (f"Cannot import {folder} ", f"calling comfy_entrypoint in {folder}:", f"Skip {folder} ")
            last = next(n for n, line in enumerate(lines) if any(cause in line for cause in causes))
            first = last
            if causes[0] in lines[last]:  # the one that comes with a traceback
                first = max(n for n in range(last) if "Traceback" in lines[n])
            text = "\n".join(f"    {line}" for line in lines[first : last + 1])
            raise ComfyError(f"ComfyUI could not load the pack {name}:\n{text}")

    def _get(self, path: str, timeout: float) -> dict:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(self.url + path, timeout=timeout) as reply:
            return json.load(reply)

    async def _run(self, prompt: dict, workflow: dict | None, on_event: Callable[[str, dict], None]) -> dict:
        client = uuid.uuid4().hex
        body = {"prompt": prompt, "client_id": client}
        if workflow is not None:
            body["extra_data"] = {"extra_pnginfo": {"workflow": workflow}}
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.ws_connect("/ws", params={"clientId": client}, max_msg_size=0) as events,
        ):
            async with session.post("/prompt", json=body) as reply:
                prompt_id = _accepted(reply.status, await reply.text(), prompt)
            failure = await self._follow(events, prompt_id, on_event)
            if failure is not None:
                raise ComfyError(_failure_text(*failure, prompt))
            async with session.get(f"/history/{prompt_id}") as reply:
                return (await reply.json())[prompt_id]

    async def _follow(
        self, events: aiohttp.ClientWebSocketResponse, prompt_id: str, on_event: Callable[[str, dict], None]
    ) -> tuple[str, dict] | None:
        """Pass events on until the prompt has ended; return the first that tells of a failure."""
        failure = None
        async for message in events:
            if message.type == aiohttp.WSMsgType.BINARY and (text := _progress_text(message.data)) is not None:
                on_event("progress_text", text)
            if message.type != aiohttp.WSMsgType.TEXT:
                continue
            event, data = (parsed := json.loads(message.data))["type"], parsed["data"]
            if data.get("prompt_id") != prompt_id:
                continue
            on_event(event, data)
            if event in ("execution_error", "execution_interrupted"):
                failure = failure or (event, data)
            if event == "executing" and data["node"] is None:  # sent once the history is written
                return failure
        raise self._death("the server stopped while running the prompt")

    def _death(self, what: str) -> ComfyError:
        try:
            code = f"exit code {self._process.wait(5)}"
        except subprocess.TimeoutExpired:
            code = "its process still runs"
        return ComfyError(f"{what} ({code}).\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(["the end of its log:", *(f"    {line}" for line in self.log.splitlines()[-LOG_TAIL:])])


def node_name(prompt: dict, node_id: str) -> str:
    """Return `node 4 'Title' (Type)`; for a node that another node put in while running, its id alone."""
    if node_id not in prompt:
        return f"node {node_id}"
    node = prompt[node_id]
    title = node.get("_meta", {}).get("title")
    return f"node {node_id} {title!r} ({node['class_type']})" if title else f"node {node_id} ({node['class_type']})"


def _progress_text(message: bytes) -> dict | None:
    """Node and text of a binary message, where it is no preview picture."""
    kind, length = struct.unpack_from(">II", message)
    if kind != PROGRESS_TEXT:
        return None
    return {"node": message[8 : 8 + length].decode(), "text": message[8 + length :].decode()}


def _accepted(status: int, text: str, prompt: dict) -> str:
    """Return the prompt id from the reply to `POST /prompt`, or raise with every reason the server gave."""
    try:
        reply = json.loads(text)
    except ValueError as error:
        raise ComfyError(f"the server answered the prompt with status {status}: {text[:500]}") from error
    reasons = []
    for node_id, node in reply.get("node_errors", {}).items():
        reasons += [f"{node_name(prompt, node_id)}: {e['message']}: {e['details']}" for e in node["errors"]]
    if status == 200 and not reasons:
        return reply["prompt_id"]
    if not reasons:  # else the error only repeats them
        error = reply.get("error", text)
        reasons = [f"{error['message']} {error['details']}".strip() if isinstance(error, dict) else str(error)]
    raise ComfyError("\n".join(["the server refused the prompt:", *(f"    {reason}" for reason in reasons)]))


def _failure_text(event: str, data: dict, prompt: dict) -> str:
    name = node_name(prompt, data["node_id"])
    if event == "execution_interrupted":
        return f"{name} was interrupted."
    text = f"{name} failed: {data['exception_type']}: {data['exception_message'].strip()}"
    return "\n".join([text, "".join(data["traceback"]).rstrip()]).rstrip()
