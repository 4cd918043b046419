"""Latents to video frames: all at once, or chunk after chunk."""

from ....mirage_core.timing import Timing
from .causal import CausalDecoder, drives
from .clips import ClipDecoder
from .streams import Decoded, StreamedDecoder
from .whole import decoded
from .windows import WindowDecoder

__all__ = ["Decoded", "StreamedDecoder", "decoded", "streamed_decoder"]


def streamed_decoder(vae, timing: Timing) -> StreamedDecoder:
    """What decodes the latents of a video as they come, by what its VAE is.

    Args:
        vae: of ComfyUI.
        timing: of the latents.
    """
    if drives(vae):
        return CausalDecoder(vae, timing)
    return ClipDecoder(vae, timing) if timing.clip else WindowDecoder(vae, timing)
