"""The pictures of a VIDEO one by one, without having all of them in memory."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from comfy_api.latest import Input, InputImpl
from torch import Tensor

from .video_file import VideoFile

PIECE = 32  # video frames that are decoded at once
PIECES = 4  # that are kept: where a walk goes back, two places of it are read in turn


class VideoPictures(Sequence):
    """Pictures ``(H, W, 3)``, 0..1, of a video file by their number."""

    def __init__(self, file: VideoFile):
        self.file = file
        self._pieces: OrderedDict[int, Tensor] = OrderedDict()

    @classmethod
    def of(cls, video: Input.Video) -> "VideoPictures | Tensor":
        """The pictures of a VIDEO: of a whole .mp4 those of the file, else all of them in memory."""
        source = video.get_stream_source() if isinstance(video, InputImpl.VideoFromFile) else None
        if isinstance(source, str) and source.endswith(".mp4") and video.get_active_trim_window() == (0.0, 0.0):
            return cls(VideoFile.of(Path(source)))
        return video.get_components().images[..., :3]

    def __len__(self) -> int:
        return self.file.frames

    def __getitem__(self, number: int) -> Tensor:
        piece, within = divmod(range(len(self))[number], PIECE)
        if piece not in self._pieces:
            first = piece * PIECE
            self._pieces[piece] = self.file.pictures(first, min(first + PIECE, len(self)) - 1)
            if len(self._pieces) > PIECES:
                self._pieces.popitem(last=False)
        self._pieces.move_to_end(piece)
        return self._pieces[piece][within]
