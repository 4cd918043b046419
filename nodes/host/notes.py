"""What a node says of its own run: on the node in the page, and in its ui output."""

from collections.abc import Sequence

from comfy_execution.utils import get_executing_context
from server import PromptServer

from ...mirage_core import Cameras, LatentSpec
from .latents import shape_mismatch
from .steering.compiling import is_compiled
from .steering.request import AUTO, SCORES, Request

INSIDE_THE_NETWORK = ("branch", "uni3c")  # modes in which a network is left uncompiled, see compiling.py


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


def of_path(spec: LatentSpec, cameras: Cameras, width: int, height: int) -> list[str]:
    """What is not read of a path of one camera per video frame, or not as it was meant."""
    notes, left = [], (len(cameras) - 1) % spec.temporal
    if left:
        near = len(cameras) - left
        notes.append(
            f"cameras: there are {len(cameras)}, but video latents hold 1 + {spec.temporal} n frames: the last {left} "
            f"{'is' if left == 1 else 'are'} left out. Set the frames of the path to {near} or {near + spec.temporal}."
        )
    mismatch = shape_mismatch(cameras, width, height)
    return [*notes, f"{mismatch} Here it is read with the cameras' height; samplers refuse it."] if mismatch else notes


def of_request(request: Request, mode: str) -> list[str]:
    """What is connected to a node that conditions a model, and has no effect in the mode that was chosen."""
    if request.strength == 0:
        return ["strength: 0 is the plain model. The memory, and what is connected for it, have no effect."]
    why = f"auto has taken mode {mode}" if request.mode == AUTO else f"the mode is {mode}"
    notes = [
        f"{name}: is connected, but has no effect: {why}. Choose mode {name}, or disconnect it."
        for name in ("branch", "uni3c")
        if getattr(request, name) is not None and mode != name
    ]
    encodes = mode in ("vace", "concat") or (mode == "branch" and request.score == SCORES[0])
    if request.vae is not None and not encodes:
        notes.append(f"vae: is connected, but has no effect: {why}, which encodes nothing.")
    if mode in INSIDE_THE_NETWORK and is_compiled(request.model):
        notes.append(f"model: is compiled, which has no effect: {why}, which works inside the network.")
    return notes
