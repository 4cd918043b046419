"""From a memory, cameras and a model to what a sampler takes: checks, readout, choice of the mode."""

import logging
from dataclasses import dataclass, replace

import comfy.model_management
import torch
import torch.nn.functional as F
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from einops import rearrange
from torch import Tensor

from ....mirage_core import Cameras, MirageError, Readout
from ....mirage_core.errors import check_choice, describe
from ..formats import of_format, spec_of
from ..latents import near_multiples, shape_mismatch
from ..memory_device import on_intermediate_device, read
from ..threads import limit_threads
from .connected import check_guides, check_start_pictures, holds, told_the_start, with_references
from .models import ModelKind
from .modes import MODES, hold_start, keep_exact
from .request import SCORES, Request, choose_mode
from .scene import Conditioned, Scene, Settings
from .sigmas import ALWAYS, SigmaWindow
from .token_timesteps import give_tokens_their_timesteps

log = logging.getLogger(__name__)

KEY = "mirage_size"


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a sampler takes, the readout behind it, and the mode that was used.

    ``front``: latent frames that stand before the video, reference pictures of the texts.
    """

    model: ModelPatcher
    positive: list
    negative: list
    latent: dict
    readout: Readout
    mode: str
    front: int

    def video(self, made: dict) -> dict:
        """What a sampler made of ``latent``, without what stands before the video."""
        return {**made, "samples": made["samples"][:, :, self.front :]} if self.front else made


def condition(request: Request) -> Prepared:
    """Read the memory along the cameras and condition the model on it.

    Raises:
        MirageError: something does not fit; found before any long work.
    """
    kind = ModelKind.of(request.model)
    kind.check(request.memory.spec)
    mode = choose_mode(request, kind)
    _check_rest(request, kind, mode)
    size, cameras = _views(request, kind)
    start, denoise = _start(request, kind, size)
    texts, references = with_references([request.positive, request.negative], kind, size)
    if mode == "concat":
        check_start_pictures(texts, size)
    front = references.shape[2]
    remembered = _references(request, mode, kind, size)
    given = request.readout
    readout = read(request.memory, cameras, size[1:]) if given is None else on_intermediate_device(given)
    if not bool(readout.known.any()):
        log.warning("The memory knows nothing of what the cameras of this path see.")
    start = torch.cat([references.expand(len(start), -1, -1, -1, -1), start], dim=2)
    denoise = F.pad(denoise, (0, 0, 0, 0, front, 0), value=1.0)
    base = Conditioned(request.model.clone(), *texts, start, denoise)
    scene = _scene(readout, base, request.memory.spec.spatial, front)
    base = _steered(base, scene, request, _settings(request, kind, remembered), mode)
    return Prepared(base.model, base.positive, base.negative, _latent(base, kind), readout, mode, front)


def _scene(readout: Readout, base: Conditioned, spatial: int, front: int) -> Scene:
    def after(value: Tensor) -> Tensor:  # (..., T, h, w), with nothing known of the frames before the video
        return F.pad(value, (0, 0, 0, 0, front, 0))

    return Scene(
        splat=after(rearrange(readout.latents.float(), "t c h w -> 1 c t h w")),
        splat_known=after(readout.known),
        splat_exact=after(readout.exact),
        placement=after(rearrange(readout.placement.float(), "t c h w -> 1 c t h w")),
        start=base.latents,
        kept=1.0 - base.denoise,
        spatial=spatial,
        front=front,
    )


def _steered(base: Conditioned, scene: Scene, request: Request, settings: Settings, mode: str) -> Conditioned:
    """What a sampler takes, with the memory and the start in it."""
    kind, denoise = settings.kind, base.denoise
    steers, kept = request.strength != 0, bool((denoise < 1).any())
    if kind.pictures_latent:
        start = torch.where(scene.kept_whole, scene.start, kind.empty(scene.start))
        texts = (told_the_start(text, start, scene.kept_whole) for text in (base.positive, base.negative))
        base = Conditioned(base.model, *texts, base.latents, denoise)
    if steers or (kept and not kind.per_frame):
        _refuse_other_latents(base.model, kind, scene.size)
    if steers:
        limit_threads(base.model, scene.size)
        base = replace(base, latents=scene.latents)
        labels = (kept and kind.reference_tokens) or _uneven(denoise)  # that the host gets wrong
        if kind.per_frame and mode != "per-token" and labels:
            give_tokens_their_timesteps(base.model, ALWAYS, denoise)
        base = MODES[mode](base, scene, settings)
        if request.keep_exact:
            base = keep_exact(base, scene, settings)
    if kept and not kind.per_frame:
        base = replace(hold_start(base, scene, kind), denoise=torch.ones_like(denoise))
    return base


def _check_rest(request: Request, kind: ModelKind, mode: str) -> None:
    texts = [request.positive, request.negative]
    check_guides(texts)
    if mode == "branch" and kind.reference_tokens and holds(texts, "reference_latents"):
        raise MirageError("branch: a reference picture in the texts cannot be combined with the branch. Remove it.")
    check_choice("score", "score", request.score, SCORES)
    SigmaWindow.of(request.model, request.start_percent, request.end_percent)
    made = request.memory.spec if request.vae is None else spec_of(request.vae)
    if not made.agrees(request.memory.spec) or not of_format(made.name, kind.latent_format):
        raise MirageError(f"vae: must make the latents that the memory holds, {request.memory.spec}; it makes {made}.")
    if request.model.model_options.get("context_handler") is not None:
        raise MirageError("model: context windows cannot be combined with a memory, which is read for the whole path.")


def _refuse_other_latents(model: ModelPatcher, kind: ModelKind, size: tuple[int, int, int]) -> None:
    """Patch ``model``, a clone: it samples latents of the size that the memory was read for, and no others."""
    T, *tokens = size
    wanted = (kind.channels, T, *tokens) if kind.video else (kind.channels, *tokens)

    def check(executor, x: Tensor, *args, **kwargs) -> Tensor:
        if tuple(x.shape[1:]) != wanted or not (kind.video or len(x) == T):
            raise MirageError(
                f"latent: must be the one that comes with the conditioned model, {T} frames of {tuple(tokens)} tokens "
                f"(h, w), as the memory was read; the sampler brings {tuple(x.shape)}. Sample that one, without sound "
                "or guides added to it."
            )
        return executor(x, *args, **kwargs)

    model.add_wrapper_with_key(WrappersMP.PREDICT_NOISE, KEY, check)


def _uneven(denoise: Tensor) -> bool:
    """Whether a frame of the noise mask is kept in part."""
    return bool((denoise.amax(dim=(3, 4)) != denoise.amin(dim=(3, 4))).any())


def _settings(request: Request, kind: ModelKind, references: Tensor | None) -> Settings:
    return Settings(
        kind=kind,
        strength=request.strength,
        start_percent=request.start_percent,
        end_percent=request.end_percent,
        score=request.score,
        vae=request.vae,
        branch=request.branch,
        references=references,
        uni3c=request.uni3c,
        preceding=request.preceding,
    )


def _views(request: Request, kind: ModelKind) -> tuple[tuple[int, int, int], Cameras]:
    """Latent frames and tokens ``(T, h, w)``, and the camera of each latent frame."""
    spec, width, height, count = request.memory.spec, request.width, request.height, len(request.cameras)
    if min(width, height) < 1 or width % spec.spatial or height % spec.spatial:
        raise MirageError(
            f"width, height: must be multiples of {spec.spatial}, the pixels of a token; got {width} x {height}. Near "
            f"them are {near_multiples(width, spec.spatial)} and {near_multiples(height, spec.spatial)}."
        )
    if (count - 1) % spec.temporal:
        near = (count - 1) // spec.temporal * spec.temporal + 1
        raise MirageError(
            f"cameras: must number 1 + {spec.temporal} n, one per video frame ({near}, {near + spec.temporal}, ...); "
            f"got {count}. Change the length of the path."
        )
    T = (count - 1) // spec.temporal + 1
    return (T, height // spec.spatial, width // spec.spatial), fitted_path(request)[:: spec.temporal]


def fitted_path(request: Request) -> Cameras:
    """The request's cameras, one per pixel frame, for the shape of the video.

    Raises:
        MirageError: what they see has another shape.
    """
    if mismatch := shape_mismatch(request.cameras, request.width, request.height):
        raise MirageError(
            f"{mismatch} Cut the picture to the video's shape before its depth is estimated, or change width and "
            "height."
        )
    return request.cameras.fitted((request.height, request.width))


def _start(request: Request, kind: ModelKind, size: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """Latents ``(B, C, T, h, w)`` and noise mask ``(B|1, 1, T, h, w)`` to begin with."""
    T, h, w = size
    device = comfy.model_management.intermediate_device()
    empty = kind.empty(torch.zeros(1, kind.channels, T, h, w, device=device))
    if request.start is None:
        return empty, torch.ones(1, 1, T, h, w, device=device)
    given = _frames("start", request.start["samples"], kind, (h, w))
    frames = given.shape[2]
    if frames > T:
        raise MirageError(f"start: must not be longer than the path, {T} latent frames; got {frames}.")
    mask = request.start.get("noise_mask")
    if mask is None:
        mask = torch.full((1, 1, frames, h, w), 1.0 if frames == T else 0.0, device=given.device)
    else:
        mask = _start_mask(mask, given, kind)
    latents = torch.cat([given, empty[:, :, frames:].expand(len(given), -1, -1, -1, -1)], dim=2)
    rest = torch.ones(len(mask), 1, T - frames, h, w, device=device)
    return latents, torch.cat([mask.to(device), rest], dim=2)


def _start_mask(mask: Tensor, given: Tensor, kind: ModelKind) -> Tensor:
    """A noise mask in the size of the latent: other sizes are squeezed in time by the host, and keep nothing."""
    B, C, frames, h, w = given.shape
    if not kind.video and mask.ndim == 4:
        mask = rearrange(mask, "t c h w -> 1 c t h w")
    fits = mask.ndim == 5 and mask.shape[0] in (1, B) and mask.shape[1] in (1, C)
    if fits and tuple(mask.shape[2:]) == (frames, 1, 1):  # of whole frames, as LTXVImgToVideo makes it
        mask = mask.expand(-1, -1, -1, h, w)
    if not fits or tuple(mask.shape[2:]) != (frames, h, w):
        raise MirageError(
            f"start: its noise mask must be (1, 1, {frames}, {h}, {w}), per latent frame and token; "
            f"got {tuple(mask.shape)}. Masks of pixel frames do not stay where they are: leave it out."
        )
    return mask.float().amax(dim=1, keepdim=True)


def _references(request: Request, mode: str, kind: ModelKind, size: tuple[int, int, int]) -> Tensor | None:
    if request.reference is None:
        return None
    if mode != "branch":
        raise MirageError(f"reference: is for mode branch; the mode is {mode}. Disconnect it.")
    frames = _frames("reference", request.reference["samples"], kind, size[1:])
    if len(frames) != 1:
        raise MirageError(f"reference: must be one video of remembered frames; got a batch of {len(frames)}.")
    return frames


def _frames(name: str, samples: Tensor, kind: ModelKind, tokens: tuple[int, int]) -> Tensor:
    """Latents of a LATENT as ``(B, C, T, h, w)``; pictures are the frames of one video."""
    frames = samples
    if isinstance(samples, Tensor) and samples.ndim == 4:
        frames = rearrange(samples, "t c h w -> 1 c t h w")
    fits = isinstance(frames, Tensor) and frames.ndim == 5
    if not fits or frames.shape[1] != kind.channels or tuple(frames.shape[3:]) != tokens or not frames.shape[2]:
        raise MirageError(
            f"{name}: must be latents of {kind.channels} channels and {tokens[1]} x {tokens[0]} tokens, as width and "
            f"height say; got {describe(samples)}."
        )
    return frames.float().to(comfy.model_management.intermediate_device())


def _latent(base: Conditioned, kind: ModelKind) -> dict:
    """LATENT for a sampler. A mask that keeps nothing is left out: with one, Wan 2.2 labels every frame anew."""
    latent = {"samples": base.latents}
    if bool((base.denoise < 1).any()):
        latent["noise_mask"] = base.denoise
    if kind.video:
        return latent
    if len(base.latents) != 1:
        raise MirageError("start: must be one row of pictures for a picture model; got a batch of videos.")
    return {name: rearrange(value, "1 c t h w -> t c h w") for name, value in latent.items()}
