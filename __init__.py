"""Latent spatial memory nodes for ComfyUI."""

import importlib.util
import logging
import sys

WEB_DIRECTORY = "./web"  # help pages, and the Camera Path Editor
NEEDED = (0, 30, 0)  # the oldest ComfyUI that the tests run in
HOST = ("comfy", "comfy_api", "comfy_extras", "folder_paths")


def _too_old() -> str:
    needed = ".".join(map(str, NEEDED))
    return f"Latent Spatial Memory (Mirage) needs ComfyUI {needed} or newer; this one is {_found()}. Update ComfyUI."


def _found() -> str:
    """The version of the ComfyUI that runs; the oldest ones do not say."""
    return getattr(sys.modules.get("comfyui_version"), "__version__", "unknown")


def _explained(error: ImportError | AttributeError | TypeError) -> Exception:
    """The error to raise for one that was met while the nodes were loaded: it says so if the version is the cause."""
    digits = tuple(int(part) for part in _found().split(".")[:3] if part.isdecimal())
    of_host = not isinstance(error, ImportError) or (error.name or "").split(".")[0] in HOST
    return ImportError(_too_old()) if of_host and digits < NEEDED else error


async def comfy_entrypoint():
    try:
        from .nodes import MirageExtension, check_schemas  # deferred: the tests import this package without ComfyUI

        check_schemas()
    except (ImportError, AttributeError, TypeError) as error:
        raise _explained(error) from None
    return MirageExtension()


# a ComfyUI in which there is no such entry point would pass over the pack silently
if "folder_paths" in sys.modules and (
    importlib.util.find_spec("comfy_api") is None or importlib.util.find_spec("comfy_api.latest") is None
):
    logging.getLogger(__name__).error(_too_old())
    NODE_CLASS_MAPPINGS = {}  # what it looks for instead
