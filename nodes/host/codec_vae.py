"""The patch codec inside ComfyUI's own VAE class, so that every node that takes a VAE takes it."""

from pathlib import Path

import comfy.ops
import comfy.sd
import torch

from ...mirage_core.codec import CHANNELS, TEMPORAL, PatchCodec
from ...mirage_core.learned_codec import load_codec


class PatchCodecVAE(comfy.sd.VAE):
    """A ``comfy.sd.VAE`` whose first stage model is a ``PatchCodec``, plain or learned.

    ComfyUI's constructor recognises checkpoints; it is run on a tiny one of its own that has no weights (its pixel
    space VAE), which sets up device, patcher and memory management, and then told about shapes and the model.
    """

    def __init__(self, codec: PatchCodec):
        super().__init__(sd={"pixel_space_vae": torch.tensor(1.0)}, dtype=torch.float32)
        codec, patch = codec.eval().to(self.vae_dtype), codec.patch
        self.first_stage_model = codec
        self.patcher = type(self.patcher)(
            codec, load_device=self.patcher.load_device, offload_device=self.patcher.offload_device
        )
        self.latent_channels, self.latent_dim, self.output_channels = CHANNELS, 3, 3
        # (frames, height, width): functions for the time axis, as ComfyUI's video VAEs have them
        self.downscale_ratio = (lambda frames: (frames + TEMPORAL - 1) // TEMPORAL, patch, patch)
        self.upscale_ratio = (lambda frames: max(0, TEMPORAL * frames - TEMPORAL + 1), patch, patch)
        self.downscale_index_formula = self.upscale_index_formula = (TEMPORAL, patch, patch)
        # bytes: a video is held about four times over while its patches are transformed
        self.memory_used_encode = lambda shape, dtype: 4 * 4 * shape[1] * shape[2] * shape[3] * shape[4]
        self.memory_used_decode = lambda shape, dtype: 4 * 4 * 3 * TEMPORAL * shape[2] * shape[3] * shape[4] * patch**2
        self.size = None
        self.model_size()


def load_codec_vae(path: str | Path) -> PatchCodecVAE:
    """A trained codec, in layers that ComfyUI may load in part.

    Raises:
        MirageError: the file holds no trained codec.
    """
    return PatchCodecVAE(load_codec(path, layers=comfy.ops.disable_weight_init))
