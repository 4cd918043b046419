"""The one error of this package, and the checks that raise it.

A message reads ``name: what must hold; what came. What to do.`` Where it was raised, ComfyUI and the traceback say.
"""

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real

import torch
from safetensors import SafetensorError
from torch import Tensor


class MirageError(ValueError):
    """An input cannot be used; the message names it, what arrived and what is expected."""


# what Python raises on numbers, texts and structures that a damaged file holds
DAMAGED = (ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError)
DAMAGED = (*DAMAGED, ValueError, struct.error, SafetensorError)


@contextmanager
def damage_refused(subject: str, what: str, ours: bool = False) -> Iterator[None]:
    """Raise MirageError, ``subject must be what; came``, for whatever a damaged file makes Python raise.

    Args:
        subject: ``name:``, of the file.
        ours: also for errors that are MirageErrors already, but do not know the file.
    """
    try:
        yield
    except DAMAGED as error:
        if isinstance(error, MirageError) and not ours:
            raise
        came = brief(error, 200).rstrip(".") or type(error).__name__
        raise MirageError(f"{subject} must be {what}; {came}.") from error


def describe(value: object) -> str:
    """Say what a value is in a few words, for an error message."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__} {value.dtype} {tuple(value.shape)}"
    return f"{type(value).__name__} {brief(repr(value))}"


def brief(value: object, most: int = 60) -> str:
    """A text, or what an error says, in one line and not longer than a message can bear."""
    text = " ".join(str(value).split())
    return text if len(text) <= most else text[: most - 3] + "..."


def check_shape(name: str, value: object, form: str, sizes: tuple[int | None, ...]) -> Tensor:
    """Return ``value`` if it is a tensor of the given sizes (None = any size)."""
    if not isinstance(value, Tensor):
        raise MirageError(f"{name}: must be a tensor {form}; got {describe(value)}.")
    fits = value.ndim == len(sizes) and all(want in (None, have) for want, have in zip(sizes, value.shape, strict=True))
    if not fits:
        raise MirageError(f"{name}: must be {form}; got {describe(value)}.")
    return value


def check_finite(name: str, value: Tensor) -> Tensor:
    bad = int((~torch.isfinite(value)).sum())
    if bad:
        raise MirageError(f"{name}: must be finite; {bad} of {value.numel()} values are NaN or infinite.")
    return value


def check_size(name: str, size: object) -> tuple[int, int]:
    """Return ``size`` as ``(height, width)``, both at least 1."""
    whole = isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(n, Integral) for n in size)
    if not whole or min(size) < 1:
        raise MirageError(f"{name}: must be (height, width), two whole numbers of at least 1; got {size!r}.")
    return int(size[0]), int(size[1])


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    choices = tuple(choices)
    if value not in choices:
        raise MirageError(f"{name}: must be one of {', '.join(choices)}; got {value!r}.")
    return value


def check_number(name: str, value: object, above: float) -> float:
    """Return ``value`` as a float, finite and greater than ``above``."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not above < value < float("inf"):
        raise MirageError(f"{name}: must be a finite number above {above:g}; got {value!r}.")
    return float(value)
