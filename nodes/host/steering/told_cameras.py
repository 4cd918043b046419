"""The cameras of a path, told to a camera-controlled Wan model (Fun-Camera) beside what the memory shows."""

from dataclasses import replace

import comfy.ldm.common_dit
import node_helpers

from ....mirage_core import LatentPath, MirageError, Readout
from ..wan_camera import wan_camera_embedding
from .connected import holds
from .models import ModelKind
from .remembered import Conditioned

KEY = "camera_conditions"  # of ComfyUI
PATCH = (1, 16, 16)  # video frames and pixels that the network reads together


def check_cameras(texts: list[list], path: LatentPath, spatial: int) -> None:
    """Raise MirageError if a text brings the cameras of another video.

    Args:
        spatial: pixels of a token.
    """
    T, h, w = path.size
    size = (T, h * spatial, w * spatial)
    for given in (entry[1].get(KEY) for text in texts for entry in text):
        if given is not None and tuple(given.shape[2:]) not in (size, _padded(size)):
            raise MirageError(
                f"positive, negative: the camera embedding that they hold must be for the path's {T} latent frames of "
                f"{size[1:]} pixels (height, width); it is for {given.shape[2]} of {tuple(given.shape[3:])}. Make it "
                "from the same cameras, or leave it out: it is then made from the path."
            )


def refuse_cameras(texts: list[list], kind: ModelKind) -> None:
    """Raise MirageError if a text for several chunks of a walk brings the cameras of one."""
    if kind.family.cameras and holds(texts, KEY):
        raise MirageError(
            "positive, negative, prompts: must hold no camera embedding for a walk of several chunks, each with "
            "cameras of its own. Leave it out: it is then made from the path, for every chunk."
        )


def camera_notes(texts: list[list], kind: ModelKind) -> list[str]:
    """That the texts bring cameras of their own."""
    if not kind.family.cameras or not holds(texts, KEY):
        return []
    return [
        "positive, negative: hold a camera embedding of their own, which the model follows. If it is not made from the "
        "cameras that are connected here, disconnect it: one is then made from them."
    ]


def with_cameras_told(base: Conditioned, path: LatentPath) -> Conditioned:
    """What a sampler takes, its texts telling a Fun-Camera model the cameras that the memory is read for.

    Texts that bring cameras of their own keep them, both of them: told to one text alone they would count as guidance.
    """
    remembered = base.remembered
    if not remembered.kind.family.cameras or holds([base.positive, base.negative], KEY):
        return base
    size = tuple(tokens * remembered.spatial for tokens in path.grid)
    embedding = wan_camera_embedding(path.video, size, unit_scale(remembered.readout))
    told = {KEY: comfy.ldm.common_dit.pad_to_patch_size(embedding, PATCH)}  # as the network pads odd latents
    positive, negative = (node_helpers.conditioning_set_values(text, told) for text in (base.positive, base.negative))
    return replace(base, positive=positive, negative=negative)


def unit_scale(readout: Readout) -> float:
    """What distances are multiplied with, so that the median depth of what the memory shows becomes 1.

    Scene units are arbitrary, and those of the published training are not known; ComfyUI's own moves go 1.5 units, or
    about as far as the scene is deep. A path that sees nothing of the memory keeps its units: nothing says how deep it
    is.
    """
    depth = readout.depth[readout.known]
    return 1.0 / float(depth.median()) if len(depth) else 1.0


def _padded(size: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(-(-length // patch) * patch for length, patch in zip(size, PATCH, strict=True))
