"""Says in one sentence that a ComfyUI is older than this pack needs, where it would fail with an ImportError."""

import importlib.util
import logging
import sys

NEEDED = (0, 30, 0)  # the oldest that the tests run in
HOST = ("comfy", "comfy_api", "comfy_extras", "folder_paths")


def found_version() -> str:
    """Of the ComfyUI that runs; the oldest ones do not say."""
    return getattr(sys.modules.get("comfyui_version"), "__version__", "unknown")


def too_old(version: str) -> str:
    needed = ".".join(map(str, NEEDED))
    return f"Latent Spatial Memory (Mirage) needs ComfyUI {needed} or newer; this one is {version}. Update ComfyUI."


def loads_no_packs() -> bool:
    """Whether this is a ComfyUI without the interface that the pack is written for; it would pass over it silently."""
    if "folder_paths" not in sys.modules:  # not in a ComfyUI at all
        return False
    spec = importlib.util.find_spec("comfy_api")
    if spec is None or importlib.util.find_spec("comfy_api.latest") is None:
        logging.getLogger(__name__).error(too_old(found_version()))
        return True
    return False


def explained(error: ImportError | AttributeError | TypeError) -> Exception:
    """The error that should be raised for one met while the nodes are loaded: what is wrong, if it is the version."""
    version = found_version()
    digits = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    of_host = not isinstance(error, ImportError) or (error.name or "").split(".")[0] in HOST
    return ImportError(too_old(version)) if of_host and digits < NEEDED else error
