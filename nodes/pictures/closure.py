"""Loop closure as one picture: the worst, a middling and the best revisit side by side, and a curve of all."""

from collections.abc import Sequence

from PIL import Image, ImageDraw
from torch import Tensor

from ...mirage_core.metrics import Pictures, Revisit
from .palette import DIM, MARGIN, SMALL_SIZE, TEAL, TEXT, TRACK, blank, font
from .pixels import as_image, as_picture

WIDTH, GAP, CAPTION, CURVE = 960, 14, 26, 150
LEAST_PSNR, MOST_PSNR = 5.0, 45.0  # dB, of the curve's axis


def closure_picture(frames: Pictures, found: Sequence[Revisit], others: Pictures | None = None) -> Tensor:
    """IMAGE ``(1, H, W, 3)`` of frames ``(H, W, 3)`` and their revisits; without any, a line of text.

    Args:
        others: frames of another branch, if the later of each revisit is one of them.
    """
    across = others is not None
    if not found:
        picture, draw = blank(WIDTH, 2 * MARGIN + CAPTION)
        never = "no pose is visited by both" if across else "no pose is visited twice"
        draw.text((MARGIN, MARGIN), never, fill=TEXT, font=font())
        return as_image(picture)
    rows = shown(found)
    width = (WIDTH - 2 * MARGIN - GAP) // 2
    high, wide, _ = frames[found[0].earlier].shape
    height = round(width * high / wide)
    picture, draw = blank(WIDTH, 2 * MARGIN + len(rows) * (CAPTION + height + GAP) + CAPTION + CURVE)
    top = MARGIN
    for name, one in rows:
        where = "of the other video" if across else "at the same pose"
        caption = f"{name}: frame {one.earlier}, and frame {one.later} {where}"
        draw.text((MARGIN, top), caption, fill=TEXT, font=font())
        scores = f"{one.psnr:.1f} dB, SSIM {one.ssim:.3f}"
        draw.text((WIDTH - MARGIN, top), scores, fill=DIM, font=font(), anchor="ra")
        pair = (frames[one.earlier], (others if across else frames)[one.later])
        for column, frame in enumerate(pair):
            tile = as_picture(frame).resize((width, height), Image.Resampling.LANCZOS)
            picture.paste(tile, (MARGIN + column * (width + GAP), top + CAPTION))
        top += CAPTION + height + GAP
    _curve(draw, top, found, "frame of the other video" if across else "frame")
    return as_image(picture)


def shown(found: Sequence[Revisit]) -> list[tuple[str, Revisit]]:
    """The revisits that are drawn side by side, each with its rank in words; at least one must have been found."""
    ranked = sorted(found, key=lambda one: one.psnr)
    rows = [("worst", ranked[0])]
    if len(ranked) > 2:
        rows.append(("median", ranked[len(ranked) // 2]))
    if len(ranked) > 1:
        rows.append(("best", ranked[-1]))
    return rows


def _curve(draw: ImageDraw.ImageDraw, top: int, found: Sequence[Revisit], by: str) -> None:
    small = font(SMALL_SIZE)
    draw.text((MARGIN, top), f"PSNR of every revisit, by its {by}", fill=TEXT, font=font())
    left, right, base = MARGIN + 48, WIDTH - MARGIN, top + CAPTION + CURVE - 20
    high = top + CAPTION + 8
    first, last = found[0].later, found[-1].later

    def place(one: Revisit) -> tuple[float, float]:
        along = (one.later - first) / max(last - first, 1)
        share = (min(max(one.psnr, LEAST_PSNR), MOST_PSNR) - LEAST_PSNR) / (MOST_PSNR - LEAST_PSNR)
        return left + along * (right - left), base - share * (base - high)

    for decibels in (LEAST_PSNR, 25.0, MOST_PSNR):
        y = base - (decibels - LEAST_PSNR) / (MOST_PSNR - LEAST_PSNR) * (base - high)
        draw.line((left, y, right, y), fill=TRACK)
        draw.text((left - 8, y), f"{decibels:.0f} dB", fill=DIM, font=small, anchor="rm")
    places = [place(one) for one in found]
    if len(places) > 1:
        draw.line(places, fill=TEAL, width=2)
    for x, y in places:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=TEAL)
    draw.text((left, base + 6), f"frame {first}", fill=DIM, font=small)
    draw.text((right, base + 6), f"frame {last}", fill=DIM, font=small, anchor="ra")
