"""A walk of any length: chunk after chunk, with a memory that grows."""

import json
import logging
from collections.abc import Sequence
from dataclasses import fields, replace

from comfy_api.latest import InputImpl, io

from ..mirage_core import Cameras, MirageError
from ..mirage_core.chunks import Chunk, plan_chunks
from ..mirage_core.update import UpdateSettings
from ..mirage_core.walk import WalkSettings, WalkState
from ..mirage_core.walk_report import expectation, walk_summary, walk_text
from .host.connected import connected_outputs
from .host.growing_video import Encoding
from .host.latents import as_latent
from .host.memory_device import read_beside
from .host.notes import show
from .host.steering.models import ModelKind
from .host.steering.request import Request
from .host.steering.sampling import SamplerSettings
from .host.steering.sound import Sound, separated, sound_of
from .host.walk.depth import DepthModel, MovingThings
from .host.walk.models import Prompt, WalkInputs
from .host.walk.recording import Recording
from .host.walk.run import WalkRun
from .host.walk.saved import SavedWalk
from .host.walk.sizes import Outputs, WalkSizes, require_room
from .pictures.walk import walk_picture
from .steering import request_of
from .types import WALK, CamerasSocket, MemorySocket, PromptsSocket
from .walk_inputs import walk_inputs
from .walk_start import begin_state, path_from_clip, start_latents

log = logging.getLogger(__name__)

MIB = 2**20
LATENT, FRAMES = 0, 1  # outputs that grow with the walk, and are made where they are asked for


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
                    display_name="latent",
                    tooltip="The whole walk; with its sound, if the model makes any. Made only if it is connected.",
                ),
                io.Image.Output(
                    display_name="frames",
                    tooltip="All video frames in memory. Made only if it is connected; for a long walk take video.",
                ),
                MemorySocket.Output(display_name="memory", tooltip="With everything that was written."),
                CamerasSocket.Output(display_name="cameras"),
                io.String.Output(display_name="report", tooltip="What became of every chunk."),
                io.Image.Output(display_name="report_picture"),
                io.Mask.Output(
                    display_name="left_out",
                    tooltip="White: tokens that were not written (sky, moving, contradiction, no depth); one per "
                    "latent frame.",
                ),
                io.Video.Output(
                    display_name="video",
                    tooltip="The video of the whole walk, from its file. Save Video copies it as it is.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **given) -> str:
        """Another one where other outputs are asked for: what was not made for the last run is not kept for this."""
        return str(connected_outputs(cls.hidden.unique_id))

    @classmethod
    def execute(
        cls, save_as: str, keep_from: str = "", keep_chunks: int = 0, fps: float = 24.0, crf: int = 16, **given
    ) -> io.NodeOutput:
        node_id = cls.hidden.unique_id if cls.hidden is not None else None
        asked = _asked(connected_outputs(node_id))
        settings, given = _walk_settings(**given)
        inputs, begin = _inputs(**given)
        path = inputs.request.path
        plan = plan_chunks(len(path.video), path.timing, settings.chunk_frames)
        notes = [*inputs.notes(plan), *_keeping(keep_from, keep_chunks), *_sounding(inputs, begin, plan)]
        if asked.frames:
            require_room("frames", len(path.video), inputs.picture_size)
        saved = SavedWalk.of(save_as, inputs, settings, begin, plan, keep_chunks)
        begun = saved.begun(begin, keep_from, keep_chunks)
        where = saved.report(begun.finished)
        told = [*where, *notes] if saved.stays else notes  # on the node
        expected = expectation(begin, path, settings, read=read_beside)
        sizes = WalkSizes.of(inputs, settings, plan, expected, saved.folder, asked)
        before = [sizes.text, *sizes.warnings(begun.finished), *told]
        log.info("Scene Walk: %s.", "\n".join([expected.text, *before]))
        run = WalkRun(inputs, settings, plan, saved, begun, sizes, Encoding(fps, crf), keep_from)
        state, recording = run.made(node_id, before)
        lines = [*(told if saved.stays else [*notes, *where]), f"expected: {expected.text}", sizes.text]
        output = _output(state, inputs, recording, lines, asked)
        output.ui |= show("", told)  # instead of the last stage
        return output


def _asked(connected: list[int] | None) -> Outputs:
    """What is made; None = nobody knows, so everything."""
    numbers = (LATENT, FRAMES) if connected is None else connected
    return Outputs(frames=FRAMES in numbers, latents=LATENT in numbers, video=True)


def _walk_settings(
    policy: str,
    depth_fit: str,
    chunk_frames: int,
    preceding: int,
    references: int,
    budget: float,
    hold_colours: bool = True,
    **rest,
) -> tuple[WalkSettings, dict]:
    """How the walk is made, and the other inputs."""
    settings = WalkSettings(
        chunk_frames=chunk_frames,
        preceding=preceding,
        references=references,
        update=UpdateSettings(policy=policy, fit=depth_fit),
        max_bytes=int(budget * MIB),
        hold_colours=hold_colours,
    )
    return settings, rest


def _inputs(
    cameras: Cameras,
    start_cameras: Cameras | None = None,
    start_picture=None,
    moge_model=None,
    da3_model=None,
    sam3_model=None,
    sam3_text=None,
    prompts=(),
    sound_vae=None,
    **given,
) -> tuple[WalkInputs, WalkState]:
    """What the walk is made with, and the walk before its first chunk."""
    depth = DepthModel(moge_model, da3_model)
    if (sam3_model is None) != (sam3_text is None):
        raise MirageError("sam3_model, sam3_text: connect both, or none.")
    moving = None if sam3_model is None else MovingThings(sam3_model, sam3_text)
    sampler = SamplerSettings(**{field.name: given.pop(field.name) for field in fields(SamplerSettings)})
    latent, sound, size = given.pop("start", None), given.pop("sound", None), (given["height"], given["width"])
    request = request_of(cameras=path_from_clip(start_cameras, cameras), **given)
    start = start_latents(request.steering.vae, latent, start_picture, size)
    request = replace(request, start=start)
    begin = begin_state(request, start_cameras)
    return WalkInputs(request, sampler, depth, moving, prompts, _sound(sound, request), sound_vae), begin


def _sound(latent: dict | None, request: Request) -> Sound | None:
    """The sound of the whole walk, of a LATENT that holds it alone or beside a video."""
    video, video_mask, sound, mask = separated(latent) if latent is not None else (None,) * 4
    sound, mask = (video, video_mask) if sound is None else (sound, mask)
    return sound_of(sound, mask, ModelKind.of(request.model), request.path)


def _keeping(keep_from: str, kept: int) -> list[str]:
    if kept and not keep_from:
        raise MirageError(f"keep_from: must name the folder of the {kept} chunks to keep; it is empty.")
    return ["keep_from: has no effect, as keep_chunks is 0."] if keep_from and not kept else []


def _sounding(inputs: WalkInputs, begin: WalkState, plan: Sequence[Chunk]) -> list[str]:
    """Notes on sound.

    Raises:
        MirageError: a chunk lies within the start, which has none.
    """
    if inputs.sound is None:
        return [] if inputs.sound_vae is None else ["sound_vae: has no effect, as the walk makes no sound."]
    timing, frames = inputs.request.path.timing, len(begin.frames)
    if timing.frames_of(frames) >= plan[0].stop:
        raise MirageError(
            f"start: must be shorter than a chunk, {plan[0].stop} video frames, for a walk with sound; got "
            f"{timing.frames_of(frames)}. Shorten the clip, or set chunk_frames higher."
        )
    return (
        [] if inputs.sound_vae is not None else ["video: is silent. Connect the VAE of the model's sound to sound_vae."]
    )


def _output(
    state: WalkState, inputs: WalkInputs, recording: Recording, lines: list[str], asked: Outputs
) -> io.NodeOutput:
    latent = None
    if asked.latents:
        video = state.latents.transpose(0, 1).unsqueeze(0).contiguous()
        latent = as_latent(video if inputs.sound is None else inputs.sound.beside(video, state.sound))
    text = "\n".join([*lines, walk_text(state)])
    ui = {"mirage_walk": [json.loads(json.dumps(walk_summary(state)))], "text": [text]}
    return io.NodeOutput(
        latent,
        recording.frames,
        state.memory,
        inputs.request.path.video.to("cpu"),
        text,
        walk_picture(state.reports),
        state.left_out.float(),
        InputImpl.VideoFromFile(str(recording.video.path)),
        ui=ui,
    )
