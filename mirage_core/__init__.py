"""Latent spatial memory: VAE latent tokens lifted to 3D, remembered, and splatted into new cameras.

Method: "Latent Spatial Memory for Video World Models" (Mirage; version 2 of the paper calls it LSM-World),
arXiv 2606.09828. Needs torch, numpy, einops, safetensors and kornia; knows nothing of ComfyUI.
"""

from .cameras import Cameras
from .errors import MirageError
from .geometry import Geometry
from .keyframes import Keyframe, Keyframes
from .latent_path import LatentPath
from .lifting import lift
from .memory import LatentMemory, LatentSpec
from .points import PointBlock
from .readout import Readout, splat
from .storage import load_memory, save_memory

__version__ = "0.1.0"

__all__ = [
    "Cameras",
    "Geometry",
    "Keyframe",
    "Keyframes",
    "LatentMemory",
    "LatentPath",
    "LatentSpec",
    "MirageError",
    "PointBlock",
    "Readout",
    "lift",
    "load_memory",
    "save_memory",
    "splat",
]
