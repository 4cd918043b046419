"""How the memory enters a model: one function per conditioning mode.

Each returns a cloned model, conditionings and a latent; nothing that came in is changed.
"""

from collections.abc import Callable
from dataclasses import replace

import comfy.ldm.common_dit
import node_helpers
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

import nodes as host_nodes  # the host's own module of that name

from ....mirage_core import MirageError
from .branch import attach_branch
from .compiling import leave_uncompiled
from .connected import as_batch, start_picture
from .models import ModelKind
from .scene import GREY, WHITE, Conditioned, Scene, Settings
from .sigmas import ALWAYS, SigmaWindow
from .token_timesteps import give_tokens_their_timesteps, patchwise_known

INSIDE = "mirage_inside"  # marks a conditioning entry that holds while the memory steers


def branch(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """The trained branch reads the splat of [target | preceding], zeros where unknown, beside a score."""
    normalised = settings.kind.normalised
    splat, known, preceding = scene.splat, scene.splat_known.expand_as(scene.splat), None
    if settings.preceding is not None and len(settings.preceding[0]):
        frames, shown = (rearrange(value, "p c h w -> 1 c p h w").to(splat) for value in settings.preceding)
        preceding = normalised(frames)
        splat = torch.cat([splat, shown], dim=2)
        known = torch.cat([known, (shown != 0).any(dim=1, keepdim=True).expand_as(shown)], dim=2)
    splat = torch.where(known, normalised(splat), 0.0)
    if settings.score == "white clip":
        score = normalised(settings.flat("branch", WHITE, tuple(splat.shape[2:])))
    else:
        score = branch_score(known.to(splat), scene.placement if "offset" in settings.score else None)
    references = None if settings.references is None else normalised(settings.references)
    window = settings.window(base.model)
    model = attach_branch(base.model, settings.branch, splat, score, references, preceding, settings.strength, window)
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


def vace(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """VACE: inactive = what is known, reactive = what is to be made (grey: nothing is said of it), mask = unknown."""
    folded = scene.spatial**2  # pixels of a token, each a channel of the mask
    if settings.kind.vace_channels != 2 * settings.kind.channels + folded:
        raise MirageError(
            f"model: its VACE context must have {2 * settings.kind.channels + folded} channels "
            f"for {scene.spatial} px tokens; it has {settings.kind.vace_channels}."
        )
    front, (T, *tokens) = scene.front, scene.size
    parts = [settings.flat("vace", GREY, (frames, *tokens)) for frames in (front, T - front) if frames]
    grey = torch.cat(parts, dim=2)  # the video begins anew after the references, of which the memory says nothing

    def values(text: dict, steers: bool) -> dict:
        known = scene.known if steers else scene.kept_whole
        inactive = torch.where(known, scene.latents, grey)
        reactive, unknown = grey.expand_as(inactive), (~known).float().expand(len(inactive), folded, T, *tokens)
        controls = {"vace_frames": torch.cat([inactive, reactive], dim=1), "vace_mask": unknown}
        others = {key: [as_batch(value, len(inactive)) for value in text.get(key, ())] for key in controls}
        return {
            **{key: [*others[key], value] for key, value in controls.items()},
            "vace_strength": [*text.get("vace_strength", ()), settings.strength],
        }

    return _with_values(base, values, settings)


def concat(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """Image-to-video models: the splat as their picture, grey where unknown, and their mask of what to make.

    A picture that a text holds already stays where its mask says that it is given, and where the memory knows nothing.
    """
    grey = settings.flat("concat", GREY, scene.size)

    def values(text: dict, steers: bool) -> dict:
        picture, mask = (as_batch(value, len(scene.latents)) for value in start_picture(text, grey))
        theirs = (mask < 1).any(dim=1, keepdim=True)  # (B, 1, T, h, w)
        share = scene.known * (settings.strength if steers else 0.0)
        share = torch.where(scene.kept_whole, 1.0, torch.where(theirs, 0.0, share))
        return {
            "concat_latent_image": torch.lerp(picture, scene.latents, share.expand_as(picture)),
            "concat_mask": mask * (1.0 - share),
        }

    return _with_values(base, values, settings)


def uni3c(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """The splat as the render that a Uni3C patch is guided by, already encoded."""
    host_apply = host_nodes.NODE_CLASS_MAPPINGS["WanUni3CControlnetApply"]()
    no_video = torch.zeros(1, 8, 8, 3)  # never encoded: the render is prepared below
    (model,) = host_apply.apply_patch(
        base.model,
        settings.uni3c,
        settings.vae,
        no_video,
        settings.strength,
        settings.start_percent,
        settings.end_percent,
    )
    leave_uncompiled(model)
    patch_size = model.get_model_object("diffusion_model").patch_size
    render = settings.kind.normalised(scene.latents)
    render = comfy.ldm.common_dit.pad_to_patch_size(render, patch_size)  # as the host pads its input

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


def per_token(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """Known tokens enter clean, at timestep 0, and unknown ones at t: every token has its own timestep.

    At a strength s below 1 a known token enters with the share 1 - s of the noise, and is labelled with it.
    """
    model = base.model.clone()
    patch_size = model.get_model_object("diffusion_model").patch_size
    known = patchwise_known(scene.known, patch_size)
    denoise = torch.minimum(base.denoise, 1.0 - settings.strength * known)
    give_tokens_their_timesteps(model, settings.window(model), base.denoise)
    return replace(base, model=model, latents=scene.latents, denoise=denoise)


def blend(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """Training-free: after each step the known part of the prediction is pulled to the splat."""
    share = settings.strength * scene.splat_known.float().expand(1, 1, *scene.size)
    return _pulled(base, scene.splat, share, settings.kind, settings.window(base.model))


def keep_exact(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """Keep tokens that are seen just as they were written: no model knows better what is there."""
    share = settings.strength * scene.splat_exact.float().expand(1, 1, *scene.size)
    return _pulled(base, scene.splat, share, settings.kind, settings.window(base.model))


def hold_start(base: Conditioned, scene: Scene, kind: ModelKind) -> Conditioned:
    """Keep the start frames without a noise mask.

    A noise mask would keep noise in the second of two samplers: the host pastes what the first one handed over.
    """
    return _pulled(base, scene.start, scene.kept, kind, ALWAYS)


def _pulled(base: Conditioned, target: Tensor, share: Tensor, kind: ModelKind, window: SigmaWindow) -> Conditioned:
    """After each step, move the prediction towards ``target`` (raw VAE scale) by ``share``."""
    target = kind.normalised(target)
    if not kind.video:  # T pictures are the model's batch
        target, share = (rearrange(value, "1 c t h w -> t c h w") for value in (target, share))

    def pull(args: dict) -> Tensor:
        x0 = args["denoised"]  # (B, C, T, h, w) or (T, C, h, w), the model's own space
        if not window.contains(float(args["sigma"].max())):
            return x0
        return torch.lerp(x0, target.to(x0), share.to(x0))

    model = base.model.clone()
    model.set_model_sampler_post_cfg_function(pull)
    return replace(base, model=model)


def _with_values(base: Conditioned, values: Callable[[dict, bool], dict], settings: Settings) -> Conditioned:
    """Put values into both conditionings, made of each text's own and of whether the memory steers (in the window)."""

    def conditioning(entries: list) -> list:
        whole = settings.start_percent <= 0 and settings.end_percent >= 1
        if not whole:
            entries = node_helpers.conditioning_set_values_with_timestep_range(
                entries, {INSIDE: True}, settings.start_percent, settings.end_percent
            )
        return [
            [entry[0], {**entry[1], **values(entry[1], whole or bool(entry[1].get(INSIDE)))}, *entry[2:]]
            for entry in entries
        ]

    return replace(base, positive=conditioning(base.positive), negative=conditioning(base.negative))


MODES: dict[str, Callable[[Conditioned, Scene, Settings], Conditioned]] = {
    "branch": branch,
    "vace": vace,
    "concat": concat,
    "per-token": per_token,
    "uni3c": uni3c,
    "blend": blend,
}
