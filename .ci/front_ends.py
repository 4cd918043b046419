"""The page on other front-ends than ComfyUI's own: `.venv/bin/python .ci/front_ends.py [VERSION ...]`.

ComfyUI names one version of its front-end, and that is the one that the browser tests run on; users often have a newer
one. This installs others, each into a folder of its own, and runs the tests marked `front_end` on them. Without a
version those of `.ci/front_ends.txt` are meant, so that an old commit is tested with what it was written for;
`newest` asks for the newest that there is.
"""

import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from setup_host import PYTHON, ROOT

PACKAGE = "comfyui-frontend-package"
MODULE = PACKAGE.replace("-", "_")
PINNED = ROOT / ".ci" / "front_ends.txt"
FOLDER = ROOT / ".host" / "front_ends"
TESTS = ["-m", "pytest", "-q", "--maxfail=3", "-m", "front_end", "tests/browser"]


class FrontEndError(Exception):
    """Why a front-end cannot be had."""


def main(asked: list[str]) -> int:
    """Run the tests on every version that is meant; return the first exit code that is not 0."""
    codes = [run_on(version) for version in asked or PINNED.read_text().split()]
    return next((code for code in codes if code), 0)


def run_on(version: str) -> int:
    """Run the tests on one version; what cannot be fetched, or has been tested, says so and is no failure."""
    own = metadata.version(PACKAGE)
    try:
        version = version if version == own else fetch(version)
    except FrontEndError as error:
        say(f"NOT TESTED ON FRONT-END {version}: {error}")
        return 0
    if version == own:
        say(f"front-end {version} is ComfyUI's own, on which every browser test runs anyway")
        return 0
    say(f"ComfyUI's own front-end is {own}; the tests marked front_end, on {version}")
    environment = {**os.environ, "MIRAGE_FRONT_END": version}
    return subprocess.run([str(PYTHON), *TESTS], cwd=ROOT, env=environment).returncode


def installed(version: str) -> Path:
    """Return what `--front-end-root` takes for a version that was fetched."""
    return FOLDER / version / MODULE / "static"


def fetch(version: str) -> str:
    """Install a version, if it is not there, and return its number, which `newest` leaves open.

    Raises:
        FrontEndError: pip cannot get it.
    """
    if (installed(version) / "index.html").is_file():
        return version
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = PACKAGE if version == "newest" else f"{PACKAGE}=={version}"
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        # not into .venv, whose front-end is ComfyUI's own
        options = ["--disable-pip-version-check", "--no-input", "--no-deps", "--target", folder]
        pip = subprocess.run([str(PYTHON), "-m", "pip", "install", *options, wanted], capture_output=True, text=True)
        if pip.returncode:
            raise FrontEndError(f"pip could not install {wanted}:\n{pip.stderr.strip()}")
        (info,) = Path(folder).glob(f"{MODULE}-*.dist-info")
        found = info.name.removeprefix(f"{MODULE}-").removesuffix(".dist-info")
        if not installed(found).is_dir():
            (FOLDER / found).mkdir(exist_ok=True)
            (Path(folder) / MODULE).rename(FOLDER / found / MODULE)
    return found


def say(text: str) -> None:
    print(f"front-ends: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
