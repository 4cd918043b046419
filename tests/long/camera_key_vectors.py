"""Write tests/data/camera_keys.json, the poses that Python and JavaScript must agree on: `python -m` this file.

Run it only when the meaning of a path changes on purpose; the tests check both sides against the file.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from mirage_core import Cameras
from mirage_core.camera_key_text import FORMAT, VERSION
from mirage_core.camera_keys import CameraKey, keyed_path

FILE = Path(__file__).parent.parent / "data" / "camera_keys.json"
FRAMES = 13
K = [[0.9, 0.0, 0.5], [0.0, 1.35, 0.5], [0.0, 0.0, 1.0]]
CASES = {
    "one key": (CameraKey(0.4, (0.1, -0.2, 0.3), pan=20, tilt=-10, roll=5, field_of_view=70),),
    "straight": (CameraKey(0, easing="smooth"), CameraKey(1, (0, 0, 0.3))),
    "a turn beyond half a circle goes the short way": (CameraKey(0, pan=-170), CameraKey(1, pan=170)),
    "a bend, held in the middle": (
        CameraKey(0, (0, 0, 0), pan=0, easing="start gently"),
        CameraKey(0.3, (0.4, 0.1, 0.5), pan=40, tilt=10, easing="linear"),
        CameraKey(0.5, (0.4, 0.1, 0.5), pan=40, tilt=10, easing="smooth"),
        CameraKey(0.9, (-0.2, -0.3, 0.9), pan=-60, tilt=-25, roll=15, field_of_view=35, easing="stop gently"),
        CameraKey(1, (-0.25, -0.3, 0.9), pan=-65, tilt=-25, roll=15),
    ),
    "short steps beside long ones": (
        CameraKey(0, (0, 0, 0)),
        CameraKey(0.1, (0.01, 0, 0), pan=1),
        CameraKey(0.6, (1, 0, 1), pan=90, tilt=45),
        CameraKey(0.61, (1, 0.02, 1), pan=91, tilt=45),
        CameraKey(1, (-1, 0.5, 2), pan=-100, tilt=-60, roll=170),
    ),
    "smooth through keys at uneven times": (
        CameraKey(0.05, easing="smooth"),
        CameraKey(0.15, (0.1, 0, 0.2), pan=10, easing="smooth"),
        CameraKey(0.7, (0.5, -0.1, 0.6), pan=-30, tilt=5, field_of_view=60, easing="smooth"),
        CameraKey(0.95, (0.2, 0.1, 1), pan=-80),
    ),
    "smooth beside every other way": (
        CameraKey(0, easing="linear"),
        CameraKey(0.1, (0.3, 0, 0.1), pan=15, easing="smooth"),
        CameraKey(0.3, (0.4, 0, 0.5), pan=30, easing="start gently"),
        CameraKey(0.5, (0.2, -0.1, 0.8), pan=10, easing="smooth"),
        CameraKey(0.6, (0.1, -0.1, 0.9), pan=0, easing="stop gently"),
        CameraKey(0.8, (-0.2, 0, 1), pan=-20, easing="smooth"),
        CameraKey(1, (-0.2, 0.1, 1.2), pan=-20),
    ),
    "looking at targets on the way, and away from them": (
        CameraKey(0, (-0.5, 0.1, 0), target=(0, 0, 1), easing="smooth"),
        CameraKey(0.3, (0.6, 0, 0.2), target=(0, 0, 1), roll=20, easing="smooth"),
        CameraKey(0.6, (0.8, -0.2, 0.9), target=(-0.4, 0.2, 2), easing="stop gently"),
        CameraKey(0.8, (0.2, 0, 1), pan=30, tilt=10),
        CameraKey(1, (0, 0, 1.2), target=(2, 0, 1), roll=-5),
    ),
}


def row_of(key: CameraKey) -> dict:
    row = asdict(key)
    return row if key.target is not None else {name: value for name, value in row.items() if name != "target"}


def text_of(keys: tuple[CameraKey, ...], constant_speed: bool) -> str:
    """The JSON that ``path_from_text`` reads."""
    options = {"constant_speed": True} if constant_speed else {}
    return json.dumps({"format": FORMAT, "version": VERSION, **options, "keys": [row_of(key) for key in keys]})


AT_ONE_SPEED = "smooth beside every other way"  # again, so


def main() -> None:
    start = Cameras(torch.eye(4).unsqueeze(0), torch.tensor(K))
    cases = []
    for name, keys in (*CASES.items(), ("at one speed", CASES[AT_ONE_SPEED])):
        constant = name == "at one speed"
        path = keyed_path(keys, start, FRAMES, scene_depth=1.0, constant_speed=constant)
        rows = [
            {
                "position": [round(x, 6) for x in pose[:3, 3].tolist()],
                "rotation": [[round(x, 6) for x in row] for row in pose[:3, :3].tolist()],
                "fx": round(float(matrix[0, 0]), 6),
            }
            for pose, matrix in zip(path.cam2world, path.K, strict=True)
        ]
        cases.append({"name": name, "text": text_of(keys, constant), "poses": rows})
    FILE.write_text(json.dumps({"frames": FRAMES, "K": K, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
