"""How the memory enters a model: one function per conditioning mode.

Each returns a cloned model, conditionings and a latent; nothing that came in is changed.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import comfy.ldm.common_dit
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

import nodes as host_nodes  # ComfyUI's own module of that name

from ....mirage_core import MirageError
from .blocks import block_of
from .branch import attach_branch
from .compiling import leave_uncompiled
from .connected import as_batch, control_video, start_mask, start_picture
from .families import CHANNEL, FRAME, GREY_CLIP, ROWS, WHOLE, ZEROS
from .flat_latents import GREY, WHITE
from .guides import add_rows, with_splat_behind
from .in_place import show_in_place
from .packed import packed_shape, video_of, with_video
from .remembered import Conditioned
from .request import Steering
from .sigmas import ALWAYS, SigmaWindow
from .token_timesteps import give_tokens_their_timesteps, patchwise_known
from .told import with_values


def branch(base: Conditioned, steering: Steering) -> Conditioned:
    """The trained branch reads the splat of [target | preceding], zeros where unknown, beside a score."""
    remembered, normalised = base.remembered, base.remembered.kind.normalised
    splat, known, preceding = remembered.splat, remembered.splat_known.expand_as(remembered.splat), None
    if remembered.preceding is not None and len(remembered.preceding[0]):
        frames, shown = (rearrange(value, "p c h w -> 1 c p h w").to(splat) for value in remembered.preceding)
        preceding = normalised(frames)
        splat = torch.cat([splat, shown], dim=2)
        known = torch.cat([known, (shown != 0).any(dim=1, keepdim=True).expand_as(shown)], dim=2)
    splat = torch.where(known, normalised(splat), 0.0)
    if steering.score == "white clip":
        score = normalised(steering.one_colour("branch", WHITE, tuple(splat.shape[2:])))
    else:
        score = branch_score(known.to(splat), remembered.placement if "offset" in steering.score else None)
    references = None if remembered.references is None else normalised(remembered.references)
    window = steering.window(base.model)
    model = attach_branch(base.model, steering.branch, splat, score, references, preceding, steering.strength, window)
    return replace(base, model=model)


def branch_score(known: Tensor, placement: Tensor | None) -> Tensor:
    """The known mask ``(B, C, T, h, w)``, 0 or 1, its last three channels replaced by where tokens were seen.

    Args:
        placement: ``(B, 3, t, h, w)`` of the first t frames; later ones get zeros. None: the mask alone.
    """
    if placement is None:
        return known
    later = known.new_zeros(len(placement), 3, known.shape[2] - placement.shape[2], *known.shape[3:])
    return torch.cat([known[:, :-3], torch.cat([placement.to(known), later], dim=2)], dim=1)


def vace(base: Conditioned, steering: Steering) -> Conditioned:
    """VACE: inactive = what is known, reactive = what is to be made (grey: nothing is said of it), mask = unknown."""
    remembered, kind = base.remembered, base.remembered.kind
    folded = remembered.spatial**2  # pixels of a token, each a channel of the mask
    if kind.vace_channels != 2 * kind.channels + folded:
        raise MirageError(
            f"model: its VACE context must have {2 * kind.channels + folded} channels "
            f"for {remembered.spatial} px tokens; it has {kind.vace_channels}."
        )
    front, (T, *tokens) = remembered.front, remembered.size
    parts = [steering.one_colour("vace", GREY, (frames, *tokens)) for frames in (front, T - front) if frames]
    grey = torch.cat(parts, dim=2)  # the video begins anew after the references, of which the memory says nothing

    def values(text: dict, steers: bool) -> dict:
        known = remembered.known if steers else remembered.kept_whole
        inactive = torch.where(known, remembered.latents, grey)
        reactive, unknown = grey.expand_as(inactive), (~known).float().expand(len(inactive), folded, T, *tokens)
        controls = {"vace_frames": torch.cat([inactive, reactive], dim=1), "vace_mask": unknown}
        others = {key: [as_batch(value, len(inactive)) for value in text.get(key, ())] for key in controls}
        return {
            **{key: [*others[key], value] for key, value in controls.items()},
            "vace_strength": [*text.get("vace_strength", ()), steering.strength],
        }

    return with_values(base, values, steering)


def concat(base: Conditioned, steering: Steering) -> Conditioned:
    """Image-to-video models: the splat as their picture, and their mask of what to make.

    A picture that a text holds already stays where its mask says that it is given, and where the memory knows nothing.
    A control video that it holds stays. A model that also gives every token its timestep (Fun-5B) is told both ways.
    One that was trained with whole frames only is also pulled.
    """
    remembered, family = base.remembered, base.remembered.kind.family
    layout, nothing = family.picture, _nothing(base, steering)

    def values(text: dict, steers: bool) -> dict:
        given = start_picture(text, remembered.kind, nothing)
        picture, mask = (as_batch(value, len(remembered.latents)) for value in given)
        theirs = (mask < 1).any(dim=1, keepdim=True)  # (B, 1, T, h, w)
        share = remembered.known * (steering.strength if steers else 0.0)
        share = torch.where(remembered.kept_whole, 1.0, torch.where(theirs, 0.0, share))
        picture = torch.lerp(picture, remembered.latents, share.expand_as(picture))
        if layout.after_control:
            picture = torch.cat([as_batch(control_video(text, nothing), len(picture)), picture], dim=1)
        told = {"concat_latent_image": picture}
        if layout.masked:
            told |= {"concat_mask": mask * (1.0 - share), "concat_mask_index": layout.mask_index}
        return told

    base = _in_place(base, steering) if layout.in_place else with_values(base, values, steering)
    if family.of_frames:
        base = blend(base, steering)
    return per_token(base, steering) if "per-token" in family.entries else base


def _in_place(base: Conditioned, steering: Steering) -> Conditioned:
    """Clean tokens in place of noise, and their mask; frames that a text gives stand before them."""
    remembered, model = base.remembered, base.model.clone()
    share = torch.where(remembered.kept_whole, 1.0, remembered.known * steering.strength)
    clean = remembered.kind.normalised(remembered.latents)
    show_in_place(model, clean, share, remembered.kept_whole.float(), steering.window(model))
    leave_uncompiled(model)

    def values(text: dict, steers: bool) -> dict:
        mask = as_batch(start_mask(text, remembered.start), len(share))
        return {"concat_mask": mask * (1.0 - (share if steers else remembered.kept_whole.float()))}

    return with_values(replace(base, model=model), values, steering)


def _nothing(base: Conditioned, steering: Steering) -> Tensor:
    """What stands in a model's picture channels where nothing is given: ``(1, C, T, h, w)``, raw VAE scale."""
    remembered, unknown = base.remembered, base.remembered.kind.family.picture.unknown
    if unknown == GREY_CLIP:
        return steering.one_colour("concat", GREY, remembered.size)
    return torch.zeros_like(remembered.start[:1]) if unknown == ZEROS else remembered.kind.empty(remembered.start[:1])


def uni3c(base: Conditioned, steering: Steering) -> Conditioned:
    """The splat as the render that a Uni3C patch is guided by, already encoded."""
    host_apply = host_nodes.NODE_CLASS_MAPPINGS["WanUni3CControlnetApply"]()
    no_video = torch.zeros(1, 8, 8, 3)  # never encoded: the render is prepared below
    (model,) = host_apply.apply_patch(
        base.model,
        steering.uni3c,
        steering.vae,
        no_video,
        steering.strength,
        steering.start_percent,
        steering.end_percent,
    )
    leave_uncompiled(model)
    patch_size = model.get_model_object("diffusion_model").patch_size
    remembered = base.remembered
    render = remembered.kind.normalised(remembered.latents)
    render = comfy.ldm.common_dit.pad_to_patch_size(render, patch_size)  # as ComfyUI pads its input

    def encoded(size: tuple[int, int, int]) -> Tensor:
        """The render for the ``(T, h, w)`` that the network reads: pictures of Phantom stand behind the video."""
        behind = size[0] - render.shape[2]
        if behind < 0 or tuple(size[1:]) != tuple(render.shape[3:]):
            raise MirageError(
                f"uni3c: the memory was read for {tuple(render.shape[2:])} latent frames and tokens (h, w); the model "
                f"reads {tuple(size)}. Sample the latent that comes with the model."
            )
        return F.pad(render, (0, 0, 0, 0, 0, behind))

    patch = model.model_options["transformer_options"]["patches"]["double_block"][-1]
    patch.encode_render_video = encoded  # instead of encoding a video of pixels
    return replace(base, model=model)


def per_token(base: Conditioned, steering: Steering) -> Conditioned:
    """Known tokens enter clean, and the network is told which: by a timestep of 0, or by a channel of its input.

    At a strength s below 1 a known token enters with the share 1 - s of the noise, and is labelled with it. Where only
    whole frames can be told, the known tokens of the others are pulled to after each step.
    """
    model, mask = base.model.clone(), base.remembered.kind.family.mask
    known = base.remembered.known.float()
    if mask == FRAME:
        known = patchwise_known(base.remembered.known, model.get_model_object("diffusion_model").patch_size)
    elif mask == WHOLE:
        known = known.flatten(3).amin(dim=3)[..., None, None].expand_as(known)
    denoise = torch.minimum(base.denoise, 1.0 - steering.strength * known)
    if mask in (CHANNEL, WHOLE):  # the channel is the same at every step
        steering.require_whole_schedule("per-token")
    else:
        give_tokens_their_timesteps(model, steering.window(model), base.denoise)
    base = replace(base, model=model, latents=base.remembered.latents, denoise=denoise)
    return blend(base, steering) if mask == WHOLE else base


def guides(base: Conditioned, steering: Steering) -> Conditioned:
    """Known tokens as clean ones beside those of the video, each at the time of its frame; the unknown are left out."""
    remembered = base.remembered
    known = remembered.splat_known & ~remembered.kept_whole
    if remembered.kind.family.guides == ROWS:
        model = base.model.clone()
        leave_uncompiled(model)
        splat = remembered.kind.normalised(remembered.splat)
        add_rows(model, splat, known[:1], steering.strength, steering.window(model))
        return replace(base, model=model, latents=remembered.start)
    steering.require_whole_schedule("guides")
    texts, stride = [base.positive, base.negative], remembered.kind.timing.stride
    texts, behind = with_splat_behind(
        texts, base.behind, remembered.splat, known[:1], steering.strength, remembered.spatial, stride
    )
    return replace(base, positive=texts[0], negative=texts[1], behind=behind, latents=remembered.start)


def blend(base: Conditioned, steering: Steering) -> Conditioned:
    """Training-free: after each step the known part of the prediction is pulled to the splat."""
    share = steering.strength * base.remembered.splat_known.float()[None, None]
    return _pulled(base, base.remembered.splat, share, steering.window(base.model))


def keep_exact(base: Conditioned, steering: Steering) -> Conditioned:
    """Keep tokens that are seen just as they were written: no model knows better what is there."""
    share = steering.strength * base.remembered.splat_exact.float()[None, None]
    return _pulled(base, base.remembered.splat, share, steering.window(base.model))


def hold_start(base: Conditioned) -> Conditioned:
    """Keep the start frames without a noise mask.

    A noise mask would keep noise in the second of two samplers: ComfyUI pastes what the first one handed over.
    """
    return _pulled(base, base.remembered.start, base.remembered.kept, ALWAYS)


def hold_sound(base: Conditioned) -> Conditioned:
    """Keep sound without a noise mask, of which the network would not be told."""
    sound = base.sound
    if not bool((sound.mask < 1).any()):
        return base

    def pull(args: dict) -> Tensor:
        x0, shape = args["denoised"], packed_shape(args["cond"])  # a row of numbers: video, then sound
        before = math.prod(shape[1:])
        made = x0[..., before:].reshape(len(x0), *sound.latents.shape[1:])
        kept = torch.lerp(sound.latents.to(x0), made, sound.mask.to(x0))
        return torch.cat([x0[..., :before], kept.reshape(len(x0), 1, -1)], dim=-1)

    model = base.model.clone()
    model.set_model_sampler_post_cfg_function(pull)
    return replace(base, model=model, sound=replace(sound, mask=torch.ones_like(sound.mask)))


def _pulled(base: Conditioned, target: Tensor, share: Tensor, window: SigmaWindow) -> Conditioned:
    """After each step, move the prediction towards ``target`` (raw VAE scale) by ``share``, both like the latents."""
    kind = base.remembered.kind
    target = kind.normalised(target)
    if not kind.video:  # T pictures are the model's batch
        target, share = (rearrange(value, "1 c t h w -> t c h w") for value in (target, share))

    def pull(args: dict) -> Tensor:
        x0 = args["denoised"]  # (B, C, T, h, w), (T, C, h, w), or a row of numbers; the model's own space
        if not window.contains(float(args["sigma"].max())):
            return x0
        if not kind.video:
            return torch.lerp(x0, target.to(x0), share.to(x0))
        shape, block = packed_shape(args["cond"]), block_of(args["model_options"], x0)
        part = slice(0, target.shape[2]) if block is None else block.part
        there, of_it = target[:, :, part].to(x0), share[:, :, part].to(x0)
        return with_video(x0, torch.lerp(video_of(x0, there.shape[2], shape), there, of_it), shape)

    model = base.model.clone()
    model.set_model_sampler_post_cfg_function(pull)
    return replace(base, model=model)


MODES: dict[str, Callable[[Conditioned, Steering], Conditioned]] = {
    "branch": branch,
    "vace": vace,
    "concat": concat,
    "per-token": per_token,
    "guides": guides,
    "uni3c": uni3c,
    "blend": blend,
}
