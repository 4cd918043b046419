"""How a walk's video is encoded: H.264, at a quality or lossless, in an mp4 file."""

from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import av
from av.container import OutputContainer
from torch import Tensor

from ...mirage_core import MirageError
from ...mirage_core.colours import as_bt709, as_bytes

LOSSLESS = 0  # crf
WORST = 51
FINE = 10_000  # units of time a second, at least, as mp4 files have them
NTSC = Fraction(1000, 1001)  # 23.976 and 29.97 stand for 24 and 30 times this
NEAR = 0.005  # a frame rate that far from one of those is meant as it
# stitchable: the header does not depend on what is shown, so that parts of one video fit to it
X264 = {"preset": "medium", "bf": "0", "rc-lookahead": "16", "x264-params": "stitchable=1"}
PARTS = "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer"
BT709, RGB, LIMITED, FULL = 1, 0, 1, 2  # as H.264 numbers them; 1 for primaries, curve and matrix of BT.709


@dataclass(frozen=True)
class Encoding:
    """How video frames are kept.

    Attributes:
        fps: video frames a second.
        crf: quality of H.264, 1 (best) to 51; 0 = lossless, for 8 bits a colour, in RGB.

    Raises:
        MirageError: one of them is out of range.
    """

    fps: float
    crf: int

    def __post_init__(self):
        if not 0.1 <= self.fps <= 1000:
            raise MirageError(f"fps: must be 0.1 to 1000 video frames a second; got {self.fps}.")
        if not LOSSLESS <= self.crf <= WORST:
            raise MirageError(f"crf: must be 0 (lossless) or 1 (best) to {WORST}; got {self.crf}.")

    @property
    def rate(self) -> Fraction:
        """Video frames a second, exact: 23.976 is 24000 / 1001."""
        ntsc = round(self.fps) * NTSC
        if float(self.fps).is_integer() or abs(self.fps - ntsc) >= NEAR:
            return Fraction(self.fps).limit_denominator(1000)
        return ntsc

    @property
    def timescale(self) -> int:
        """Units of time a second, so fine that each video frame lasts a whole number of them."""
        return self.rate.numerator * -(-FINE // self.rate.numerator)

    @property
    def plain(self) -> dict[str, str]:
        """Options of a finished mp4 file: its index comes first, so that a browser can play it while it loads."""
        return {"movflags": "faststart", "video_track_timescale": str(self.timescale)}

    def parts(self, number: int = 1, flags: str = "") -> dict[str, str]:
        """Options of an mp4 file of parts, from part ``number`` on, whose times are written as they are."""
        times = {"avoid_negative_ts": "disabled", "use_editlist": "0", "fragment_index": str(number)}
        return {"movflags": PARTS + flags, "video_track_timescale": str(self.timescale), **times}

    @property
    def mark(self) -> dict[str, str]:
        """What the file says of the quality: H.264's own header does not."""
        return {"comment": f"crf {self.crf}"}

    def picture(self, colours: Tensor) -> av.VideoFrame:
        """One video frame ``(H, W, 3)``, 0..1, in 8 bits."""
        if self.crf == LOSSLESS:
            return av.VideoFrame.from_ndarray(as_bytes(colours).numpy(), format="rgb24")
        return av.VideoFrame.from_ndarray(as_bt709(colours).numpy(), format="yuv420p")

    def stream(self, output: OutputContainer, size: tuple[int, int]) -> av.VideoStream:
        """A new encoder of H.264 for video frames of ``size`` (H, W)."""
        lossless = self.crf == LOSSLESS
        stream = output.add_stream("libx264rgb" if lossless else "libx264", rate=self.rate)
        stream.height, stream.width = size
        stream.pix_fmt = "rgb24" if lossless else "yuv420p"
        stream.options = {**X264, "crf": str(self.crf)}
        coder = stream.codec_context
        coder.time_base = 1 / self.rate
        coder.color_primaries = coder.color_trc = BT709
        coder.colorspace, coder.color_range = (RGB, FULL) if lossless else (BT709, LIMITED)
        return stream

    def header(self, size: tuple[int, int]) -> BytesIO:
        """A file of parts that has none yet."""
        header = BytesIO()
        with av.open(header, "w", format="mp4", options=self.parts()) as output:
            output.metadata.update(self.mark)
            self.stream(output, size)
            output.start_encoding()
        header.seek(0)
        return header
