"""A walk that is killed while it saves itself, in a process of its own."""

import random
import subprocess
import sys
import time

import slow_walk
import torch
from synthetic_room import SETTINGS, Denoiser, begin, exact_depth, on_grid

from mirage_core.walk import walk
from mirage_core.walk_files import chunk_path, load_chunks, saved_chunks


def test_killed_at_ten_random_moments_a_walk_loses_no_finished_chunk(tmp_path):
    dice, finished, kills = random.Random(5), 0, 0
    while kills < 10:
        process = subprocess.Popen([sys.executable, slow_walk.__file__, tmp_path], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline().strip() == f"begun after {finished} chunks"
        time.sleep(dice.uniform(0.0, 0.25))
        process.kill()
        process.wait()
        kills += 1
        before, finished = finished, saved_chunks(tmp_path)
        assert finished >= before
        if finished == 6:  # all done: begin again with the last chunks lost
            for number in range(2, 6):
                chunk_path(tmp_path, number).unlink()
            finished = 2
    slow_walk.main(tmp_path)
    whole = begin(slow_walk.CAMERAS)
    *_, expected = walk(whole, on_grid(slow_walk.CAMERAS), SETTINGS, Denoiser(invents=True), exact_depth)
    made = load_chunks(tmp_path, whole, slow_walk.ABOUT, most=99)
    assert made.finished == 6
    assert torch.equal(made.latents, expected.latents)
    assert torch.equal(made.memory.as_one_block().features, expected.memory.as_one_block().features)
