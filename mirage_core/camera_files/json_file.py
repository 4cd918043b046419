"""Reading JSON with errors that name the file and what is missing."""

import json
from pathlib import Path

from ..errors import MirageError, describe
from .parsed import read_text


def load(path: Path) -> dict:
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise MirageError(f"{path.name}: must be JSON; {error}.") from error
    if not isinstance(data, dict):
        raise MirageError(f"{path.name}: must hold a JSON object; got {describe(data)}.")
    return data


def entry(data: dict, name: str, kind: type, where: str):
    """``data[name]``, which must be of a kind."""
    value = data.get(name)
    if not isinstance(value, kind):
        raise MirageError(f"{where}: {name} must be a JSON {kind.__name__}; got {describe(value)}.")
    return value
