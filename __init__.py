"""Latent spatial memory nodes for ComfyUI."""

WEB_DIRECTORY = "./web"  # help pages; no script is loaded


async def comfy_entrypoint():
    from .nodes import MirageExtension  # deferred: the tests import this package without the host

    return MirageExtension()
