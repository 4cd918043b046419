"""The inputs of nodes that condition a model on a memory, and what is made of them."""

from dataclasses import fields

from comfy_api.latest import io

from ..mirage_core import Cameras, LatentMemory, LatentPath
from .host.steering.request import AUTO, SCORES, Request, Steering
from .host.steering.sampling import MAX_SEED, SAMPLERS, SCHEDULERS
from .host.steering.sound import separated
from .types import BranchSocket, CamerasSocket, MemorySocket, video_size

MODE_HELP = (
    "auto: the one that fits the model. per-token: LTX and Wan2.2-TI2V-5B; known tokens enter clean. "
    "vace: Wan VACE. concat: Wan image-to-video, Fun-InP, Fun-Camera. uni3c: Wan 2.1 with a Uni3C patch. "
    "branch: Wan2.2-TI2V-5B with trained branch weights. blend: any model, MiniMax H3 too; it is pulled to what "
    "the memory shows. guides: LTX, MiniMax H3; known tokens as guides beside the video."
)


def _schedule() -> list[io.Input]:
    return [
        io.Float.Input(
            "start_percent",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="Where in the noise schedule the memory begins to steer, 0 = from the first step.",
        ),
        io.Float.Input(
            "end_percent",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="Where it lets go, 1 = never. About 0.8 lets the model melt the seams of what it remembers.",
        ),
    ]


def _mode_input() -> io.Input:
    score = io.Combo.Input(
        "score",
        options=list(SCORES),
        tooltip="Second half of what the branch reads: the encoding of a white clip, as in the released code, or the "
        "known mask, as in the paper's text; or this mask and where each token was seen, as training/ of this pack "
        "does. Choose what the weights were trained with.",
    )
    modes = {mode: _schedule() for mode in (AUTO, "per-token", "vace", "concat", "uni3c", "branch", "blend", "guides")}
    modes["branch"].append(score)
    options = [io.DynamicCombo.Option(mode, inputs) for mode, inputs in modes.items()]
    return io.DynamicCombo.Input("mode", options=options, tooltip=MODE_HELP)


def memory_inputs() -> list[io.Input]:
    return [
        io.Model.Input("model", tooltip="A video model, or a picture model in mode blend. It is not changed."),
        io.Conditioning.Input("positive", tooltip="What the walk shows."),
        io.Conditioning.Input("negative", tooltip="What it does not show."),
        MemorySocket.Input("memory"),
        CamerasSocket.Input(
            "cameras", tooltip="One camera per video frame: 1 + 4 n for Wan, 1 + 8 n for LTX, 5 + 17 n for MiniMax H3."
        ),
        *video_size(),
    ]


def sampler_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=MAX_SEED,
            control_after_generate=True,
            tooltip="Of the noise: the same seed, the same video.",
        ),
        io.Int.Input("steps", default=20, min=1, max=10000, tooltip="Denoising steps."),
        io.Float.Input(
            "cfg", default=5.0, min=0.0, max=100.0, step=0.1, round=0.01, tooltip="Guidance. 1 = none: faster."
        ),
        io.Combo.Input("sampler_name", options=SAMPLERS, tooltip="ComfyUI's samplers."),
        io.Combo.Input("scheduler", options=SCHEDULERS, tooltip="ComfyUI's schedulers."),
        io.Float.Input(
            "denoise",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="Below 1: begins with start, or with what the memory shows, instead of noise.",
        ),
    ]


def steering_inputs() -> list[io.Input]:
    return [
        _mode_input(),
        io.Float.Input(
            "strength",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="How much the memory counts. 0 = the plain model, as if there were no memory.",
        ),
    ]


def steering_sockets() -> list[io.Input]:
    return [
        io.Latent.Input(
            "start",
            optional=True,
            tooltip="Latent frames to begin with; they stay as they are: the encoded start picture, or the end of the "
            "chunk before. As long as the path: a video to refine, with denoise below 1.",
        ),
        io.Vae.Input("vae", optional=True, tooltip="The model's VAE. Needed by vace, concat and branch."),
        branch_socket(),
        io.Latent.Input(
            "reference", optional=True, tooltip="For mode branch: remembered latent frames that show the same place."
        ),
        uni3c_socket(),
    ]


def branch_socket() -> io.Input:
    return BranchSocket.Input("branch", optional=True, tooltip="Trained weights, from Load Mirage Branch.")


def keep_exact_input() -> io.Input:
    return io.Boolean.Input(
        "keep_exact",
        default=False,
        optional=True,
        tooltip="Tokens that a camera sees just where and as large as they were written, because it is back there, "
        "stay as they are. Off: the model makes them anew from what the memory shows, like all others.",
    )


def uni3c_socket() -> io.Input:
    return io.ModelPatch.Input("uni3c", optional=True, tooltip="A Uni3C patch, from ComfyUI's Load Model Patch.")


def request_of(
    memory: LatentMemory, cameras: Cameras, width: int, height: int, start=None, reference=None, **inputs
) -> Request:
    """What is connected to a node that conditions a model; LATENT inputs as tensors."""
    path = LatentPath.of(cameras, memory.spec, width, height).whole()
    steers = {field.name for field in fields(Steering)}
    steering = Steering(**inputs.pop("mode"), **{name: inputs.pop(name) for name in steers & inputs.keys()})
    if start is not None:
        names = ("start", "start_mask", "sound", "sound_mask")
        inputs |= dict(zip(names, separated(start), strict=True))
    if reference is not None:
        inputs["reference"] = reference["samples"]
    return Request(memory=memory, path=path, steering=steering, **inputs)
