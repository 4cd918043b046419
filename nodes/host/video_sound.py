"""ComfyUI's AUDIO beside a video: of its length, as AAC."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.container import OutputContainer
from torch.nn.functional import pad

from ...mirage_core import MirageError

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)  # AAC's, Hz
PIECE = 65_536  # samples that are given to the encoder at once


def fitted(audio: dict, seconds: Fraction) -> dict:
    """The AUDIO, cut to a length, or followed by silence.

    Args:
        audio: ``waveform (1, channels, samples)``, -1..1, and ``sample_rate``.

    Raises:
        MirageError: AAC cannot hold it.
    """
    waveform, rate = audio["waveform"], int(audio["sample_rate"])
    if waveform.ndim != 3 or waveform.shape[0] != 1 or waveform.shape[1] not in LAYOUTS:
        raise MirageError(
            f"audio: must be one sound of 1, 2 or 6 channels, (1, channels, samples); got {tuple(waveform.shape)}."
        )
    if rate not in RATES:
        rates = ", ".join(map(str, RATES))
        raise MirageError(f"audio: must have one of AAC's sample rates, {rates} Hz; got {rate}. Resample it first.")
    samples = round(seconds * rate)
    waveform = pad(waveform[..., :samples], (0, max(0, samples - waveform.shape[-1])))
    return {"waveform": waveform, "sample_rate": rate}


def encoded_sound(audio: dict, output: OutputContainer) -> Iterator[av.Packet]:
    """The packets of an AUDIO that ``fitted`` gave, for a file of a stream that is added to it at once."""
    waveform, rate = audio["waveform"][0], audio["sample_rate"]
    layout = LAYOUTS[len(waveform)]
    stream = output.add_stream("aac", rate=rate, layout=layout)

    def packets() -> Iterator[av.Packet]:
        for start in range(0, waveform.shape[1], PIECE):
            piece = waveform[:, start : start + PIECE].float().cpu().contiguous()
            frame = av.AudioFrame.from_ndarray(piece.numpy(), format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets()
