"""Colours 0..1 as bytes, of a picture and of a video."""

import torch
from einops import rearrange
from torch import Tensor
from torch.nn.functional import interpolate, pad

RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722  # shares of luma, ITU-R BT.709
REDDER, BLUER = 2 * (1 - RED), 2 * (1 - BLUE)  # how far a colour's red and blue can be from its luma, -0.5..0.5 each
BLACK, LUMA = 16, 219  # limited range: the byte of black, bytes from there to white
GREY, CHROMA = 128, 224  # likewise of the two colour differences


def as_bytes(colours: Tensor) -> Tensor:
    """Colours 0..1 of any shape as uint8 on the CPU: rounded, and cut where they lie beyond."""
    return (colours.clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def as_bt709(colours: Tensor) -> Tensor:
    """A video frame as H.264 keeps it: BT.709, limited range, half as many colour differences each way.

    Args:
        colours: ``(H, W, 3)``, 0..1, H and W even.

    Returns:
        ``uint8 (H * 3 / 2, W)`` on the CPU, the planes of yuv420p one after the other: luma ``(H, W)``, then the
        differences to blue and to red, ``(H / 2, W / 2)`` each. They lie on the even columns, between two rows: where
        a player looks for them whom nobody tells otherwise.
    """
    red, green, blue = colours.to("cpu", torch.float32).clamp(0, 1).unbind(-1)  # (H, W) each
    luma = RED * red + GREEN * green + BLUE * blue
    differences = torch.stack([(blue - luma) / BLUER, (red - luma) / REDDER])  # (2, H, W)
    rows = (differences[:, 0::2] + differences[:, 1::2]) / 2  # (2, H / 2, W)
    left = pad(rows, (1, 0), mode="replicate")[..., 0:-1:2]  # of each even column its neighbours
    chroma = (left + 2 * rows[..., 0::2] + rows[..., 1::2]) / 4  # (2, H / 2, W / 2)
    planes = torch.cat([(BLACK + LUMA * luma).flatten(), (GREY + CHROMA * chroma).flatten()])
    return planes.round().to(torch.uint8).view(-1, colours.shape[1])


def of_bt709(planes: Tensor) -> Tensor:
    """The colours ``(H, W, 3)``, 0..1, of a video frame ``uint8 (H * 3 / 2, W)`` as ``as_bt709`` gives it."""
    height, width = len(planes) * 2 // 3, planes.shape[1]
    luma = (planes[:height].float() - BLACK) / LUMA
    chroma = (planes[height:].reshape(1, 2, height // 2, width // 2).float() - GREY) / CHROMA
    even = interpolate(chroma, size=(height, width // 2), mode="bilinear", align_corners=False)[0]  # (2, H, W / 2)
    odd = (even + pad(even, (0, 1), mode="replicate")[..., 1:]) / 2
    bluer, redder = rearrange([even, odd], "column plane h w -> plane h (w column)")
    red, blue = luma + REDDER * redder, luma + BLUER * bluer
    green = (luma - RED * red - BLUE * blue) / GREEN
    return torch.stack([red, green, blue], -1).clamp(0, 1)
