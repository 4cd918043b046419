"""The Camera Path Editor's JavaScript gives the poses that mirage_core gives."""

import json

import pytest
import torch
from javascript import VECTORS, path_editor

from mirage_core import Cameras
from mirage_core.camera_key_text import path_from_text
from mirage_core.camera_keys import keyed_path
from mirage_core.paths import MOVES, TURNS, Move, camera_path
from mirage_core.timing import Timing

RECORDED = json.loads(VECTORS.read_text())


@pytest.fixture(scope="module")
def computed():
    return path_editor()


@pytest.mark.parametrize("number", range(len(RECORDED["cases"])), ids=[case["name"] for case in RECORDED["cases"]])
def test_the_page_goes_where_python_goes(computed, number):
    recorded, found = RECORDED["cases"][number]["poses"], computed["cases"][number]["poses"]
    assert len(found) == RECORDED["frames"]
    for ours, pages in zip(recorded, found, strict=True):
        assert pages["position"] == pytest.approx(ours["position"], abs=2e-6)
        assert pages["fx"] == pytest.approx(ours["fx"], rel=2e-6)
        columns = [list(column) for column in zip(*ours["rotation"], strict=True)]
        for mine, yours in zip(columns, pages["columns"], strict=True):
            assert yours == pytest.approx(mine, abs=3e-6)


def test_the_page_counts_at_the_video_frames_that_latent_frames_stand_at(computed):
    assert len(computed["stands"]) == 4
    for timing, stands in computed["stands"]:
        assert tuple(stands) == Timing(**timing).stands_at(60)


@pytest.mark.parametrize("number", range(len(RECORDED["cases"])), ids=[case["name"] for case in RECORDED["cases"]])
def test_the_page_reads_its_own_text_and_its_own_angles(computed, number):
    case = computed["cases"][number]
    assert case["again"]
    for angles in case["angles"]:
        assert list(angles["found"].values()) == pytest.approx(angles["wanted"], abs=1e-9)


@pytest.mark.parametrize("name", MOVES)
def test_a_preset_of_the_page_is_the_move_of_the_camera_path_node(computed, name):
    presets = dict(computed["presets"])
    assert tuple(presets) == MOVES
    start = Cameras(torch.eye(4).unsqueeze(0), torch.tensor(RECORDED["K"]))
    amount = 20.0 if name in TURNS else 0.1 if name in ("spiral", "figure eight") else 0.3  # as the node offers them
    wanted = camera_path(start, Move(name, amount), 97, 1.0)
    found = keyed_path(path_from_text(presets[name]).keys, start, 97, 1.0)
    assert float((found.centers - wanted.centers).norm(dim=1).max()) < 0.008  # of the median depth
    forward = (found.cam2world[:, :3, 2] - wanted.cam2world[:, :3, 2]).norm(dim=1)  # radians, about
    assert float(forward.max()) < 0.01
