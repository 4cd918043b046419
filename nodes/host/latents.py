"""ComfyUI's LATENT, MASK and IMAGE as the core's tensors, and back."""

from einops import rearrange
from torch import Tensor

from ...mirage_core import Geometry, LatentSpec, MirageError, Readout
from ...mirage_core.geometry import token_crop

MADE_UP = (64, 64)  # the size of ComfyUI's empty mask, for pictures without an alpha channel


def latent_frames(samples: Tensor, channels: int) -> Tensor:
    """The frames of a LATENT: ``(T, C, h, w)``, from a video ``(1, C, T, h, w)`` or pictures ``(T, C, h, w)``.

    Raises:
        MirageError: it is a batch of videos, or its channel count is not the VAE's.
    """
    if samples.ndim not in (4, 5) or samples.shape[1] != channels:
        raise MirageError(
            f"latent: must be (1, {channels}, T, h, w) or (T, {channels}, h, w), as the connected VAE makes it; "
            f"got {tuple(samples.shape)}. Connect the VAE that encoded it."
        )
    if samples.ndim == 4:
        return samples
    if len(samples) != 1:
        raise MirageError(f"latent: must be one video; got a batch of {len(samples)}. Lift them one after the other.")
    return rearrange(samples, "1 c t h w -> t c h w")


def geometry_for(geometry: Geometry, frames: int, size: tuple[int, int], spec: LatentSpec) -> Geometry:
    """The part of a geometry that latents cover: its centre in whole tokens, the frames that carry their cameras."""
    geometry = geometry.cropped_to_tokens(size, spec.spatial)
    if len(geometry) == spec.timing.frames_of(frames):
        return geometry.at_latent_frames(spec.timing)
    return geometry  # lift checks that the numbers agree


def exclude_for(
    mask: Tensor, geometry: Geometry, frames: int, size: tuple[int, int], spec: LatentSpec
) -> Tensor | None:
    """A MASK of ComfyUI's ``(B, H, W)``, 1 = leave out, cut like ``geometry_for`` cuts: bool ``(T, H', W')``.

    One mask serves all frames. None: it is the one that ComfyUI makes up.
    """
    H, W = geometry.image_size
    if mask.ndim == 2:
        mask = mask.unsqueeze(0)
    if tuple(mask.shape[1:]) == MADE_UP and not bool(mask.any()):
        return None
    if mask.shape[1:] != (H, W):
        raise MirageError(
            f"exclude: must have the size of the depth, {W} x {H}; got {mask.shape[2]} x {mask.shape[1]}."
        )
    rows, columns = token_crop((H, W), geometry.pixels_of_token(size, spec.spatial))
    mask = mask[:, rows, columns] > 0.5
    if len(mask) == spec.timing.frames_of(frames):
        mask = mask[list(spec.timing.stands_at(len(mask)))]
    if len(mask) not in (1, frames):
        raise MirageError(f"exclude: must hold 1 mask, or one per latent frame ({frames}); got {len(mask)}.")
    return mask.expand(frames, -1, -1)


def as_latent(samples: Tensor, noise_mask: Tensor | None = None) -> dict:
    """A LATENT; without a mask all of it is to be generated."""
    return {"samples": samples} if noise_mask is None else {"samples": samples, "noise_mask": noise_mask}


def latent_of(readout: Readout, video: bool) -> dict:
    """A readout as a LATENT whose ``noise_mask`` is 1 where the memory knows nothing.

    Returns:
        samples ``(1, C, T, h, w)`` and noise_mask ``(1, 1, T, h, w)`` for a video format, else ``(T, C, h, w)`` and
        ``(T, 1, h, w)``. Unknown tokens are zero.
    """
    unknown = (~readout.known).float()
    if not video:
        return {"samples": readout.latents, "noise_mask": unknown.unsqueeze(1)}
    return {
        "samples": rearrange(readout.latents, "t c h w -> 1 c t h w").contiguous(),
        "noise_mask": unknown[None, None],
    }
