"""Keys over video frames, for files that hold these in place of cameras."""

import numpy as np

from ..errors import MirageError, describe

MOST_FRAMES = 100_000


def key_frames(keys: object, name: str, where: str) -> tuple[list[dict], np.ndarray]:
    """Keys by their frames, ascending, and these ``(N,)``; of keys at one frame the last.

    Args:
        name: what the file calls the list.
    """
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise MirageError(f"{where}: {name} must hold a list of keys; got {describe(keys)}.")
    by_frame = {}
    for number, key in enumerate(keys):
        by_frame[round(number_of(key, "frame", None, f"{where}, {name}, key {number}"))] = key
    frames = sorted(by_frame)
    if not 0 <= frames[0] <= frames[-1] < MOST_FRAMES:
        raise MirageError(
            f"{where}: frame of a key in {name} must be 0 to {MOST_FRAMES - 1}; got {frames[0]} to {frames[-1]}."
        )
    return [by_frame[frame] for frame in frames], np.array(frames, dtype=np.float64)


def number_of(key: dict, name: str, default: float | None, where: str) -> float:
    """A finite number of a key; None = it must be there."""
    value = key.get(name)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise MirageError(f"{where}: {name} must be a finite number; got {describe(value)}.")
    return float(value)


def between(frames: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The keys before and behind each of the frames ``at``, int64 ``(T,)``, and how far it is between them, 0 to 1.

    Before the first key and behind the last the path stands still.
    """
    before = np.clip(np.searchsorted(frames, at, side="right") - 1, 0, max(len(frames) - 2, 0))
    behind = np.minimum(before + 1, len(frames) - 1)
    span = np.maximum(frames[behind] - frames[before], 1.0)
    return before, behind, np.clip((at - frames[before]) / span, 0.0, 1.0)


def check_count(count: float, name: str, where: str) -> int:
    """A number of frames, before any are made."""
    if not 1 <= count <= MOST_FRAMES:
        raise MirageError(f"{where}: {name} must be 1 to {MOST_FRAMES} frames; got {count:g}.")
    return int(count)
