"""Loop closure as one picture: the worst, a middling and the best revisit side by side, and a curve of all."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ...mirage_core.metrics import Revisit

WIDTH, MARGIN, GAP, CAPTION, CURVE = 960, 32, 14, 26, 150
BACKGROUND, TEXT, DIM, LINE = "#14161a", "#e6e8eb", "#8b929c", "#3fb8a5"
LEAST_PSNR, MOST_PSNR = 5.0, 45.0  # dB, of the curve's axis


def closure_picture(frames: Tensor, found: Sequence[Revisit]) -> Tensor:
    """IMAGE ``(1, H, W, 3)`` of frames ``(F, H, W, 3)`` and their revisits; without any, a line of text."""
    font = ImageFont.load_default(15)
    if not found:
        picture = Image.new("RGB", (WIDTH, 2 * MARGIN + CAPTION), BACKGROUND)
        ImageDraw.Draw(picture).text((MARGIN, MARGIN), "no pose is visited twice", fill=TEXT, font=font)
        return _image(picture)
    ranked = sorted(found, key=lambda one: one.psnr)
    rows = [("worst", ranked[0]), ("median", ranked[len(ranked) // 2]), ("best", ranked[-1])][: max(1, len(ranked))]
    width = (WIDTH - 2 * MARGIN - GAP) // 2
    height = round(width * frames.shape[1] / frames.shape[2])
    total = 2 * MARGIN + len(rows) * (CAPTION + height + GAP) + CAPTION + CURVE
    picture = Image.new("RGB", (WIDTH, total), BACKGROUND)
    draw = ImageDraw.Draw(picture)
    top = MARGIN
    for name, one in rows:
        caption = f"{name}: frame {one.earlier}, and frame {one.later} at the same pose"
        draw.text((MARGIN, top), caption, fill=TEXT, font=font)
        scores = f"{one.psnr:.1f} dB, SSIM {one.ssim:.3f}"
        draw.text((WIDTH - MARGIN, top), scores, fill=DIM, font=font, anchor="ra")
        for column, number in enumerate((one.earlier, one.later)):
            tile = Image.fromarray((frames[number].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy())
            tile = tile.resize((width, height), Image.Resampling.LANCZOS)
            picture.paste(tile, (MARGIN + column * (width + GAP), top + CAPTION))
        top += CAPTION + height + GAP
    _curve(draw, top, found)
    return _image(picture)


def _curve(draw: ImageDraw.ImageDraw, top: int, found: Sequence[Revisit]) -> None:
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    draw.text((MARGIN, top), "PSNR of every revisit, by its frame", fill=TEXT, font=font)
    left, right, base = MARGIN + 48, WIDTH - MARGIN, top + CAPTION + CURVE - 20
    high = top + CAPTION + 8
    first, last = found[0].later, found[-1].later

    def place(one: Revisit) -> tuple[float, float]:
        along = (one.later - first) / max(last - first, 1)
        share = (min(max(one.psnr, LEAST_PSNR), MOST_PSNR) - LEAST_PSNR) / (MOST_PSNR - LEAST_PSNR)
        return left + along * (right - left), base - share * (base - high)

    for decibels in (LEAST_PSNR, 25.0, MOST_PSNR):
        y = base - (decibels - LEAST_PSNR) / (MOST_PSNR - LEAST_PSNR) * (base - high)
        draw.line((left, y, right, y), fill="#2b3037")
        draw.text((left - 8, y), f"{decibels:.0f} dB", fill=DIM, font=small, anchor="rm")
    places = [place(one) for one in found]
    if len(places) > 1:
        draw.line(places, fill=LINE, width=2)
    for x, y in places:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=LINE)
    draw.text((left, base + 6), f"frame {first}", fill=DIM, font=small)
    draw.text((right, base + 6), f"frame {last}", fill=DIM, font=small, anchor="ra")


def _image(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture, dtype=np.float32) / 255.0).unsqueeze(0)
