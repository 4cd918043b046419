"""Latent spatial memory nodes for ComfyUI."""

WEB_DIRECTORY = "./web"  # help pages, and the Camera Path Editor


async def comfy_entrypoint():
    from .nodes import MirageExtension  # deferred: the tests import this package without the host

    return MirageExtension()
