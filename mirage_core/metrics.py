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

Pictures = Tensor | Sequence[Tensor]  # ``(F, H, W, 3)``, or one by one

NEVER = "The camera never comes back to a pose. Let the path return to its start, or raise the tolerances."
NEVER_ACROSS = "The two cameras never come to one pose. Let both paths return to their start, or raise the tolerances."


@dataclass(frozen=True)
class Revisit:
    """Two frames of one pose, with a way between them.

    Attributes:
        earlier, later: frame numbers; of two branches those of the first and of the other.
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


Pairs = tuple[tuple[int, int, float, float], ...]  # two frame numbers, scene units and degrees between them


def revisits(cameras: Cameras, distance: float, angle: float, parted: int | None = None) -> Pairs:
    """Frames that come back to an earlier pose: (earlier, later, distance, angle in degrees), by the later frame.

    Of several earlier frames the nearest counts, of equally near ones the first. In between the camera must have been
    ``AWAY`` tolerances off, so that standing still is no revisit.

    Args:
        distance: tolerance, scene units.
        angle: tolerance, degrees.
        parted: only pairs of a frame before this one, and one from it on.
    """
    check_number("distance", distance, above=0.0)
    check_number("angle", angle, above=0.0)
    cameras = cameras.on_cpu  # few numbers, read one by one, in float64
    centers, rotation = cameras.centers, cameras.cam2world[:, :3, :3]
    found = []
    for first in range(parted or 0, len(cameras), AT_ONCE):
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
            candidates = near[row, :before][:parted].nonzero().squeeze(1)
            if not len(candidates):
                continue
            score = apart[row, candidates] / distance + turned[row, candidates] / angle
            earlier = int(candidates[score.argmin()])
            found.append((earlier, first + row, float(apart[row, earlier]), float(turned[row, earlier])))
    return tuple(found)


def revisits_across(cameras: Cameras, others: Cameras, distance: float, angle: float) -> Pairs:
    """Frames of one branch and of another at one pose: (of the first, of the other, distance, angle), as ``revisits``.

    The way from one to the other leads back along the first branch, to where both began, and on along the other: on it
    the camera must have been off, so that what both saw before they parted does not count.
    """
    back = cameras.on_cpu[list(reversed(range(len(cameras))))]
    there_and_on = Cameras.concatenated([back, others.on_cpu])
    found = revisits(there_and_on, distance, angle, parted=len(cameras))
    last = len(cameras) - 1
    return tuple((last - one, other - last - 1, apart, turned) for one, other, apart, turned in found)


def loop_closure(frames: Pictures, cameras: Cameras, distance: float, angle: float) -> tuple[Revisit, ...]:
    """Compare the frames of every revisited pose.

    Args:
        frames: ``(F, H, W, 3)``, 0..1, one per camera; or a sequence of them, which are then asked for one by one.

    Raises:
        MirageError: the numbers of frames and cameras differ.
    """
    _check_frames(frames, cameras)
    return tuple(
        Revisit(earlier, later, apart, turned, *picture_scores(frames[earlier], frames[later]))
        for earlier, later, apart, turned in revisits(cameras, distance, angle)
    )


def loop_closure_across(
    frames: Pictures, cameras: Cameras, others: tuple[Pictures, Cameras], distance: float, angle: float
) -> tuple[Revisit, ...]:
    """Compare two branches of a world where they come to the same poses: one frame of each, see ``revisits_across``.

    Args:
        frames: as for ``loop_closure``, of the first branch.
        others: frames and cameras of the other.

    Raises:
        MirageError: the numbers of frames and cameras differ, or the sizes of the pictures.
    """
    other_frames, other_cameras = others
    _check_frames(frames, cameras)
    _check_frames(other_frames, other_cameras, "other_")
    sizes = [tuple(one[0].shape[:2]) for one in (frames, other_frames)]
    if sizes[0] != sizes[1]:
        (h, w), (other_h, other_w) = sizes
        raise MirageError(
            f"other_frames: must be of the size of the first, {w} x {h}; got {other_w} x {other_h}. "
            "Make both walks at one size."
        )
    return tuple(
        Revisit(one, other, apart, turned, *picture_scores(frames[one], other_frames[other]))
        for one, other, apart, turned in revisits_across(cameras, other_cameras, distance, angle)
    )


def _check_frames(frames: Pictures, cameras: Cameras, which: str = "") -> None:
    if isinstance(frames, Tensor):
        check_shape(f"{which}frames", frames, "(F, H, W, 3)", (None, None, None, 3))
    if len(frames) != len(cameras):
        raise MirageError(
            f"{which}cameras: must be those of the frames, one each; "
            f"got {len(frames)} frames and {len(cameras)} cameras."
        )


def picture_scores(one: Tensor, other: Tensor) -> tuple[float, float]:
    """PSNR in dB (at most ``BEST_PSNR``) and mean SSIM of two pictures ``(H, W, 3)``, 0..1."""
    pictures = (picture.to(working_device(one.device)) for picture in (one, other))
    a, b = (picture.float().clamp(0, 1).movedim(-1, 0).unsqueeze(0) for picture in pictures)
    decibels = float(psnr(a, b, max_val=1.0))
    return min(decibels, BEST_PSNR), float(ssim(a, b, window_size=SSIM_WINDOW).mean())


def closure_text(found: Sequence[Revisit], across: bool = False) -> str:
    """The result in a few lines; ``across``: of two branches."""
    if not found:
        return NEVER_ACROSS if across else NEVER
    mean_psnr = sum(one.psnr for one in found) / len(found)
    mean_ssim = sum(one.ssim for one in found) / len(found)
    worst = min(found, key=lambda one: one.psnr)
    what = "of the other video come to a pose of the first" if across else "come back to an earlier pose"
    of_other, of_first = (" of the other video", "frame ") if across else ("", "")
    return (
        f"{len(found)} frames {what}: PSNR {mean_psnr:.1f} dB, SSIM {mean_ssim:.3f} (means)\n"
        f"worst: frame {worst.later}{of_other} against {of_first}{worst.earlier}, {worst.psnr:.1f} dB"
    )


def _angles(some: Tensor, rotation: Tensor) -> Tensor:
    """Angles between rotations ``(R, 3, 3)`` and ``(F, 3, 3)``: float64 degrees ``(R, F)``."""
    relative = torch.einsum("aji,bjk->abik", some.double(), rotation.double())
    turns = So3.from_matrix(relative.reshape(-1, 3, 3)).log()
    return torch.rad2deg(turns.norm(dim=-1)).reshape(len(some), len(rotation))
