"""What comes in inside the texts: reference pictures, start pictures, guides. None of it is overwritten in silence."""

import comfy.model_management
import comfy.utils
import torch
import torch.nn.functional as F
from torch import Tensor

from ....mirage_core import MirageError
from .models import ModelKind


def holds(texts: list[list], key: str) -> bool:
    """Whether one of the texts brings a value."""
    return any(entry[1].get(key) is not None for text in texts for entry in text)


def check_keyframes(texts: list[list], video_frames: int) -> None:
    """Raise MirageError if a text brings keyframes of MiniMax H3 for a video of another length."""
    for values in (entry[1] for text in texts for entry in text):
        later = [one for one in values.get("minimax_keyframes") or () if one["resolved_frame_index"] != 0]
        made_for = values.get("minimax_frame_count")
        if later and made_for != video_frames:
            raise MirageError(
                f"positive, negative: their keyframes must be made for the path's {video_frames} video frames; they "
                f"are for {made_for}. Give MiniMax H3 Image to Video the length of the path."
            )


def with_references(
    texts: list[list], kind: ModelKind, size: tuple[int, int, int], mode: str
) -> tuple[list[list], Tensor]:
    """Texts whose VACE controls are as long as the path, and the reference pictures that stand before it.

    Controls that go on after the end of the path are cut there if they say nothing of the rest: a walk samples the same
    text in chunks, and the last is shorter.

    Args:
        size: ``(T, h, w)`` latent frames and tokens of the path.

    Returns:
        The texts, and ``(1, C, R, h, w)`` latents, raw VAE scale, R = 0 without references.

    Raises:
        MirageError: a control, or a start picture in mode concat, is not of the size of the path.
    """
    if mode == "concat":
        _check_start_pictures(texts, kind, size)
    device = comfy.model_management.intermediate_device()
    front = torch.zeros(1, kind.channels, 0, *size[1:], device=device)
    controls = [
        control for text in texts for entry in text if kind.vace_channels for control in entry[1].get("vace_frames", ())
    ]
    if not controls:
        return texts, front
    count, first = max(((_references(control, kind), control) for control in controls), key=lambda pair: pair[0])
    front = first[:1, : kind.channels, :count].float().to(device)
    return [[[entry[0], _fitted(entry[1], kind, size, count)] for entry in text] for text in texts], front


def _references(control: Tensor, kind: ModelKind) -> int:
    """How many reference pictures stand before the video in a VACE control ``(B, 2 C, R + T, h, w)``.

    Of a reference ComfyUI's nodes leave the second half, what is to be made, at the format's mean.
    """
    reactive = control[:, kind.channels : 2 * kind.channels]
    mean = torch.isclose(reactive, kind.empty(reactive)).all(dim=1).flatten(2).all(dim=2).all(dim=0)  # bool (R + T,)
    return int(mean.long().cumprod(0).sum()) % control.shape[2]  # a control of nothing else has no references


def _fitted(values: dict, kind: ModelKind, size: tuple[int, int, int], count: int) -> dict:
    """The values of a text with VACE controls cut to ``count`` references and the frames of the path."""
    T, *tokens = size
    controls = values.get("vace_frames")
    if not controls:
        return values
    masks = values.get("vace_mask") or [
        control.new_ones(len(control), kind.vace_channels - 2 * kind.channels, *control.shape[2:])
        for control in controls
    ]
    for control, mask in zip(controls, masks, strict=True):
        fits = list(control.shape[3:]) == tokens and control.shape[2] >= count + T
        if not fits or bool((mask[:, :, count + T :] < 1).any()):
            raise MirageError(
                f"positive, negative: their VACE control must have the path's {T} latent frames of {tuple(tokens)} "
                f"tokens (h, w), and room before them for the reference pictures ({count}); it has {control.shape[2]} "
                f"in all, of {tuple(control.shape[3:])}. Make it with the width, the height and the number of frames "
                "of the path."
            )
    return {
        **values,
        "vace_frames": [control[:, :, : count + T] for control in controls],
        "vace_mask": [mask[:, :, : count + T] for mask in masks],
        "vace_strength": values.get("vace_strength") or [1.0] * len(controls),
    }


def _check_start_pictures(texts: list[list], kind: ModelKind, size: tuple[int, int, int]) -> None:
    """Raise MirageError if the pictures that texts bring for an image-to-video model cannot stay beside a memory.

    Args:
        size: ``(T, h, w)`` latent frames and tokens of the path.
    """
    T, *tokens = size
    for values in (entry[1] for text in texts for entry in text):
        picture = values.get("concat_latent_image", values.get("concat_mask"))  # Kandinsky 5 has a mask alone
        if picture is None:
            continue
        mask = _picture_mask(values, kind)
        given = (mask < 1).any(dim=1)  # (B, T', h, w)
        fits = list(picture.shape[3:]) == list(mask.shape[3:]) == tokens and mask.shape[1] in (1, 4)
        if not fits or bool(given[:, T:].any()):
            raise MirageError(
                f"positive, negative: the start pictures that they hold must be given for the path's {T} latent frames "
                f"of {tuple(tokens)} tokens (h, w), and for none after them; they have {tuple(picture.shape[2:])}, "
                f"their mask {tuple(mask.shape[2:])}. Make them with the width, the height and the number of frames of "
                "the path."
            )
        if given.shape[1] >= T and bool(given.all()):
            raise MirageError(
                "positive, negative: the pictures that they hold must leave something to the memory; their mask gives "
                "every frame of the path. Choose another mode, or give fewer pictures."
            )


def start_picture(values: dict, kind: ModelKind, empty: Tensor) -> tuple[Tensor, Tensor]:
    """The picture channels that a text brings for an image-to-video model, as long as the path.

    Args:
        values: of one text; without a picture of its own it gets ``empty``.
        empty: ``(1, C, T, h, w)`` what stands for nothing, raw VAE scale.

    Returns:
        ``(B, C, T, h, w)``, and its mask ``(B, 1|4, T, h, w)``, 0 = given, 1 = to be made.
    """
    picture = _picture(values, kind)
    if picture is None:
        return empty, torch.ones_like(empty[:, :1])
    return _as_long(picture, empty), _mask_as_long(_picture_mask(values, kind), empty)


def start_mask(values: dict, empty: Tensor) -> Tensor:
    """The mask alone of what a text brings, like that of ``start_picture``; ones without it."""
    mask = values.get("concat_mask")
    return torch.ones_like(empty[:, :1]) if mask is None else _mask_as_long(mask, empty)


def control_video(values: dict, empty: Tensor) -> Tensor:
    """The channels of a control video that a text brings, like ``empty``; that itself without one."""
    picture = values.get("concat_latent_image")
    return empty if picture is None else _as_long(picture[:, : empty.shape[1]], empty)


def _picture(values: dict, kind: ModelKind) -> Tensor | None:
    """``(B, C, T', h, w)`` of a text: those of a control video may stand before it."""
    picture = values.get("concat_latent_image")
    first = kind.channels if kind.family.picture.after_control else 0
    if picture is None or picture.shape[1] < first + kind.channels:
        return None
    return picture[:, first : first + kind.channels]


def _picture_mask(values: dict, kind: ModelKind) -> Tensor:
    """``(B, 1|4, T', h, w)`` of a text that brings picture channels, 0 = given, 1 = to be made.

    A model without channels for a mask (Fun-Control of Wan 2.1) brings none: what ComfyUI's node was not given is left
    at the mean.
    """
    mask, picture = values.get("concat_mask"), _picture(values, kind)
    if mask is not None:
        return mask
    if picture is None or kind.family.picture.masked:
        return torch.ones_like(values["concat_latent_image"][:, :1])
    mean = torch.isclose(picture, kind.empty(picture)).all(dim=1, keepdim=True).flatten(3).all(dim=3)  # (B, 1, T')
    return mean[..., None, None].to(picture).expand(-1, -1, -1, *picture.shape[3:])


def _as_long(picture: Tensor, empty: Tensor) -> Tensor:
    """``picture`` cut, or gone on with ``empty``, of which nothing was said."""
    picture = picture[:, :, : empty.shape[2]].to(empty)
    return torch.cat([picture, empty[:, :, picture.shape[2] :].expand(len(picture), -1, -1, -1, -1)], dim=2)


def _mask_as_long(mask: Tensor, empty: Tensor) -> Tensor:
    """``mask`` cut, or gone on with ones."""
    mask = mask[:, :, : empty.shape[2]].to(empty)
    return F.pad(mask, (0, 0, 0, 0, 0, empty.shape[2] - mask.shape[2]), value=1.0)


def as_batch(value: Tensor, batch: int) -> Tensor:
    """``value`` for ``batch`` videos, as ComfyUI would repeat it."""
    return comfy.utils.repeat_to_batch_size(value, batch)
