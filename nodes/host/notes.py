"""What a node says of its own run: on the node in the page, and in its ui output."""

from collections.abc import Sequence

from comfy_execution.utils import get_executing_context
from server import PromptServer

from ...mirage_core import LatentPath


def show(status: str, notes: Sequence[str] = ()) -> dict[str, list[str]]:
    """Write a line and notes on the node that is running; the notes come back as ``mirage_notes`` for its ui output.

    Args:
        status: the page keeps a node's text until another one comes, so a run without notes says something, too.
            Empty: the text is off the node already.
    """
    lines = [line for line in (status, *notes) if line]
    running, server = get_executing_context(), getattr(PromptServer, "instance", None)
    if lines and running is not None and server is not None:  # there are none outside a server
        server.send_progress_text("\n".join(lines), running.node_id)
    return {"mirage_notes": list(notes)}


def of_path(path: LatentPath) -> list[str]:
    """What is not read of a path, or not as it was meant."""
    notes, count, left = [], len(path.video), path.unused
    if left:
        near, after = path.timing.lengths_near(count)
        notes.append(
            f"cameras: there are {count}, but video latents hold {path.timing} frames: the last {left} "
            f"{'is' if left == 1 else 'are'} left out. Set the frames of the path to {near} or {after}."
        )
    if path.mismatch:
        notes.append(f"{path.mismatch} Here it is read with the cameras' height; samplers refuse it.")
    return notes
