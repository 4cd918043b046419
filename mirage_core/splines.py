"""A smooth curve through poses: cubic Bezier segments, in space and on SO(3).

web/editor/spline.mjs computes the same curve in the browser; tests/data/camera_keys.json holds poses that both give.
"""

from itertools import pairwise

import torch
from kornia.geometry.liegroup import So3
from kornia.geometry.quaternion import Quaternion
from torch import Tensor

LONGEST_TANGENT = 2.0  # of the shorter neighbouring segment: keeps the curve from swinging out beside a short one


def pose_spline(cam2world: Tensor, times: Tensor) -> Tensor:
    """Poses on the curve through ``cam2world``.

    The tangent at an inner pose is the mean of the steps to its neighbours (Catmull-Rom), but no longer than
    ``LONGEST_TANGENT`` times the shorter one: where two neighbours stand still, the curve does, too. At either end the
    curve runs out without bending. Rotations run through Bezier curves of quaternions, De Casteljau's scheme with slerp
    in place of lerp (Shoemake, "Animating Rotation with Quaternion Curves", SIGGRAPH 1985).

    Args:
        cam2world: ``(N, 4, 4)``.
        times: ``(M,)`` in ``0 .. N - 1``: the whole part is the pose, the rest how far on the way to the next.

    Returns:
        ``(M, 4, 4)``, float64.
    """
    poses, times = cam2world.double(), times.double()
    if len(poses) == 1:
        return poses.expand(len(times), 4, 4).clone()
    start, end, part = neighbours(times, len(poses))
    u = part.unsqueeze(1)  # (M, 1)
    centers, rotations = poses[:, :3, 3], poses[:, :3, :3]
    turns = _log(rotations[:-1].mT @ rotations[1:])  # (N - 1, 3) in the frame of either end
    steps = _tangents(centers.diff(dim=0)) / 3.0  # (N, 3)
    spins = _tangents(turns) / 3.0
    # four control values of every segment asked for
    places = [centers[start], (centers + steps)[start], (centers - steps)[end], centers[end]]
    looks = [rotations[start], (rotations @ _exp(spins))[start]]
    looks += [(rotations @ _exp(-spins))[end], rotations[end]]
    found = torch.eye(4, dtype=torch.float64).repeat(len(times), 1, 1)
    found[:, :3, 3] = _de_casteljau(places, lambda a, b: torch.lerp(a, b, u))
    found[:, :3, :3] = _de_casteljau(looks, lambda a, b: a @ _exp(u * _log(a.mT @ b)))
    return found


def neighbours(times: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Between which of ``count`` values each time ``(M,)`` lies: int64 ``(M,)`` both, and how far on the way, 0..1."""
    low = times.floor().long().clamp(max=max(count - 2, 0))
    return low, (low + 1).clamp(max=count - 1), times - low


def _tangents(steps: Tensor) -> Tensor:
    """Tangents ``(N, 3)`` at poses with ``(N - 1, 3)`` steps between them."""
    before, after = steps[:-1], steps[1:]
    mean = (before + after) / 2.0
    longest = LONGEST_TANGENT * torch.minimum(before.norm(dim=1), after.norm(dim=1))
    length = mean.norm(dim=1)
    inner = mean * torch.where(length > longest, longest / length.clamp(min=1e-30), 1.0).unsqueeze(1)
    if len(inner) == 0:
        return torch.cat([steps, steps])
    return torch.cat([(3.0 * steps[:1] - inner[:1]) / 2.0, inner, (3.0 * steps[-1:] - inner[-1:]) / 2.0])


def _de_casteljau(values: list[Tensor], between) -> Tensor:
    while len(values) > 1:
        values = [between(a, b) for a, b in pairwise(values)]
    return values[0]


def _log(rotation: Tensor) -> Tensor:
    return So3(Quaternion.from_matrix(rotation)).log()


def _exp(turn: Tensor) -> Tensor:
    return So3.exp(turn).matrix()
