"""Camera paths: named moves from a start camera, in steps of video frames."""

from dataclasses import dataclass

import torch
from kornia.geometry.liegroup import So3
from torch import Tensor

from .cameras import Cameras, check_start
from .errors import check_choice, check_number

MOVES = (
    "there and back",
    "dolly",
    "truck",
    "pedestal",
    "pan",
    "tilt",
    "orbit",
    "spiral",
    "figure eight",
)
TURNS = ("pan", "tilt", "orbit")  # moves that are measured in degrees; the others in shares of the scene's depth
EASINGS = ("smooth", "linear")
SPIRAL_TURNS = 2.0
THERE_AND_BACK_LOOK = 0.15  # radians: how far the camera looks aside on its way


@dataclass(frozen=True)
class Move:
    """A named move.

    Attributes:
        name: one of ``MOVES``.
        amount: of a move in ``TURNS``, degrees; of any other, the distance as a share of the scene's depth. Positive is
            forward, right, up; an orbit goes to the right. Negative turns the move round.
        easing: "smooth" starts and stops gently, "linear" keeps one speed.
        return_to_start: go the same way back in the second half.
    """

    name: str
    amount: float
    easing: str = "smooth"
    return_to_start: bool = False

    def __post_init__(self):
        check_choice("move", self.name, MOVES)
        check_number("amount", self.amount, above=float("-inf"))
        check_choice("easing", self.easing, EASINGS)


def camera_path(start: Cameras, move: Move, frames: int, scene_depth: float) -> Cameras:
    """Move a camera; frame 0 is where it starts.

    Args:
        start: one camera; its K is kept.
        frames: how many cameras to make, one per video frame.
        scene_depth: scene units; the median depth of the first picture. An orbit turns about the point at this depth
            straight ahead, spiral and figure eight keep looking at it.

    Returns:
        ``frames`` cameras in the world of ``start``.

    Raises:
        MirageError: ``start`` is not one camera, or frames or depth are not positive.
    """
    check_start(start, frames, scene_depth)
    position, turn = _local(move, _progress(frames, move), scene_depth)
    local = torch.eye(4).repeat(frames, 1, 1)
    local[:, :3, :3] = So3.exp(turn).matrix()
    local[:, :3, 3] = position
    return Cameras(start.cam2world.cpu() @ local, start.K.cpu().expand(frames, 3, 3))


def _progress(frames: int, move: Move) -> Tensor:
    """How far along the move each frame is, ``(F,)``: 0 at the start, 1 at the far end."""
    s = torch.linspace(0.0, 1.0, frames)
    if move.return_to_start or move.name == "there and back":
        s = 1.0 - (2.0 * s - 1.0).abs()
    return s * s * (3.0 - 2.0 * s) if move.easing == "smooth" else s


def _local(move: Move, s: Tensor, depth: float) -> tuple[Tensor, Tensor]:
    """Positions and rotation vectors ``(F, 3)`` in the frame of the start camera (x right, y down, z forward)."""
    none = torch.zeros_like(s)
    distance = move.amount * depth * s
    angle = torch.deg2rad(torch.tensor(move.amount)) * s
    circle = 2.0 * torch.pi * s
    radius = move.amount * depth
    match move.name:
        case "there and back":
            aside = THERE_AND_BACK_LOOK * torch.sin(torch.pi * s)
            return torch.stack([0.25 * distance, none, distance], 1), _yaw(aside)
        case "dolly":
            return torch.stack([none, none, distance], 1), torch.zeros(len(s), 3)
        case "truck":
            return torch.stack([distance, none, none], 1), torch.zeros(len(s), 3)
        case "pedestal":
            return torch.stack([none, -distance, none], 1), torch.zeros(len(s), 3)
        case "pan":
            return torch.zeros(len(s), 3), _yaw(angle)
        case "tilt":
            return torch.zeros(len(s), 3), torch.stack([angle, none, none], 1)
        case "orbit":
            position = torch.stack([depth * torch.sin(angle), none, depth * (1.0 - torch.cos(angle))], 1)
            return position, _yaw(-angle)
        case "spiral":
            sweep = SPIRAL_TURNS * circle
            position = torch.stack([radius * s * torch.cos(sweep), radius * s * torch.sin(sweep), 0.5 * distance], 1)
        case _:  # figure eight
            position = torch.stack([radius * torch.sin(circle), 0.5 * radius * torch.sin(2 * circle), none], 1)
    return position, _look_at(position, depth)


def _yaw(angle: Tensor) -> Tensor:
    """Rotation vectors of a turn to the right by ``angle`` radians ``(F,)``."""
    return torch.stack([torch.zeros_like(angle), angle, torch.zeros_like(angle)], dim=1)


def _look_at(position: Tensor, depth: float) -> Tensor:
    """Rotation vectors that turn the optical axis from ``position`` to ``(0, 0, depth)``, without roll about it."""
    aim = torch.nn.functional.normalize(position.new_tensor([0.0, 0.0, depth]) - position, dim=1)
    forward = aim.new_tensor([0.0, 0.0, 1.0]).expand_as(aim)
    axis = torch.nn.functional.normalize(torch.linalg.cross(forward, aim), dim=1)
    return axis * torch.acos(aim[:, 2:].clamp(-1.0, 1.0))
