"""The VAEs of Wan: the cache of their causal decoder is carried from chunk to chunk.

The decoder is run one latent frame at a time. ComfyUI gives that of Wan 2.1 two at a time, but which two would then
depend on where a chunk ends: one at a time, the cache is the same bit for bit however the latent frames came.
"""

import logging
from collections.abc import Sequence

import comfy.model_management
import torch
from comfy.ldm.wan import vae as wan21
from comfy.ldm.wan import vae2_2 as wan22
from einops import rearrange
from torch import Tensor, nn

from ....mirage_core.timing import Timing
from .streams import Decoded, StreamedDecoder, finished, loaded
from .windows import WindowDecoder

log = logging.getLogger(__name__)


def drives(vae) -> bool:
    """Whether the model of a VAE is of a class that is decoded so."""
    return isinstance(vae.first_stage_model, (wan21.WanVAE, wan22.WanVAE))


class CausalDecoder(StreamedDecoder):
    """Decodes with the cache that the latent frames before have left; every video frame is final at once.

    Where the card's memory does not do, it goes on in ComfyUI's tiles, with latent frames before as context.
    """

    def __init__(self, vae, timing: Timing):
        super().__init__(vae, timing)
        self._cache: Cache | None = Cache(vae)  # none: in tiles from now on
        self._tiles = WindowDecoder(vae, timing, tiled=True)

    def take_up(self, before: Sequence, newest: int | None = None) -> None:
        self._tiles.stand_behind(before, len(before))
        again = before[max(0, len(before) - reach(self.vae.first_stage_model.decoder)) :]
        self._cache = Cache(self.vae)
        if len(again):
            self._run(again)

    def decode(self, latents: Tensor, last: bool = False) -> Decoded:
        frames = self._run(latents) if self._cache is not None else None
        if frames is None:
            return self._tiles.decode(latents, last)
        self._tiles.pass_over(latents)
        return Decoded(frames, frames[:0])

    def _run(self, latents: Tensor) -> Tensor | None:
        """The video frames; none, and no cache any more, if the card's memory does not do."""
        shape = (1, latents.shape[1], self._tiles.count + len(latents), *latents.shape[2:])
        try:
            with loaded(self.vae, shape):
                frames = [finished(self.vae, self._cache.run(latent)) for latent in latents.split(1)]
                self._cache.rest()
            return torch.cat(frames)
        except RuntimeError as error:  # lack of memory is one, in all of its forms
            comfy.model_management.raise_non_oom(error)
        self._cache = None  # behind the except block: until its end the error holds on to what is on the card
        comfy.model_management.soft_empty_cache()
        log.warning("The card's memory is too small to decode video frames whole: they are decoded in tiles from now.")
        return None


class Cache:
    """A decoder of Wan's and what it keeps of the latent frames that it has decoded."""

    def __init__(self, vae):
        self.vae, self.model = vae, vae.first_stage_model
        convolutions = [one for one in self.model.decoder.modules() if isinstance(one, wan21.CausalConv3d)]
        self.kept: list = [None] * len(convolutions)  # by layer: frames (1, C, 1|2, H, W), or the model's own marks
        self.slow = 0  # layers in front that work at the rate of the latent frames

    def run(self, latent: Tensor) -> Tensor:
        """What the model makes, ``(1, 3, 1|4, H, W)``, of the next latent frame ``(1, C, h, w)``."""
        comfy.model_management.throw_exception_if_processing_interrupted()
        first, before = self.kept[0] is None, self.kept[: self.slow]
        x = rearrange(latent, "1 c h w -> 1 c 1 h w").to(device=self.vae.device, dtype=self.vae.vae_dtype)
        x = self.model.conv2(x)
        if isinstance(self.model, wan22.WanVAE):
            made = self.model.decoder(x, feat_cache=self.kept, feat_idx=[0], first_chunk=first)
            made = wan22.unpatchify(made, patch_size=2)
        else:
            made = torch.cat(self.model.decoder(x, feat_cache=self.kept, feat_idx=[0]), dim=2)
        if first:  # the first layer that will make two frames of one has marked its place
            self.slow = 1 + next(layer for layer, kept in enumerate(self.kept) if isinstance(kept, str))
        self._join(before)
        return made

    def rest(self) -> None:
        """Take what is kept off the card; the model brings it back layer by layer."""
        for layer, kept in enumerate(self.kept):
            if isinstance(kept, Tensor):
                self.kept[layer] = kept.to(self.vae.output_device, copy=True)  # a copy: no view of what is larger

    def _join(self, before: list) -> None:
        """A layer looks back two frames: where it has kept the one that came, put that before it in front."""
        for layer, kept in enumerate(before):
            new = self.kept[layer]
            if isinstance(kept, Tensor) and isinstance(new, Tensor) and new.shape[2] == 1:
                self.kept[layer] = torch.cat([kept[:, :, -1:].to(new), new], dim=2)


def reach(decoder: nn.Module) -> int:
    """How many latent frames before a latent frame have a part in its video frames.

    Each causal convolution looks back by its kernel, at the rate of frames where it stands; from the last layer to the
    first, that rate is halved wherever the decoder has doubled it.
    """
    doubling = [one for one in decoder.modules() if getattr(one, "mode", "") == "upsample3d"]
    theirs = {id(one.time_conv) for one in doubling}
    back = 0
    for module in reversed(list(decoder.modules())):
        if any(module is one for one in doubling):
            back = -(-back // 2) + module.time_conv.kernel_size[0] - 1
        elif isinstance(module, wan21.CausalConv3d) and id(module) not in theirs:
            back += module.kernel_size[0] - 1
    return back
