"""Load any video frames of a saved walk."""

from comfy_api.latest import io

from .host.folders import fingerprint, output_folder
from .host.walk.saved_frames import files_of, frames_of_latents, frames_of_video
from .types import WALK

MOST = 10_000_000  # video frames


class LoadWalkFrames(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="Mirage_LoadWalkFrames",
            display_name="Load Walk Frames",
            category=WALK,
            description="Loads some video frames of a walk that Scene Walk has saved, also while it goes on: from its "
            "video, or decoded from its latents.",
            search_aliases=["long video", "video range", "mirage"],
            inputs=[
                io.String.Input("folder", default="", tooltip="Of the walk, as the report of Scene Walk names it."),
                io.Int.Input("first_frame", default=0, min=0, max=MOST, tooltip="Video frame; 0 is the start picture."),
                io.Int.Input(
                    "last_frame", default=-1, min=-1, max=MOST, tooltip="Video frame; it is loaded, too. -1: the last."
                ),
                io.Vae.Input(
                    "vae",
                    optional=True,
                    tooltip="The VAE of the walk: decodes the saved latents, without loss. None: the video frames are "
                    "those of the walk's video, as they were encoded there.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="frames", tooltip="The video frames, first_frame to last_frame."),
                io.String.Output(display_name="report", tooltip="Which video frames they are, and where from."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str, **others) -> str:
        return fingerprint(files_of(output_folder(folder, "folder")))

    @classmethod
    def execute(cls, folder: str, first_frame: int, last_frame: int, vae=None) -> io.NodeOutput:
        walk = output_folder(folder, "folder")
        if vae is None:
            frames, span = frames_of_video(walk, first_frame, last_frame)
        else:
            frames, span = frames_of_latents(walk, vae, first_frame, last_frame)
        report = f"{span}, {'from the video' if vae is None else 'decoded from latents'}"
        return io.NodeOutput(frames, report, ui={"text": [report]})
