"""The inputs of Scene Walk."""

from comfy_api.latest import io

from ..mirage_core.alignment import FITS
from ..mirage_core.chunks import CHUNK_FRAMES
from ..mirage_core.memory import POLICIES
from ..mirage_core.retrieval import MAX_REFERENCES
from ..mirage_core.update import UNALIGNED
from ..mirage_core.walk import PRECEDING
from .steering import branch_socket, keep_exact_input, memory_inputs, sampler_inputs, steering_inputs, uni3c_socket
from .types import CamerasSocket, PromptsSocket

ADVANCED = (  # what a first walk does without
    *("scheduler", "denoise", "strength", "chunk_frames", "depth_fit", "policy", "budget"),
    *("keep_from", "keep_chunks", "preceding", "references", "keep_exact"),
    *("crf", "hold_colours"),
)


def _writing_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "chunk_frames",
            default=CHUNK_FRAMES,
            min=5,
            max=1025,
            tooltip="Video frames made at once: 1 + 4 n for Wan, 1 + 8 n for LTX, 5 + 17 n for MiniMax H3, "
            "1 + 6 n for Mochi. 33 as published; "
            "what the model was made for, at most.",
        ),
        io.Combo.Input(
            "depth_fit",
            options=[*FITS, UNALIGNED],
            tooltip="How estimated depth is brought to the memory's. scale: MoGe. scale and shift: Depth Anything. "
            "none: as it is.",
        ),
        io.Combo.Input("policy", options=list(POLICIES), tooltip="As in Latent Memory Cache."),
        io.Float.Input(
            "budget", default=0.0, min=0.0, max=65536.0, step=1.0, tooltip="MiB that the memory stays below, 0 = any."
        ),
    ]


def _saving_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "save_as",
            default="mirage/walk",
            tooltip="Folder below the output folder for finished chunks and the video; another one inside for every "
            "other setting. Run again to go on. Empty: not saved.",
        ),
        io.String.Input(
            "keep_from",
            default="",
            tooltip="To make a walk again from some chunk on: the folder of its chunks, as the report names it.",
        ),
        io.Int.Input(
            "keep_chunks",
            default=0,
            min=0,
            max=100_000,
            tooltip="How many chunks of keep_from stay; the rest is made anew with this seed and text.",
        ),
    ]


def _context_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "preceding",
            default=PRECEDING,
            min=0,
            max=8,
            tooltip="Mode branch: latent frames before a chunk that the model is given as context.",
        ),
        io.Int.Input(
            "references",
            default=MAX_REFERENCES,
            min=0,
            max=16,
            tooltip="Mode branch: past latent frames, at most, that it is given because they saw the same place.",
        ),
    ]


def _sockets() -> list[io.Input]:
    return [
        io.Custom("MOGE_MODEL").Input("moge_model", optional=True, tooltip="Depth of what was made, from MoGe."),
        io.Custom("DA3_MODEL").Input("da3_model", optional=True, tooltip="Depth from Depth Anything 3 instead."),
        io.Model.Input("sam3_model", optional=True, tooltip="SAM3: keeps what sam3_text names out of the memory."),
        io.Conditioning.Input(
            "sam3_text", optional=True, tooltip="What moves, encoded by SAM3's own text encoder: person, car, dog."
        ),
        PromptsSocket.Input("prompts", optional=True, tooltip="Walk Prompts: other texts from some video frame on."),
        branch_socket(),
        uni3c_socket(),
        io.Latent.Input(
            "start",
            optional=True,
            tooltip="The encoded start picture, the first latent frame of the walk; or a clip of several latent "
            "frames, which the walk continues.",
        ),
        io.Image.Input(
            "start_picture",
            optional=True,
            tooltip="The start picture or clip itself, of the size of the video, instead.",
        ),
    ]


def _video_inputs() -> list[io.Input]:
    return [
        io.Float.Input(
            "fps",
            optional=True,
            default=24.0,
            min=1.0,
            max=240.0,
            step=0.01,
            tooltip="Video frames per second: 16 for Wan 2.1 and Wan 2.2 14B, 24 for Wan 2.2 5B and MiniMax H3, 24 or "
            "25 for LTX.",
        ),
        io.Int.Input(
            "crf",
            optional=True,
            default=16,
            min=0,
            max=51,
            tooltip="Quality of the H.264 video: lower is better and larger, 0 is without any loss (for editing; not "
            "all players show it).",
        ),
        io.Boolean.Input(
            "hold_colours",
            optional=True,
            default=True,
            tooltip="Takes out of each chunk how its contrast and colours crept away from what the memory shows of the "
            "same places. Off for a text that changes the light.",
        ),
        CamerasSocket.Input(
            "start_cameras",
            optional=True,
            tooltip="Of a start that is a clip: one camera per video frame. The path begins with the last of them. "
            "None: the path begins with the cameras of the start.",
        ),
        io.Vae.Input("sound_vae", optional=True, tooltip="Decodes the sound of LTX-2 and MiniMax H3 for the video."),
    ]


def walk_inputs() -> list[io.Input]:
    """In the order of saved workflows. What a first walk does without is shown with the advanced inputs."""
    inputs = [
        *memory_inputs(),
        io.Vae.Input("vae", tooltip="The model's VAE."),
        *sampler_inputs(),
        *steering_inputs(),
        *_writing_inputs(),
        *_saving_inputs(),
        *_context_inputs(),
        *_sockets(),
        keep_exact_input(),
        io.Latent.Input(
            "sound",
            optional=True,
            tooltip="Of LTX-2 and MiniMax H3: the empty sound of the whole walk, from LTXV Empty Latent Audio or Empty "
            "MiniMax H3 AV Latent with the number of video frames of the path. What is masked stays as it is. None: "
            "LTX-2 walks in silence, MiniMax H3 makes sound all the same.",
        ),
        *_video_inputs(),
    ]
    for one in inputs:
        one.advanced = one.id in ADVANCED or None
    return inputs
