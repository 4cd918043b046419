"""Latents to video frames, all at once."""

from einops import rearrange
from torch import Tensor

import nodes as host_nodes  # ComfyUI's own module of that name

WHOLE = 21  # latent frames: longer videos are decoded in tiles and time windows, unless the VAE does so itself
TILES = {"tile_size": 512, "overlap": 64, "temporal_size": 64, "temporal_overlap": 16}  # pixels, video frames


def decoded(vae, latents: Tensor, tiled: bool = False) -> Tensor:
    """Frames ``(F, H, W, 3)``, 0..1, of latents ``(T, C, h, w)``.

    Args:
        tiled: in tiles and time windows however short the video is, which takes less memory.
    """
    pictures = vae.latent_dim == 2  # a VAE for pictures takes its frames as a batch
    video = {"samples": latents if pictures else rearrange(latents, "t c h w -> 1 c t h w")}
    long = len(latents) > WHOLE and not pictures and not getattr(vae, "handles_tiling", False)
    if tiled or long:
        return host_nodes.VAEDecodeTiled().decode(vae, video, **TILES)[0]
    return host_nodes.VAEDecode().decode(vae, video)[0]
