"""Latent spatial memory nodes for ComfyUI."""

from .host_version import explained, loads_no_packs

WEB_DIRECTORY = "./web"  # help pages, and the Camera Path Editor

if loads_no_packs():
    NODE_CLASS_MAPPINGS = {}  # what such a ComfyUI looks for


async def comfy_entrypoint():
    try:
        from .nodes import MirageExtension, check_schemas  # deferred: the tests import this package without the host

        check_schemas()
    except (ImportError, AttributeError, TypeError) as error:
        raise explained(error) from None
    return MirageExtension()
