"""How the memory enters a model: one function per conditioning mode.

Each returns a cloned model, conditionings and a latent; nothing that came in is changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import comfy.ldm.common_dit
import node_helpers
import torch
from comfy.model_patcher import ModelPatcher
from einops import rearrange
from torch import Tensor

import nodes as host_nodes  # the host's own module of that name

from ...mirage_core import MirageError
from .branch import Branch, attach_branch
from .compiling import leave_uncompiled
from .flat_latents import flat_latent
from .models import ModelKind
from .sigmas import ALWAYS, SigmaWindow
from .token_timesteps import give_tokens_their_timesteps, patchwise_known

GREY, WHITE = 0.5, 1.0
INSIDE = "mirage_inside"  # marks a conditioning entry that holds while the memory steers


@dataclass(frozen=True, eq=False)
class Scene:
    """What the memory and the start frames say about the latents to be made.

    Attributes:
        splat: ``(1, C, T, h, w)`` the readout, raw VAE scale, anything where unknown.
        splat_known: bool ``(T, h, w)``.
        splat_exact: bool ``(T, h, w)`` seen just where and as large as they were written.
        placement: ``(1, 3, T, h, w)`` of the readout.
        start: ``(B, C, T, h, w)`` the frames to begin with, raw VAE scale; the format's mean where there are none.
        kept: ``(B|1, 1, T, h, w)`` share of the start that stays as it is, 1 = all.
        spatial: pixels per token.
    """

    splat: Tensor
    splat_known: Tensor
    splat_exact: Tensor
    placement: Tensor
    start: Tensor
    kept: Tensor
    spatial: int

    @property
    def known(self) -> Tensor:
        """bool ``(B|1, 1, T, h, w)``: by the memory or by the start frames."""
        return self.splat_known | self.kept_whole

    @property
    def kept_whole(self) -> Tensor:
        return self.kept > 0.5

    @property
    def latents(self) -> Tensor:
        """``(B, C, T, h, w)``: start frames, else the splat, else the format's mean."""
        return torch.where(self.splat_known & ~self.kept_whole, self.splat, self.start)

    @property
    def size(self) -> tuple[int, int, int]:
        return tuple(self.splat.shape[2:])


@dataclass(frozen=True, eq=False)
class Conditioned:
    """What a sampler takes. ``denoise`` is the noise mask ``(B|1, 1, T, h, w)``, 1 = to be generated."""

    model: ModelPatcher
    positive: list
    negative: list
    latents: Tensor
    denoise: Tensor


@dataclass(frozen=True, eq=False)
class Settings:
    """How strongly, when, and with what else."""

    kind: ModelKind
    strength: float
    start_percent: float
    end_percent: float
    score: str
    vae: object | None
    branch: Branch | None
    references: Tensor | None  # (1, C, R, h, w) raw VAE scale
    uni3c: ModelPatcher | None
    preceding: tuple[Tensor, Tensor] | None  # (P, C, h, w) frames, and what the memory showed of them; raw VAE scale

    def window(self, model: ModelPatcher) -> SigmaWindow:
        return SigmaWindow.of(model, self.start_percent, self.end_percent)

    def flat(self, mode: str, value: float, size: tuple[int, int, int]) -> Tensor:
        if self.vae is None:
            shade = "grey" if value == GREY else "white"
            raise MirageError(f"vae: mode {mode} must be able to encode a {shade} clip; connect the model's VAE.")
        return flat_latent(self.vae, value, size)


def branch(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """The trained branch reads the splat of [target | preceding], zeros where unknown, beside a score."""
    normalised = settings.kind.normalised
    splat, known, preceding = scene.splat, scene.splat_known.expand_as(scene.splat), None
    if settings.preceding is not None and len(settings.preceding[0]):
        frames, shown = (rearrange(value, "p c h w -> 1 c p h w") for value in settings.preceding)
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
    grey = settings.flat("vace", GREY, scene.size)

    def values(known: Tensor) -> dict:
        inactive = torch.where(known, scene.latents, grey)
        reactive = grey.expand_as(inactive)
        unknown = (~known).float().expand(len(inactive), folded, *scene.size)
        return {
            "vace_frames": [torch.cat([inactive, reactive], dim=1)],
            "vace_mask": [unknown],
            "vace_strength": [settings.strength],
        }

    return _with_values(base, values(scene.known), values(scene.kept_whole), settings, append=True)


def concat(base: Conditioned, scene: Scene, settings: Settings) -> Conditioned:
    """Image-to-video models: the splat as their picture, grey where unknown, and their mask of what to make."""
    grey = settings.flat("concat", GREY, scene.size)

    def values(known: Tensor, strength: float) -> dict:
        share = torch.where(scene.kept_whole, 1.0, known * strength)  # (B|1, 1, T, h, w)
        return {"concat_latent_image": torch.lerp(grey, scene.latents, share), "concat_mask": 1.0 - share}

    inside, outside = values(scene.known, settings.strength), values(scene.kept_whole, 1.0)
    return _with_values(base, inside, outside, settings, append=False)


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
    patch = model.model_options["transformer_options"]["patches"]["double_block"][-1]
    patch.prepared_render = comfy.ldm.common_dit.pad_to_patch_size(render, patch_size)  # as the host pads its input
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


def _with_values(base: Conditioned, inside: dict, outside: dict, settings: Settings, append: bool) -> Conditioned:
    """Put values into both conditionings: ``inside`` the window of the schedule, and ``outside`` it."""

    def conditioning(entries: list) -> list:
        whole = settings.start_percent <= 0 and settings.end_percent >= 1
        if whole:
            return node_helpers.conditioning_set_values(entries, inside, append)
        cut = node_helpers.conditioning_set_values_with_timestep_range(
            entries, {INSIDE: True}, settings.start_percent, settings.end_percent
        )
        result = []
        for entry in cut:
            values = inside if entry[1].get(INSIDE) else outside
            result += node_helpers.conditioning_set_values([entry], values, append)
        return result

    return replace(base, positive=conditioning(base.positive), negative=conditioning(base.negative))


MODES: dict[str, Callable[[Conditioned, Scene, Settings], Conditioned]] = {
    "branch": branch,
    "vace": vace,
    "concat": concat,
    "per-token": per_token,
    "uni3c": uni3c,
    "blend": blend,
}
