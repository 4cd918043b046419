"""The mode that fits a request, what does not fit, and what has no effect."""

from comfy.model_patcher import ModelPatcher

from ....mirage_core import MirageError
from ....mirage_core.errors import check_choice
from ..formats import of_format, spec_of
from .branch import Branch, check_branch
from .compiling import is_compiled
from .connected import check_keyframes
from .families import GREY_CLIP
from .models import ModelKind
from .modes import MODES
from .request import AUTO, SCORES, Request, Steering
from .told_cameras import camera_notes, check_cameras

PATCHES = ("branch", "uni3c")  # modes of a connected patch; the network is left uncompiled, see compiling.py
NEEDS = {  # what a mode needs that not every model has
    "vace": "a Wan VACE model; this is {}",
    "concat": "a Wan image-to-video or Fun-InP model, or another with picture channels; this is {} without picture "
    "channels to fill",
    "per-token": "a model that takes timesteps per token, such as Wan2.2-TI2V-5B or LTX; this is {}",
    "guides": "a model that takes guides, LTX or MiniMax H3; this is {}",
}
UNI3C_CHANNELS = 20  # of the noisy input that a Uni3C patch reads beside the render


def choose_mode(request: Request, kind: ModelKind) -> str:
    """The mode to use.

    Raises:
        MirageError: the model is none for this memory, or cannot take the mode asked for; the message names those that
            it can.
    """
    kind.check(request.memory.spec)
    steering = request.steering
    check_choice("mode", steering.mode, (AUTO, *MODES))
    objections = {mode: _objection(mode, steering, kind) for mode in (*PATCHES, *kind.family.entries, *MODES)}
    possible = [mode for mode, objection in objections.items() if objection is None]
    if steering.mode != AUTO:
        if objections[steering.mode] is not None:
            raise MirageError(
                f"mode {steering.mode}: {objections[steering.mode]}. "
                f"With this model and what is connected you can choose: {', '.join(possible)}."
            )
        chosen = steering.mode
    elif kind.family.begins_with_reference:
        raise MirageError(
            f"mode auto: must not choose for {kind.name}, whose first latent frame is its reference picture: what the "
            "memory shows the first camera is lost there, and the video begins with the next one. If this is what you "
            f"want, choose a mode yourself: {', '.join(possible)}."
        )
    else:
        connected = [mode for mode in PATCHES if getattr(steering, mode) is not None]
        chosen = connected[0] if connected else kind.family.entries[0]
        if objections[chosen] is not None:
            raise MirageError(f"mode auto, {chosen} because one is connected: {objections[chosen]}.")
    if chosen == "branch":
        check_branch(request.model, steering.branch)  # says what exactly does not fit
        _check_latents(request.memory.spec.name, steering.branch)
    return chosen


def check_what_is_connected(request: Request, kind: ModelKind, mode: str) -> None:
    """Raise MirageError unless texts, VAE, score and schedule fit the model and the mode."""
    steering, spec = request.steering, request.memory.spec
    texts = [request.positive, request.negative]
    check_keyframes(texts, len(request.path.video))
    if kind.family.cameras:
        check_cameras(texts, request.path, spec.spatial)
    check_choice("score", steering.score, SCORES)
    steering.window(request.model)
    made = spec if steering.vae is None else spec_of(steering.vae)
    if not made.agrees(spec) or not of_format(made.name, kind.latent_format):
        raise MirageError(f"vae: must make the latents that the memory holds, {spec}; it makes {made}.")
    if request.model.model_options.get("context_handler") is not None:
        raise MirageError("model: context windows cannot be combined with a memory, which is read for the whole path.")


def notes_on(request: Request, mode: str) -> list[str]:
    """What is connected to a node that conditions a model, and has no effect in the mode that was chosen, or another
    one than may be meant."""
    steering, kind = request.steering, ModelKind.of(request.model)
    if steering.strength == 0:
        return ["strength: 0 is the plain model. The memory, and what is connected for it, have no effect."]
    why = f"auto has taken mode {mode}" if steering.mode == AUTO else f"the mode is {mode}"
    notes = [
        f"{name}: is connected, but has no effect: {why}. Choose mode {name}, or disconnect it."
        for name in ("branch", "uni3c")
        if getattr(steering, name) is not None and mode != name
    ]
    family = kind.family
    grey = mode == "concat" and family.picture is not None and family.picture.unknown == GREY_CLIP
    encodes = mode == "vace" or grey or (mode == "branch" and steering.score == SCORES[0])
    if steering.vae is not None and not encodes:
        notes.append(f"vae: is connected, but has no effect: {why}, which encodes nothing.")
    if mode in (*PATCHES, *family.inside) and is_compiled(request.model):
        notes.append(f"model: is compiled, which has no effect: {why}, which works inside the network.")
    return notes + camera_notes([request.positive, request.negative], kind)


def _check_latents(name: str, branch: Branch) -> None:
    if branch.latents and name and name != branch.latents:
        raise MirageError(
            f"memory: must hold {branch.latents} latents, which {branch.name} was trained on; it holds {name}. "
            "Lift latents of the VAE that belongs to the branch."
        )


def _objection(mode: str, steering: Steering, kind: ModelKind) -> str | None:
    """Why this model, with what is connected, cannot take the mode; None if it can."""
    if mode == "branch":
        return "needs a branch; connect Load Mirage Branch" if steering.branch is None else None
    if mode == "uni3c":
        return _uni3c_objection(steering.uni3c, kind)
    if mode in kind.family.entries or mode == "blend":
        return None
    return f"needs {NEEDS[mode].format(kind.name)}"


def _uni3c_objection(patch: ModelPatcher | None, kind: ModelKind) -> str | None:
    if patch is None:
        return "needs a Uni3C patch; connect Load Model Patch to uni3c"
    if type(patch.model).__name__ != "WanUni3CControlnet":
        return f"needs a Uni3C patch; got {type(patch.model).__name__}"
    channels = patch.model.controlnet_patch_embedding.in_channels - UNI3C_CHANNELS
    width = patch.model.controlnet_blocks[0].norm1.linear.in_features
    if (channels, width) != (kind.channels, kind.wan_width):
        return (
            f"this Uni3C patch is for a Wan model of width {width} with {channels} latent channels; "
            f"this is {kind.name} of width {kind.wan_width} with {kind.channels}"
        )
    return None
