"""Test-only nodes; `conftest.server` loads them beside the pack."""


async def comfy_entrypoint():
    from comfy_api.latest import ComfyExtension

    from .kept import Keep
    from .packets import DepthAnythingPacket, MogeModel, MogeOfGeometry, MogePacket
    from .raising import Fail
    from .sounding import Clip, SmallH3Vae
    from .texts import Text

    class HelperExtension(ComfyExtension):
        async def get_node_list(self):
            return [Fail, Keep, MogePacket, DepthAnythingPacket, MogeModel, MogeOfGeometry, Text, Clip, SmallH3Vae]

    return HelperExtension()
