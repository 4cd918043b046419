"""JSON that a widget, or a hand, wrote: read with errors that name the value."""

import json

from .errors import MirageError, brief

MOST = 1e6  # size of any number: beyond it float32 has no place for the steps of a camera


def json_list(subject: str, text: str, stamp: tuple[str, int], name: str) -> list:
    """The list ``name`` of a JSON object, as ``json_object`` reads it."""
    data = json_object(subject, text, stamp)
    if not isinstance(data.get(name), list):
        raise MirageError(f"{subject}: {name} must be a list; got {brief(repr(data.get(name)))}.")
    return data[name]


def json_object(subject: str, text: str, stamp: tuple[str, int]) -> dict:
    """A JSON object that says its format and version.

    Args:
        subject: what the text is, for errors.
        stamp: format and version that it must have.

    Raises:
        MirageError: it is no such JSON.
    """
    form, version = stamp
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets in brackets
        raise MirageError(f"{subject}: must be JSON; {error}.") from error
    if not isinstance(data, dict) or data.get("format") != form:
        raise MirageError(f'{subject}: must be a JSON object with "format": "{form}"; got {brief(text)!r}.')
    if data.get("version") != version:
        raise MirageError(f"{subject}: must be of version {version}; got {brief(repr(data.get('version')))}.")
    return data


def json_number(name: str, value: object) -> float:
    """A finite number as a float; ``name`` says whose it is, for errors."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        raise MirageError(f"{name} must be a number; got {brief(repr(value), 40)}. Its size may be {MOST:g}.")
    return float(value)


def json_numbers(name: str, value: object, *shape: int) -> tuple:
    """Numbers in lists of lists, of the lengths of ``shape``, as tuples of tuples."""
    if not shape:
        return json_number(name, value)
    if not isinstance(value, list) or len(value) != shape[0]:
        form = " x ".join(str(length) for length in shape)
        raise MirageError(f"{name} must be {form} numbers; got {brief(repr(value))}.")
    return tuple(json_numbers(name, one, *shape[1:]) for one in value)
