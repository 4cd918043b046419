"""Pictures that are encoded one by one."""

import comfy.model_management
import comfy.utils
import torch
from torch import Tensor

from .latents import latent_frames


def encoded_one_by_one(vae: object, pictures: Tensor, channels: int) -> Tensor:
    """Latent frames ``(T, C, h, w)`` of pictures ``(T, H, W, 3)``; of a batch a video VAE would make a video."""
    bar, latents = comfy.utils.ProgressBar(len(pictures)), []
    for picture in pictures:
        comfy.model_management.throw_exception_if_processing_interrupted()
        latents.append(latent_frames(vae.encode(picture[None]), channels))
        bar.update(1)
    return torch.cat(latents)
