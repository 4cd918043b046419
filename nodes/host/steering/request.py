"""What a memory is to condition, and the mode that fits it."""

from dataclasses import dataclass

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ....mirage_core import Cameras, LatentMemory, MirageError, Readout
from ....mirage_core.errors import check_choice
from .branch import Branch, check_branch
from .models import ModelKind
from .modes import MODES

AUTO = "auto"
SCORES = ("white clip", "known mask", "mask, offset and scale")
UNI3C_CHANNELS = 20  # of the noisy input that a Uni3C patch reads beside the render


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """What is connected to a node that conditions a model on a memory.

    Attributes:
        cameras: one per pixel frame.
        width, height: of the video, pixels.
        strength: 0 = the plain model.
        mode: "auto", or one of ``MODES``.
        start_percent, end_percent: when the memory steers, as shares of the noise schedule.
        score: second half of a branch's context, one of ``SCORES``.
        start: LATENT to begin with: first frames that stay, or as many frames as the path has, to be refined.
        reference: LATENT of remembered frames, for a branch.
        uni3c: MODEL_PATCH.
        readout: what the memory shows the cameras, if it has been read already.
        keep_exact: tokens that are seen just where and as large as they were written stay as they are.
        preceding: for a branch: ``(P, C, h, w)`` frames before the start, raw VAE scale, and what the memory showed of
            them, 0 where nothing.
    """

    model: ModelPatcher
    positive: list
    negative: list
    memory: LatentMemory
    cameras: Cameras
    width: int
    height: int
    strength: float = 1.0
    mode: str = AUTO
    start_percent: float = 0.0
    end_percent: float = 1.0
    score: str = SCORES[0]
    start: dict | None = None
    branch: Branch | None = None
    vae: object | None = None
    reference: dict | None = None
    uni3c: ModelPatcher | None = None
    readout: Readout | None = None
    preceding: tuple[Tensor, Tensor] | None = None
    keep_exact: bool = False


def choose_mode(request: Request, kind: ModelKind) -> str:
    """The mode to use.

    Raises:
        MirageError: the model cannot take the one asked for; the message names those that it can.
    """
    check_choice("mode", "mode", request.mode, (AUTO, *MODES))
    objections = {mode: _objection(mode, request, kind) for mode in MODES}
    possible = [mode for mode, objection in objections.items() if objection is None]
    if request.mode != AUTO:
        if objections[request.mode] is not None:
            raise MirageError(
                f"mode {request.mode}: {objections[request.mode]}. "
                f"With this model and what is connected you can choose: {', '.join(possible)}."
            )
        chosen = request.mode
    elif kind.begins_with_reference:
        raise MirageError(
            f"mode auto: must not choose for {kind.name}, whose first latent frame is its reference picture: what the "
            "memory shows the first camera is lost there, and the video begins with the next one. If this is what you "
            f"want, choose a mode yourself: {', '.join(possible)}."
        )
    else:
        connected = [
            mode for mode, value in (("branch", request.branch), ("uni3c", request.uni3c)) if value is not None
        ]
        chosen = connected[0] if connected else possible[0]  # MODES lists the closest fit first
        if objections[chosen] is not None:
            raise MirageError(f"mode auto, {chosen} because one is connected: {objections[chosen]}.")
    if chosen == "branch":
        check_branch(request.model, request.branch)  # says what exactly does not fit
        _check_latents(request.memory.spec.name, request.branch)
    return chosen


def _check_latents(name: str, branch: Branch) -> None:
    if branch.latents and name and name != branch.latents:
        raise MirageError(
            f"memory: must hold {branch.latents} latents, which {branch.name} was trained on; it holds {name}. "
            "Lift latents of the VAE that belongs to the branch."
        )


def _objection(mode: str, request: Request, kind: ModelKind) -> str | None:
    """Why this model, with what is connected, cannot take the mode; None if it can."""
    if mode == "branch":
        if request.branch is None:
            return "needs a branch; connect Load Mirage Branch"
    elif mode == "vace":
        if not kind.vace_channels:
            return f"needs a Wan VACE model; this is {kind.name}"
    elif mode == "concat":
        if not kind.inpaints:
            return f"needs a Wan image-to-video or Fun-InP model; this is {kind.name} without picture channels to fill"
    elif mode == "per-token":
        if not kind.per_frame or kind.inpaints:
            return f"needs a model that takes timesteps per token, such as Wan2.2-TI2V-5B; this is {kind.name}"
    elif mode == "uni3c":
        return _uni3c_objection(request, kind)
    return None


def _uni3c_objection(request: Request, kind: ModelKind) -> str | None:
    if request.uni3c is None:
        return "needs a Uni3C patch; connect Load Model Patch to uni3c"
    if type(request.uni3c.model).__name__ != "WanUni3CControlnet":
        return f"needs a Uni3C patch; got {type(request.uni3c.model).__name__}"
    channels = request.uni3c.model.controlnet_patch_embedding.in_channels - UNI3C_CHANNELS
    width = request.uni3c.model.controlnet_blocks[0].norm1.linear.in_features
    if (channels, width) != (kind.channels, kind.wan_width):
        return (
            f"this Uni3C patch is for a Wan model of width {width} with {channels} latent channels; "
            f"this is {kind.name} of width {kind.wan_width} with {kind.channels}"
        )
    return None
