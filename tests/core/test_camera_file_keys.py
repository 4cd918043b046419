"""Camera files of ComfyUI packs that hold keys: the moves of a key, what runs between them, and what is refused."""

import json
import math

import pytest
import torch

from mirage_core import MirageError
from mirage_core.camera_files import ReadOptions, read_cameras

ROOT_3 = math.sqrt(3)


def read(tmp_path, data, **options):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(data))
    return read_cameras(path, options=ReadOptions(**{"field_of_view": 50, "scene_depth": 2.0, **options}))


def rows(right, down, forward, center):
    """cam2world of its columns."""
    columns = torch.tensor([right, down, forward, center], dtype=torch.float32).T  # (3, 4)
    return torch.cat([columns, torch.tensor([[0.0, 0, 0, 1]])])


X, Y, Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
MOVES = {  # of a camera whose subject is 2 ahead
    "azimuth": ({"azimuth": 30}, rows((ROOT_3 / 2, 0, 0.5), Y, (-0.5, 0, ROOT_3 / 2), (1, 0, 2 - ROOT_3))),
    "elevation": ({"elevation": 30}, rows(X, (0, ROOT_3 / 2, -0.5), (0, 0.5, ROOT_3 / 2), (0, -1, 2 - ROOT_3))),
    "distance": ({"distance": 1.5}, rows(X, Y, Z, (0, 0, -1))),
    "lateral": ({"lateral": 0.5}, rows(X, Y, Z, (1, 0, 0))),
    "height": ({"height": 0.5}, rows(X, Y, Z, (0, -1, 0))),
    "lock": ({"lateral": 1, "lock": 1}, rows((0.5**0.5, 0, 0.5**0.5), Y, (-(0.5**0.5), 0, 0.5**0.5), (2, 0, 0))),
    "pan": ({"pan": 90}, rows((0, 0, -1), Y, X, (0, 0, 0))),
    "tilt": ({"tilt": 90}, rows(X, Z, (0, -1, 0), (0, 0, 0))),
    "roll": ({"roll": 90}, rows(Y, (-1, 0, 0), Z, (0, 0, 0))),
    "dolly": ({"pan": 90, "dolly": 0.5}, rows((0, 0, -1), Y, X, (1, 0, 0))),
    "pivot": ({"pivot": "side", "azimuth": 90}, rows((0, 0, 1), Y, (-1, 0, 0), (4, 0, 2))),
    "heading": ({"pivot": "turned"}, rows((0, 0, 1), Y, (-1, 0, 0), (2, 0, 2))),
    "rolled pivot": ({"pivot": "rolled", "height": 0.5}, rows(Y, (-1, 0, 0), Z, (1, 0, 0))),
}
PIVOTS = [
    {"id": "p1", "keys": [{"frame": 0}]},
    {"id": "side", "keys": [{"frame": 0, "x": 1, "y": 0, "z": 1}]},
    {"id": "turned", "keys": [{"frame": 0, "heading": 90}]},
    {"id": "rolled", "keys": [{"frame": 0, "roll": 90}]},
]


@pytest.mark.parametrize("move", MOVES)
def test_every_value_of_a_camera_path_key_moves_as_it_says(move, tmp_path):
    key, expected = MOVES[move]
    found = read(tmp_path, {"version": 2, "pivots": PIVOTS, "camera": [{"frame": 0, **key}]})
    assert found.format == "camera-path" and "the subject is 2 scene units ahead" in found.report
    torch.testing.assert_close(found.cameras.cam2world[0], expected, atol=1e-5, rtol=0)


def test_between_camera_path_keys_it_runs_along_a_monotone_cubic_with_level_ends(tmp_path):
    """At 1 of 0, 2, 4 with 0, 10, 40 degrees: 5 - 1.875, for the slope at 2 is 12 / (6 / 5 + 6 / 15) = 7.5."""
    keys = [{"frame": frame, "azimuth": azimuth} for frame, azimuth in ((4, 40), (0, 0), (2, 10))]
    found = read(tmp_path, keys).cameras  # version 1: a bare list, about the subject
    x, z = found.centers[:, 0], found.centers[:, 2]
    azimuth = torch.rad2deg(torch.atan2(x, 2 - z))
    torch.testing.assert_close(azimuth, torch.tensor([0, 3.125, 10, 26.875, 40]), atol=1e-4, rtol=0)


def test_a_camera_path_moves_from_one_pivot_to_the_next(tmp_path):
    keys = [{"frame": 2, "pivot": "p1"}, {"frame": 4, "pivot": "side"}]
    centers = read(tmp_path, {"version": 2, "pivots": PIVOTS, "camera": keys}).cameras.centers
    torch.testing.assert_close(centers[:, 0], torch.tensor([0.0, 0, 0, 1, 2]))  # still before the first key


def key(frame, position, target=(0, 0, 0), **others):
    return {"frame": frame, "camera": {"position": position, "target": target, "fov": 40, **others}}


def track(*keys, frames=5):
    return {"schema_version": 1, "fps": 24, "duration_frames": frames, "width": 32, "height": 16, "keyframes": [*keys]}


def scene(*tracks, **others):
    cameras = [
        {"id": f"cam_{n}", "label": f"Camera {n}", "enabled": True, "track": one} for n, one in enumerate(tracks)
    ]
    return {"version": 1, "cameras": cameras, "active_camera_id": "cam_0", "cuts": [], **others}


def test_an_omnicam_camera_looks_at_its_target_in_a_world_whose_y_is_up(tmp_path):
    found = read(tmp_path, track(key(0, [0, 0, 4]), key(2, [4, 0, 0], roll=90), key(4, [0, 5, 0]), frames=6))
    first, second, third = (found.cameras.cam2world[n] for n in (0, 2, 4))
    torch.testing.assert_close(first, rows(X, Y, Z, (0, 0, -4)))  # OpenCV's world: y down, z forward
    torch.testing.assert_close(second, rows((0, -1, 0), (0, 0, 1), (-1, 0, 0), (4, 0, 0)))  # its right hand up
    torch.testing.assert_close(third, rows((-1, 0, 0), Z, Y, (0, -5, 0)))  # straight down
    assert found.format == "omnicam" and found.image_size == (16, 32) and len(found.cameras) == 6
    torch.testing.assert_close(found.cameras.cam2world[5], third)
    assert float(found.cameras.K[0, 1, 1]) == pytest.approx(0.5 / math.tan(math.radians(20)))


EASED = {"linear": 0.25, "ease": 0.15625, "ease_in": 0.0625, "ease_out": 0.4375, "smooth": 0.103515625}


@pytest.mark.parametrize("mode", EASED)
def test_an_omnicam_camera_eases_as_the_key_before_says(mode, tmp_path):
    keys = [{**key(0, [0, 0, 4]), "interpolation": mode}, {**key(4, [8, 0, 4]), "interpolation": "linear"}]
    centers = read(tmp_path, track(*keys)).cameras.centers
    torch.testing.assert_close(centers[1], torch.tensor([8 * EASED[mode], 0, -4]))


def test_a_camera_of_an_omnicam_scene_is_found_by_id_or_label_or_is_the_active_one(tmp_path):
    data = scene(track(key(0, [0, 0, 4])), track(key(0, [0, 0, 7])))
    for camera, away in (("", 4.0), ("cam_1", 7.0), ("Camera 1", 7.0)):
        found = read(tmp_path, data, camera=camera)
        assert float(found.cameras.centers[0, 2]) == -away and f"camera {camera or 'cam_0'} of 2" in found.report
    cut = {**data, "cuts": [{"camera_id": f"cam_{n}", "time_seconds": n} for n in (0, 1)]}
    with pytest.raises(
        MirageError, match=r"its edit cuts between cameras.*Set camera to one of cam_0, cam_1, Camera 0"
    ):
        read(tmp_path, cut)
    assert len(read(tmp_path, cut, camera="cam_1").cameras) == 5


BAD = {
    "no key": ({"camera": [], "pivots": [], "x": "frame"}, "camera must hold a list of keys"),
    "no frame": ([{"azimuth": 1, "x": "frame"}, {"frame": 1}], "camera, key 0: frame must be a finite number"),
    "a frame beyond": ([{"azimuth": 1, "frame": 1e9}], "must be 0 to 99999; got"),
    "text": ([{"frame": 0, "azimuth": "left"}], "key at frame 0: azimuth must be a finite number; got str 'left'"),
    "no such pivot": ({"pivots": [], "camera": [{"frame": 0, "pivot": "a"}]}, "pivot must be one of p1; got 'a'"),
    "no distance": ([{"frame": 0, "azimuth": 0, "distance": 0}], "distance, and z of a pivot, must be above 0"),
    "a newer version": ({"version": 3, "pivots": [], "camera": [{"frame": 0}]}, "version 2 at most; it is of int 3"),
    "no target": (track({"frame": 0, "camera": {"position": [0, 0, 1]}}), "keyframe 0: must hold target"),
    "on its target": (track(key(0, [1, 1, 1], [1, 1, 1])), "target must lie away from position; at frame 0"),
    "too long": (track(key(0, [0, 0, 1]), frames=1e9), r"must be 1 to 100000 frames; got 1e\+09"),
    "no such easing": (track({**key(0, [0, 0, 1]), "interpolation": "odd"}), "interpolation must be one of linear"),
    "parallel": (track(key(0, [0, 0, 1], camera_type="orthographic")), "camera_type must be perspective"),
    "no such camera": (
        scene(track(key(0, [0, 0, 1])), active_camera_id="x"),
        "must be one of cam_0, Camera 0; got 'x'",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_keys_that_make_no_path_are_refused_in_words(what, tmp_path):
    data, match = BAD[what]
    with pytest.raises(MirageError, match=match):
        read(tmp_path, data)
