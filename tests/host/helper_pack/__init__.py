"""Test-only nodes; `conftest.server` loads them beside the pack."""


async def comfy_entrypoint():
    from comfy_api.latest import ComfyExtension

    from .kept import Keep
    from .packets import DepthAnythingPacket, MogeModel, MogeOfGeometry, MogePacket
    from .raising import Fail
    from .sounding import Clip, SmallH3Vae
    from .texts import Text
    from .views import CamerasOf, Da3Model, Da3OfClip, JoinedViews

    class HelperExtension(ComfyExtension):
        async def get_node_list(self):
            geometry = [MogePacket, DepthAnythingPacket, MogeModel, MogeOfGeometry, JoinedViews, CamerasOf]
            geometry += [Da3Model, Da3OfClip]
            return [Fail, Keep, *geometry, Text, Clip, SmallH3Vae]

    return HelperExtension()
