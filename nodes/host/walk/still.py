"""How a VAE shows what does not move, in a latent frame of one video frame and in one of several."""

from torch import Tensor

from ....mirage_core.still import Still
from ....mirage_core.timing import Timing
from ..decoding import decoded


def still_of(vae: object, timing: Timing, start: Tensor) -> Still | None:
    """Measured on the start picture itself, encoded as a video that stands still.

    Args:
        start: ``(1, C, h, w)`` its latent frame.

    Returns:
        None: every latent frame is of one video frame.
    """
    if timing.stride == 1:
        return None
    picture = decoded(vae, start)[:1, ..., :3]
    one, several = vae.encode(picture.repeat(timing.frames_of(2), 1, 1, 1))[0].float().cpu().unbind(dim=1)
    return Still.of(one, several)
