"""A walk of any length: chunk after chunk, with a memory that grows."""

import json
import logging
from dataclasses import fields, replace

from comfy_api.latest import io
from torch import Tensor

from ..mirage_core import MirageError
from ..mirage_core.chunks import plan_chunks
from ..mirage_core.update import UpdateSettings
from ..mirage_core.walk import WalkSettings, WalkState, walk
from ..mirage_core.walk_report import expectation, walk_summary, walk_text
from .host.decoding import decoded
from .host.latents import as_latent, latent_frames
from .host.memory_device import read_beside
from .host.notes import show
from .host.steering.models import ModelKind
from .host.steering.request import Request
from .host.steering.sampling import SamplerSettings
from .host.steering.sound import Sound, separated, sound_of
from .host.threads import threads, worthwhile
from .host.walk.depth import DepthModel, MovingThings
from .host.walk.models import Prompt, WalkInputs, WalkModels
from .host.walk.out_of_memory import Circumstances, out_of_memory_in_words
from .host.walk.progress import WalkProgress
from .host.walk.saved import SavedWalk
from .host.walk.sizes import Outputs, WalkSizes
from .pictures.walk import walk_picture
from .steering import request_of
from .types import WALK, CamerasSocket, MemorySocket, PromptsSocket
from .walk_inputs import walk_inputs

log = logging.getLogger(__name__)

MIB = 2**20


class WalkPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_WalkPrompt",
            display_name="Walk Prompt",
            category=WALK,
            description="Another text from some video frame of a Scene Walk on. Chain several.",
            search_aliases=["prompt schedule", "mirage"],
            inputs=[
                io.Conditioning.Input("positive", tooltip="What the walk shows from that video frame on."),
                io.Int.Input(
                    "from_frame",
                    default=33,
                    min=0,
                    max=1_000_000,
                    tooltip="Video frame. The text holds for the chunks that begin there or later.",
                ),
                PromptsSocket.Input("prompts", optional=True, tooltip="Walk Prompts for other video frames."),
            ],
            outputs=[PromptsSocket.Output(display_name="prompts", tooltip="For Scene Walk.")],
        )

    @classmethod
    def execute(cls, positive: list, from_frame: int, prompts: tuple[Prompt, ...] = ()) -> io.NodeOutput:
        return io.NodeOutput((*prompts, Prompt(from_frame, positive)))


class SceneWalk(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_SceneWalk",
            display_name="Scene Walk",
            category=WALK,
            description="Samples a camera path of any length, chunk after chunk. After each chunk what was made is "
            "brought to the depth of the memory and written to it, so that the walk finds again what it has invented. "
            "Finished chunks are saved; a walk that was interrupted goes on where it stopped.",
            search_aliases=["world model", "long video", "camera walk", "loop", "mirage"],
            inputs=walk_inputs(),
            outputs=[
                io.Latent.Output(
                    display_name="latent", tooltip="The whole walk; with its sound, if the model makes any."
                ),
                io.Image.Output(display_name="frames", tooltip="The video frames of the whole walk, decoded."),
                MemorySocket.Output(display_name="memory", tooltip="With everything that was written."),
                CamerasSocket.Output(display_name="cameras"),
                io.String.Output(display_name="report", tooltip="What became of every chunk."),
                io.Image.Output(display_name="report_picture"),
                io.Mask.Output(
                    display_name="left_out",
                    tooltip="White: tokens that were not written (sky, moving, contradiction, no depth); one per "
                    "latent frame.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, save_as: str, keep_from: str = "", keep_chunks: int = 0, **given) -> io.NodeOutput:
        settings, given = _walk_settings(**given)
        inputs = _inputs(**given)
        request, path = inputs.request, inputs.request.path
        begin = _begin(request)
        plan = plan_chunks(len(path.video), path.timing, settings.chunk_frames)
        notes = [*inputs.notes(plan), *_keeping(keep_from, keep_chunks)]
        saved = SavedWalk.of(save_as, inputs, settings, begin, plan, keep_chunks)
        state = begun = saved.begun(begin, keep_from, keep_chunks)
        where = [*saved.report(begun.finished), *notes]
        expected = expectation(begin, path, settings, read=read_beside)
        sizes = WalkSizes.of(inputs, settings, plan, expected, saved.folder, Outputs())
        notes = [sizes.text, *sizes.warnings(begun.finished), *notes]
        log.info("Scene Walk: %s.", "\n".join([expected.text, *notes]))
        node_id = cls.hidden.unique_id if cls.hidden is not None else None
        progress = WalkProgress(request.model, len(plan), begun.finished, inputs.sampler.steps, node_id, notes)
        models, memory = WalkModels(inputs, progress), Circumstances(inputs, settings, sizes, saved, progress)
        size = path.part(0, plan[0].stop).size
        with progress, threads(worthwhile(request.model, size)), out_of_memory_in_words(memory):
            for state in walk(begun, path, settings, models.denoise, models.estimate, read=read_beside):
                saved.save(state)
                progress.finished(state.finished)
            progress.decoding()
            output = _output(state, inputs, [*where, f"expected: {expected.text}", sizes.text])
        output.ui |= show("", where)  # instead of the last stage
        return output


def _walk_settings(
    policy: str, depth_fit: str, chunk_frames: int, preceding: int, references: int, budget: float, **rest
) -> tuple[WalkSettings, dict]:
    """How the walk is made, and the other inputs."""
    settings = WalkSettings(
        chunk_frames=chunk_frames,
        preceding=preceding,
        references=references,
        update=UpdateSettings(policy=policy, fit=depth_fit),
        max_bytes=int(budget * MIB),
    )
    return settings, rest


def _inputs(
    start_picture=None, moge_model=None, da3_model=None, sam3_model=None, sam3_text=None, prompts=(), **given
) -> WalkInputs:
    """What the walk is made with."""
    depth = DepthModel(moge_model, da3_model)
    if (sam3_model is None) != (sam3_text is None):
        raise MirageError("sam3_model, sam3_text: connect both, or none.")
    moving = None if sam3_model is None else MovingThings(sam3_model, sam3_text)
    sampler = SamplerSettings(**{field.name: given.pop(field.name) for field in fields(SamplerSettings)})
    latent, sound, size = given.pop("start", None), given.pop("sound", None), (given["height"], given["width"])
    request = request_of(**given)
    start = _start(request.steering.vae, latent, start_picture, size)
    return WalkInputs(replace(request, start=start), sampler, depth, moving, prompts, _sound(sound, request))


def _sound(latent: dict | None, request: Request) -> Sound | None:
    """The sound of the whole walk, of a LATENT that holds it alone or beside a video."""
    video, video_mask, sound, mask = separated(latent) if latent is not None else (None,) * 4
    sound, mask = (video, video_mask) if sound is None else (sound, mask)
    return sound_of(sound, mask, ModelKind.of(request.model), request.path)


def _keeping(keep_from: str, kept: int) -> list[str]:
    if kept and not keep_from:
        raise MirageError(f"keep_from: must name the folder of the {kept} chunks to keep; it is empty.")
    return ["keep_from: has no effect, as keep_chunks is 0."] if keep_from and not kept else []


def _start(vae, latent: dict | None, picture: Tensor | None, size: tuple[int, int]) -> Tensor:
    """The encoded start picture, as a LATENT holds it."""
    if (latent is None) == (picture is None):
        both = "both are" if latent is not None else "neither is"
        raise MirageError(f"start, start_picture: connect one of them; {both} connected.")
    if latent is not None:
        samples, _, sound, _ = separated(latent)
        if sound is not None:
            raise MirageError("start: must be the encoded start picture, without sound. Connect the sound to sound.")
        return samples
    if len(picture) != 1 or tuple(picture.shape[1:3]) != size:
        raise MirageError(
            f"start_picture: must be one picture of the size of the video, {size[1]} x {size[0]}; "
            f"got {len(picture)} of {picture.shape[2]} x {picture.shape[1]}. Scale and cut it first."
        )
    return vae.encode(picture[..., :3])


def _begin(request: Request) -> WalkState:
    memory, (h, w) = request.memory, request.path.grid
    frames = latent_frames(request.start, memory.spec.channels)  # (T, C, h, w)
    if len(frames) != 1:
        raise MirageError(f"start: must be one latent frame, the encoded start picture; got {len(frames)}.")
    if tuple(frames.shape[2:]) != (h, w):
        raise MirageError(
            f"start: must have {w} x {h} tokens, as width and height say; got {frames.shape[3]} x {frames.shape[2]}. "
            f"Encode a start picture of {w * memory.spec.spatial} x {h * memory.spec.spatial}."
        )
    return WalkState(frames.float().cpu(), memory.to("cpu"))  # the loop is light; ComfyUI's models do the work


def _output(state: WalkState, inputs: WalkInputs, lines: list[str]) -> io.NodeOutput:
    frames = decoded(inputs.request.steering.vae, state.latents)
    video = state.latents.transpose(0, 1).unsqueeze(0).contiguous()
    latent = as_latent(video if inputs.sound is None else inputs.sound.beside(video, state.sound))
    text = "\n".join([*lines, walk_text(state)])
    ui = {"mirage_walk": [json.loads(json.dumps(walk_summary(state)))], "text": [text]}
    picture, left_out = walk_picture(state.reports), state.left_out.float()
    cameras = inputs.request.path.video.to("cpu")
    return io.NodeOutput(latent, frames, state.memory, cameras, text, picture, left_out, ui=ui)
