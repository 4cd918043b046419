"""How a network is told the frames that a video begins with: as its family was trained, see families.py."""

from collections.abc import Callable
from dataclasses import replace

import comfy.ldm.common_dit
import node_helpers
import torch
from torch import Tensor

from .blocks import begin_with
from .families import BY_CONTEXT, BY_KEYFRAME, BY_LEADING, BY_PICTURE, ZEROS
from .remembered import Conditioned
from .request import Steering

INSIDE = "mirage_inside"  # marks a conditioning entry that holds while the memory steers

PATCH = (1, 2, 2)  # latents of MiniMax H3 to a token of its network


def with_start_told(base: Conditioned, video_frames: int) -> Conditioned:
    """What a sampler takes, its texts saying which frames the video begins with, unless they say so already.

    Args:
        video_frames: of the video.
    """
    kind, start, kept = base.remembered.kind, base.remembered.start, base.remembered.kept_whole
    how, picture = kind.family.start, kind.family.picture
    if how == BY_PICTURE and (bool(kept.any()) or picture.of_latent):
        nothing = torch.zeros_like(start) if picture.unknown == ZEROS else kind.empty(start)
        told = {"concat_latent_image": torch.where(kept, start, nothing)}
        if picture.masked:
            told["concat_mask"] = 1.0 - kept.float()
        return _told(base, lambda given: {} if "concat_latent_image" in given else told)
    whole = kept.all(dim=4).all(dim=3).all(dim=1).all(dim=0)  # bool (T,)
    leading = int(whole.long().cumprod(0).sum())
    if how == BY_LEADING and leading:
        mask = torch.ones_like(kept[:1], dtype=torch.float32)
        mask[:, :, :leading] = 0.0
        told = {"time_dim_replace": start[:, :, :leading], "concat_mask": mask}
        return _told(base, lambda given: {} if "time_dim_replace" in given else told)
    if how == BY_CONTEXT and leading:
        begin_with(base.model, start[:, :, :leading])  # a clone
    if how == BY_KEYFRAME and leading:
        return _told(base, lambda given: _keyframes(given, start, video_frames))
    return base


def _keyframes(given: dict, start: Tensor, video_frames: int) -> dict:
    """Keyframes of MiniMax H3, the first one that of the start: a chunk of a walk begins where the one before ended."""
    others = [one for one in given.get("minimax_keyframes") or () if one["resolved_frame_index"] != 0]
    picture = comfy.ldm.common_dit.pad_to_patch_size(start[:1, :, :1], PATCH)  # ComfyUI pads the video alone
    first = {"resolved_frame_index": 0, "latent": picture}
    return {"minimax_keyframes": [first, *others], "minimax_frame_count": video_frames}


def _told(base: Conditioned, values: Callable[[dict], dict]) -> Conditioned:
    positive, negative = (
        [[entry[0], {**entry[1], **values(entry[1])}, *entry[2:]] for entry in text]
        for text in (base.positive, base.negative)
    )
    return replace(base, positive=positive, negative=negative)


def with_values(base: Conditioned, values: Callable[[dict, bool], dict], steering: Steering) -> Conditioned:
    """Put values into both conditionings, made of each text's own and of whether the memory steers (in the window)."""

    def conditioning(entries: list) -> list:
        whole = steering.start_percent <= 0 and steering.end_percent >= 1
        if not whole:
            entries = node_helpers.conditioning_set_values_with_timestep_range(
                entries, {INSIDE: True}, steering.start_percent, steering.end_percent
            )
        return [
            [entry[0], {**entry[1], **values(entry[1], whole or bool(entry[1].get(INSIDE)))}, *entry[2:]]
            for entry in entries
        ]

    return replace(base, positive=conditioning(base.positive), negative=conditioning(base.negative))
