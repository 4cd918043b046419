"""The text of a camera path: JSON that the Camera Path Editor, or a hand, wrote. web/editor/keys.mjs reads the same."""

import json
from dataclasses import asdict, dataclass
from itertools import pairwise

from .camera_keys import EASINGS, CameraKey
from .errors import MirageError, brief, damage_refused
from .texts import json_number, json_numbers, json_object

FORMAT, VERSION = "mirage-camera-keys", 1
NARROWEST, WIDEST = 10.0, 179.0  # degrees
DEFAULT = (CameraKey(0.0, easing="smooth"), CameraKey(1.0, position=(0.0, 0.0, 0.3)))


@dataclass(frozen=True)
class DrawnPath:
    """What a path's text says.

    Attributes:
        keys: in the order of their times.
        start_locked: the editor keeps the first key at the picture's camera and at time 0; the cameras do not ask.
        constant_speed: as ``keyed_path`` has it.
    """

    keys: tuple[CameraKey, ...] = DEFAULT
    start_locked: bool = True
    constant_speed: bool = False


def path_from_text(text: str) -> DrawnPath:
    """Read a path as the editor, or a hand, wrote it; an empty text means a short way forward, with a locked start.

    Raises:
        MirageError: it is no such JSON; the text says which key and which value.
    """
    if not text.strip():
        return DrawnPath()
    with damage_refused("path:", "the keys of a camera path"):
        return _path(text)


def text_from_path(path: DrawnPath) -> str:
    """The text that the editor would write: a line per key, and only the options that are on."""
    options = "".join(f'"{name}": true, ' for name in ("start_locked", "constant_speed") if getattr(path, name))
    rows = [
        {name: value for name, value in asdict(key).items() if (name, value) != ("target", None)} for key in path.keys
    ]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    return f'{{"format": "{FORMAT}", "version": {VERSION}, {options}"keys": [\n{lines}\n]}}'


def _path(text: str) -> DrawnPath:
    data = json_object("path", text, (FORMAT, VERSION))
    if not isinstance(data.get("keys"), list) or not data["keys"]:
        raise MirageError(f"path: keys must be a list of at least one key; got {brief(repr(data.get('keys')))}.")
    options = {name: _switch(data, name) for name in ("start_locked", "constant_speed")}
    return DrawnPath(_keys(data["keys"]), **options)


def _switch(data: dict, name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise MirageError(f"path: {name} must be true or false; got {brief(repr(value), 40)}.")
    return value


def _keys(rows: list) -> tuple[CameraKey, ...]:
    keys = tuple(_key(number, one) for number, one in enumerate(rows, start=1))
    for number, (one, after) in enumerate(pairwise(keys), start=1):
        if not one.time < after.time:
            raise MirageError(
                f"path: keys must come in the order of their times; key {number} is at {one.time:g}, "
                f"key {number + 1} at {after.time:g}."
            )
    return keys


def _key(number: int, one: object) -> CameraKey:
    known = set(CameraKey.__dataclass_fields__)
    if not isinstance(one, dict) or "time" not in one or not set(one) <= known:
        raise MirageError(
            f"path: key {number} must have a time, and may have {', '.join(sorted(known))}; got {brief(repr(one))}."
        )
    where, fov, target = f"path: key {number}:", one.get("field_of_view"), one.get("target")
    key = CameraKey(
        time=json_number(f"{where} time", one["time"]),
        position=json_numbers(f"{where} position", one.get("position", [0.0, 0.0, 0.0]), 3),
        **{name: json_number(f"{where} {name}", one.get(name, 0.0)) for name in ("pan", "tilt", "roll")},
        field_of_view=None if fov is None else json_number(f"{where} field_of_view", fov),
        easing=one.get("easing", "linear"),
        target=None if target is None else json_numbers(f"{where} target", target, 3),
    )
    if not 0.0 <= key.time <= 1.0:
        raise MirageError(f"path: key {number}: time must lie in 0..1; got {key.time:g}.")
    if key.field_of_view is not None and not NARROWEST <= key.field_of_view <= WIDEST:
        raise MirageError(
            f"path: key {number}: field_of_view must lie in {NARROWEST:g}..{WIDEST:g}; got {key.field_of_view:g}."
        )
    if key.easing not in list(EASINGS):  # what came may be no text, and not hashable
        raise MirageError(
            f"path: key {number}: easing must be one of {', '.join(EASINGS)}; got {brief(repr(key.easing))}."
        )
    return key
