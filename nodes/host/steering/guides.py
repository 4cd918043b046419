"""Remembered tokens as guides: clean tokens beside those of the video, each at the time and place of its own.

The unknown ones are left out, so that nothing is said of them. LTX takes them as frames behind those of the video,
MiniMax H3 as rows before its own.
"""

from dataclasses import dataclass

import comfy_extras.nodes_lt as ltx
import torch
import torch.nn.functional as F
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from einops import rearrange
from torch import Tensor

from .room import make_room, with_numbers
from .sigmas import SigmaWindow

KEY = "mirage_guides"
KNOWN, DROPPED = 1.0, -1.0  # of a guide's mask, for ComfyUI's LTX


def guide_frames(texts: list[list], grid: tuple[int, int]) -> int:
    """How many frames of guides the texts ask an LTX model to have behind those of the video.

    Args:
        grid: ``(h, w)`` tokens of a frame.
    """
    return max(ltx.get_keyframe_idxs(text, (1, 1, 1, *grid))[1] for text in texts)


@dataclass(frozen=True, eq=False)
class Behind:
    """Frames of guides behind those of the video: ``(B, C, K, h, w)``, and their noise mask ``(B|1, 1, K, h, w)``."""

    latents: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return self.latents.shape[2]


def with_splat_behind(
    texts: list[list], behind: Behind, splat: Tensor, known: Tensor, strength: float, spatial: int, stride: int
) -> tuple[list[list], Behind]:
    """What an LTX model takes with every known token of a splat as a guide of one video frame, at that frame's time.

    In its place in the video a remembered token would stand for ``stride`` video frames; as a guide it stands for one.

    Args:
        splat: ``(1, C, T, h, w)`` raw VAE scale.
        known: bool ``(1, 1, T, h, w)``.
        strength: of the attention to these guides.
    """
    size = [1, *splat.shape[3:]]
    tokens = size[1] * size[2]
    noted = any("guide_attention_entries" in entry[1] for text in texts for entry in text)
    weighed = strength != 1 or noted  # ComfyUI wants the attention to all guides noted, or to none
    positive, negative = texts
    if weighed and len(behind) and not noted:
        there = [len(behind), *size[1:]]
        positive, negative = ltx._append_guide_attention_entry(positive, negative, len(behind) * tokens, there)
    latents, mask = behind.latents, behind.mask
    for frame in range(splat.shape[2]):
        if not bool(known[:, :, frame].any()):
            continue
        positive, negative, latents, mask = ltx.LTXVAddGuide.append_keyframe(
            positive,
            negative,
            frame * stride,
            latents,
            mask,
            splat[:, :, frame : frame + 1].expand(len(latents), -1, -1, -1, -1),
            1.0,
            (stride, spatial, spatial),
            guide_mask=torch.where(known[:, :, frame : frame + 1], KNOWN, DROPPED).expand(len(mask), -1, -1, -1, -1),
        )
        if weighed:
            positive, negative = ltx._append_guide_attention_entry(positive, negative, tokens, size, strength)
    return [positive, negative], Behind(latents, mask)


def add_rows(model: ModelPatcher, splat: Tensor, known: Tensor, strength: float, window: SigmaWindow) -> None:
    """Patch ``model``, a clone of a MiniMax H3 model: the known patches of a splat as clean rows.

    Args:
        splat: ``(1, C, T, h, w)`` in the model's own space.
        known: bool ``(1, 1, T, h, w)``; a patch is known if all of its tokens are.
        strength: share of the rows that is not noise; ComfyUI labels all condition rows of a pass alike.
    """
    patches, whole = _patches(splat, known)
    if bool(whole.any()):
        model.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, KEY, _Rows(patches, whole, strength, window))
        make_room(model, with_numbers, patches.numel())


def _patches(splat: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Known patches side by side, as one picture of a patch's height ``(1, C, 1, 2, 2 N)``; bool ``(T h w / 4,)``."""
    odd = (0, splat.shape[4] % 2, 0, splat.shape[3] % 2)  # the network pads odd grids: those patches are unknown
    unknown = F.pad((~known).float(), odd, value=1.0)
    whole = (F.max_pool3d(unknown, (1, 2, 2)) == 0).flatten()
    patches = rearrange(F.pad(splat, odd), "1 c t (h p) (w q) -> (t h w) c p q", p=2, q=2)[whole]
    return rearrange(patches, "n c p q -> 1 c 1 p (n q)"), whole


@dataclass(eq=False)
class _Rows:
    """A DIFFUSION_MODEL wrapper: condition rows at the positions that the same patches have in the video."""

    patches: Tensor
    whole: Tensor
    strength: float
    window: SigmaWindow

    def __call__(self, executor, x, timestep, context, transformer_options={}, minimax_payload=None, **kwargs):  # noqa: B006
        from comfy.ldm.minimax.model import PackedLayout  # not in every ComfyUI

        if not self.window.holds(transformer_options):
            return executor(x, timestep, context, transformer_options, minimax_payload=minimax_payload, **kwargs)
        payload = dict(minimax_payload or {})
        if self.strength < 1:
            payload["visual_cond_noise_aug"] = self.strength
        video, sound = x
        T, h, w = video.shape[2], *(-(-n // 2) * 2 for n in video.shape[3:])
        layout = PackedLayout(
            context.shape[1],
            T,
            h,
            w,
            sound.shape[-1],
            keyframes=payload.get("keyframes"),
            refs=payload.get("refs"),
            frame_count=payload.get("frame_count"),
        )
        payload["layout"] = self._with_rows(layout, context.shape[1], T * h * w // 4)
        payload["cond_video_latents"] = [self.patches.to(video.device), *payload.get("cond_video_latents", ())]
        return executor(x, timestep, context, transformer_options, minimax_payload=payload, **kwargs)

    def to(self, device_or_dtype: torch.device | torch.dtype) -> "_Rows":
        if isinstance(device_or_dtype, torch.device):
            self.patches, self.whole = self.patches.to(device_or_dtype), self.whole.to(device_or_dtype)
        return self

    def _with_rows(self, layout, text: int, of_video: int):
        """The layout with rows between the text's and what follows; the video's are the last."""
        count = int(self.whole.sum())
        places = layout.position_ids[-of_video:][self.whole.cpu()]
        layout.position_ids = torch.cat([layout.position_ids[:text], places, layout.position_ids[text:]])
        layout.img_update = torch.cat([torch.zeros(count, dtype=torch.bool), layout.img_update])
        (start, stop, kind), *others = layout.segments
        moved = [(first + count, last + count, kind) for first, last, kind in others]
        layout.segments = [(start, stop, kind), (stop, stop + count, "cond"), *moved]
        layout.img_pos = torch.cat([torch.arange(text, text + count), layout.img_pos + count])
        layout.audio_pos = layout.audio_pos + count
        layout.seq_len += count
        return layout
