"""From a memory, cameras and a model to what a sampler takes: checks, readout, choice of the mode."""

import logging
from dataclasses import dataclass, replace

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from einops import rearrange
from torch import Tensor

from ...mirage_core import Cameras, MirageError, Readout
from ...mirage_core.errors import check_choice, describe
from .formats import spec_of
from .memory_device import on_intermediate_device, read
from .models import ModelKind
from .modes import MODES, Conditioned, Scene, Settings, hold_start, keep_exact
from .request import SCORES, Request, choose_mode
from .sigmas import ALWAYS, SigmaWindow
from .token_timesteps import give_tokens_their_timesteps

log = logging.getLogger(__name__)

KEY = "mirage_size"
ASPECT_TOLERANCE = 1 / 16  # width and height are rounded to whole tokens


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a sampler takes, the readout behind it, and the mode that was used."""

    model: ModelPatcher
    positive: list
    negative: list
    latent: dict
    readout: Readout
    mode: str


def condition(request: Request) -> Prepared:
    """Read the memory along the cameras and condition the model on it.

    Raises:
        MirageError: something does not fit; found before any long work.
    """
    kind = ModelKind.of(request.model)
    kind.check(request.memory.spec)
    mode = choose_mode(request, kind)
    _check_rest(request)
    size, cameras = _views(request, kind)
    start, denoise = _start(request, kind, size)
    references = _references(request, mode, kind, size)
    given = request.readout
    readout = read(request.memory, cameras, size[1:]) if given is None else on_intermediate_device(given)
    if not bool(readout.known.any()):
        log.warning("The memory knows nothing of what the cameras of this path see.")
    base = Conditioned(request.model.clone(), request.positive, request.negative, start, denoise)
    scene = Scene(
        splat=rearrange(readout.latents.float(), "t c h w -> 1 c t h w"),
        splat_known=readout.known,
        splat_exact=readout.exact,
        placement=rearrange(readout.placement.float(), "t c h w -> 1 c t h w"),
        start=start,
        kept=1.0 - denoise,
        spatial=request.memory.spec.spatial,
    )
    if request.strength != 0:
        _refuse_other_latents(base.model, kind, size)
        base = replace(base, latents=scene.latents)
        if kind.per_frame and mode != "per-token" and _uneven(denoise):
            give_tokens_their_timesteps(base.model, ALWAYS, denoise)
        settings = _settings(request, kind, references)
        base = MODES[mode](base, scene, settings)
        if request.keep_exact:
            base = keep_exact(base, scene, settings)
    if not kind.per_frame and bool((denoise < 1).any()):
        base = replace(hold_start(base, scene, kind), denoise=torch.ones_like(denoise))
    return Prepared(base.model, base.positive, base.negative, _latent(base, kind), readout, mode)


def _check_rest(request: Request) -> None:
    check_choice("score", "score", request.score, SCORES)
    SigmaWindow.of(request.model, request.start_percent, request.end_percent)
    if request.vae is not None and not spec_of(request.vae).agrees(request.memory.spec):
        raise MirageError(
            f"vae: must make the latents that the memory holds, {request.memory.spec}; it makes {spec_of(request.vae)}."
        )
    if request.model.model_options.get("context_handler") is not None:
        raise MirageError("model: context windows cannot be combined with a memory, which is read for the whole path.")


def _refuse_other_latents(model: ModelPatcher, kind: ModelKind, size: tuple[int, int, int]) -> None:
    """Patch ``model``, a clone: it samples latents of the size that the memory was read for, and no others.

    Some modes would read something else without a word: a Uni3C patch of another size encodes its empty video.
    """
    T, *tokens = size
    wanted = (kind.channels, T, *tokens) if kind.video else (kind.channels, *tokens)

    def check(executor, x: Tensor, *args, **kwargs) -> Tensor:
        if tuple(x.shape[1:]) != wanted or not (kind.video or len(x) == T):
            raise MirageError(
                f"latent: must be the one that comes with the conditioned model, {T} frames of {tuple(tokens)} tokens "
                f"(h, w), as the memory was read; the sampler brings {tuple(x.shape)}."
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
    spec, cameras = request.memory.spec, request.cameras
    width, height, count = request.width, request.height, len(cameras)
    if width % spec.spatial or height % spec.spatial or min(width, height) < 1:
        raise MirageError(
            f"width, height: must be multiples of {spec.spatial}, the pixels of a token; got {width} x {height}."
        )
    if (count - 1) % spec.temporal:
        near = (count - 1) // spec.temporal * spec.temporal + 1
        raise MirageError(
            f"cameras: must number 1 + {spec.temporal} n, one per video frame ({near}, {near + spec.temporal}, ...); "
            f"got {count}. Change the length of the path."
        )
    aspect = float(cameras.K[0, 1, 1] / cameras.K[0, 0, 0])
    if abs(aspect * height / width - 1.0) > ASPECT_TOLERANCE:
        raise MirageError(
            f"width, height: must have the shape of what the cameras see, {aspect:.3f} : 1; "
            f"got {width} x {height}, {width / height:.3f} : 1. Cut the picture to the video's shape before its depth "
            "is estimated, or change width and height."
        )
    T = (count - 1) // spec.temporal + 1
    return (T, height // spec.spatial, width // spec.spatial), cameras[:: spec.temporal].fitted((height, width))


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
