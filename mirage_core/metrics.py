"""Does it remember? Pictures of one place, made at different times, compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from kornia.geometry.liegroup import So3
from kornia.metrics import psnr, ssim
from torch import Tensor

from .cameras import Cameras
from .devices import working_device
from .errors import MirageError, check_number, check_shape

SSIM_WINDOW = 11  # pixels, as in Wang et al. 2004
AWAY = 4.0  # times the tolerance: how far the camera must have been in between
AT_ONCE = 16  # frames that are compared with all others: what that takes grows with the walk, not with its square
BEST_PSNR = 100.0  # dB, of equal pictures, so that a mean exists


@dataclass(frozen=True)
class Revisit:
    """Two frames of one pose, with a way between them.

    Attributes:
        earlier, later: frame numbers.
        distance: between the cameras, scene units.
        angle: between their directions, degrees.
        psnr: dB, at most ``BEST_PSNR``.
        ssim: -1..1.
    """

    earlier: int
    later: int
    distance: float
    angle: float
    psnr: float
    ssim: float


def revisits(cameras: Cameras, distance: float, angle: float) -> tuple[tuple[int, int, float, float], ...]:
    """Frames that come back to an earlier pose: (earlier, later, distance, angle in degrees), by the later frame.

    Of several earlier frames the nearest counts, of equally near ones the first. In between the camera must have been
    ``AWAY`` tolerances off, so that standing still is no revisit.

    Args:
        distance: tolerance, scene units.
        angle: tolerance, degrees.
    """
    check_number("distance", distance, above=0.0)
    check_number("angle", angle, above=0.0)
    cameras = cameras.on_cpu  # few numbers, read one by one, in float64
    centers, rotation = cameras.centers, cameras.cam2world[:, :3, :3]
    found = []
    for first in range(0, len(cameras), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        apart = torch.cdist(centers[rows].double(), centers.double())  # (R, F)
        turned = _angles(rotation[rows], rotation)  # (R, F) degrees
        near = (apart <= distance) & (turned <= angle)
        away = (apart > AWAY * distance) | (turned > AWAY * angle)
        for row in range(len(apart)):
            left = away[row, : first + row].nonzero()
            if not len(left):
                continue
            before = int(left.max())  # the last frame that was away: revisits lie before it
            candidates = near[row, :before].nonzero().squeeze(1)
            if not len(candidates):
                continue
            score = apart[row, candidates] / distance + turned[row, candidates] / angle
            earlier = int(candidates[score.argmin()])
            found.append((earlier, first + row, float(apart[row, earlier]), float(turned[row, earlier])))
    return tuple(found)


def loop_closure(
    frames: Tensor | Sequence[Tensor], cameras: Cameras, distance: float, angle: float
) -> tuple[Revisit, ...]:
    """Compare the frames of every revisited pose.

    Args:
        frames: ``(F, H, W, 3)``, 0..1, one per camera; or a sequence of them, which are then asked for one by one.

    Raises:
        MirageError: the numbers of frames and cameras differ.
    """
    if isinstance(frames, Tensor):
        check_shape("frames", frames, "(F, H, W, 3)", (None, None, None, 3))
    if len(frames) != len(cameras):
        raise MirageError(
            f"cameras: must be those of the frames, one each; got {len(frames)} frames and {len(cameras)} cameras."
        )
    return tuple(
        Revisit(earlier, later, apart, turned, *picture_scores(frames[earlier], frames[later]))
        for earlier, later, apart, turned in revisits(cameras, distance, angle)
    )


def picture_scores(one: Tensor, other: Tensor) -> tuple[float, float]:
    """PSNR in dB (at most ``BEST_PSNR``) and mean SSIM of two pictures ``(H, W, 3)``, 0..1."""
    pictures = (picture.to(working_device(one.device)) for picture in (one, other))
    a, b = (picture.float().clamp(0, 1).movedim(-1, 0).unsqueeze(0) for picture in pictures)
    decibels = float(psnr(a, b, max_val=1.0))
    return min(decibels, BEST_PSNR), float(ssim(a, b, window_size=SSIM_WINDOW).mean())


def closure_text(found: Sequence[Revisit]) -> str:
    """The result in a few lines."""
    if not found:
        return "The camera never comes back to a pose. Let the path return to its start, or raise the tolerances."
    mean_psnr = sum(one.psnr for one in found) / len(found)
    mean_ssim = sum(one.ssim for one in found) / len(found)
    worst = min(found, key=lambda one: one.psnr)
    return (
        f"{len(found)} frames come back to an earlier pose: PSNR {mean_psnr:.1f} dB, SSIM {mean_ssim:.3f} (means)\n"
        f"worst: frame {worst.later} against {worst.earlier}, {worst.psnr:.1f} dB"
    )


def _angles(some: Tensor, rotation: Tensor) -> Tensor:
    """Angles between rotations ``(R, 3, 3)`` and ``(F, 3, 3)``: float64 degrees ``(R, F)``."""
    relative = torch.einsum("aji,bjk->abik", some.double(), rotation.double())
    turns = So3.from_matrix(relative.reshape(-1, 3, 3)).log()
    return torch.rad2deg(turns.norm(dim=-1)).reshape(len(some), len(rotation))
