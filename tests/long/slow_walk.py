"""A walk of six chunks that saves itself, in a process that a test can kill: `python slow_walk.py FOLDER`."""

import sys
import time
from functools import partial
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / "core"), str(Path(__file__).parents[2])]

from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, on_grid, ramp

from mirage_core.walk import walk
from mirage_core.walk_files import load_chunks, save_chunk

CAMERAS = ramp(0, 60, 120, 180, 240, 300, 360)
ABOUT = {"walk": "slow"}


def slow(request):
    time.sleep(0.1)
    return Denoiser(invents=True)(request)


def main(folder: Path) -> None:
    state = load_chunks(folder, begin(CAMERAS), ABOUT, most=99)
    print(f"begun after {state.finished} chunks", flush=True)  # noqa: T201 - the test waits for it
    keep = partial(save_chunk, folder, settings=ABOUT, own={})
    for _ in walk(state, on_grid(CAMERAS), SETTINGS, slow, exact_depth, keep=keep):
        pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))
