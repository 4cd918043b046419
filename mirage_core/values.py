"""Values that are never changed in place: checked once, where they are made of what others give."""

from dataclasses import fields
from typing import TypeVar

Value = TypeVar("Value")


def derived(value: Value, **changes: object) -> Value:
    """A frozen dataclass with some fields changed, built without its checks.

    The one way past ``__post_init__``, for what follows from a checked value: a part of it, its copy on another device,
    parts side by side. New numbers go through the constructor, or ``dataclasses.replace``, which calls it.
    """
    made = object.__new__(type(value))
    for field in fields(value):
        object.__setattr__(made, field.name, changes.get(field.name, getattr(value, field.name)))
    return made
