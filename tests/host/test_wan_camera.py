"""Our paths as ComfyUI's camera-controlled models take them, against ComfyUI's own node."""

import importlib

import numpy as np
import pytest
import torch

from mirage_core import Cameras

pytestmark = pytest.mark.filterwarnings("ignore:Using torch.cross without specifying the dim")  # ComfyUI's
MOVES = [
    *("Static", "Pan Up", "Pan Down", "Pan Left", "Pan Right", "Zoom In", "Zoom Out"),
    *("Anti Clockwise (ACW)", "ClockWise (CW)"),
]
WIDTH, HEIGHT, LENGTH, SPEED = 96, 64, 9, 0.7
FOCAL = 0.5  # of ComfyUI's node, in a picture of 1280 x 720


@pytest.fixture(scope="module")
def theirs(comfy):
    return importlib.import_module("comfy_extras.nodes_camera_trajectory")


@pytest.fixture(scope="module")
def ours(comfy):
    (name,) = (name for name in comfy.NODE_CLASS_MAPPINGS if name == "Mirage_PathToWanCamera")
    return comfy.NODE_CLASS_MAPPINGS[name]


def cameras_of(theirs, move):
    """The cameras behind one of ComfyUI's moves."""
    kind = theirs.CAMERA_DICT[move]
    motion = theirs.get_camera_motion(np.array(kind["angle"]), np.array(kind["T"]), SPEED, LENGTH)  # (F, 3, 4)
    cam2world = torch.eye(4).repeat(LENGTH, 1, 1)
    cam2world[:, :3] = torch.from_numpy(motion).float()
    fy = FOCAL
    fx = HEIGHT * (1280 / 720) * FOCAL / WIDTH  # ComfyUI widens it: 1280 x 720 is wider than this picture
    K = torch.tensor([[fx, 0.0, 0.5], [0.0, fy, 0.5], [0.0, 0.0, 1.0]])
    return Cameras(cam2world, K)


@pytest.mark.parametrize("move", MOVES)
def test_comfyuis_own_moves_give_its_own_embedding(theirs, comfy, move):
    from_host = theirs.WanCameraEmbedding.execute(move, WIDTH, HEIGHT, LENGTH, SPEED).result
    embed = importlib.import_module(f"{comfy.NODE_CLASS_MAPPINGS['Mirage_PathToWanCamera'].__module__}")
    found = embed.wan_camera_embedding(cameras_of(theirs, move), (HEIGHT, WIDTH), 1.0)
    assert found.shape == from_host[0].shape == (1, 24, 3, HEIGHT, WIDTH)
    torch.testing.assert_close(found, from_host[0], atol=1e-5, rtol=0)


def test_the_node_keeps_the_pictures_shape_and_the_paths_length(theirs, ours):
    path = cameras_of(theirs, "Pan Right").transformed(translation=torch.tensor([5.0, -1.0, 2.0]))
    embedding, width, height, length = ours.execute(path, WIDTH, HEIGHT, 2.0).result
    assert (width, height, length) == (WIDTH, HEIGHT, LENGTH) and embedding.shape == (1, 24, 3, HEIGHT, WIDTH)
    still = embedding[:, :, 0].view(6, 4, HEIGHT, WIDTH)
    assert float(still[:3].abs().max()) < 1e-5  # the first camera is the origin, wherever it stood


def test_a_path_of_another_length_is_refused(theirs, ours):
    with pytest.raises(ValueError, match=r"cameras: must be 1 \+ 4 n video frames, .*; got 8"):
        ours.execute(cameras_of(theirs, "Static")[:8], WIDTH, HEIGHT, 1.0)
