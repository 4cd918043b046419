"""Pictures of walks: frames in a grid, each with a bar for the share of it that the memory knows; walks compared."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
from PIL import Image, ImageDraw, ImageFont

COLUMNS, ROWS = 4, 3
TILE_WIDTH = 360
GAP, MARGIN, CORNER = 14, 24, 6
CAPTION, BAR = 30, 3  # heights: text below a frame, the bar between them
COMPARED, COMPARED_WIDTH, TITLE = 6, 240, 36  # frames of a walk that is compared, their width, and a title's height
BACKGROUND, TEXT, DIM, TRACK, KNOWN = "#14161a", "#e6e8eb", "#8b929c", "#2b3037", "#3fb8a5"


def read_frames(video: Path) -> tuple[list[Image.Image], float]:
    """Return every frame of the video, and its frames per second."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        return [frame.to_image() for frame in container.decode(stream)], float(stream.average_rate)


def contact_sheet(frames: Sequence[Image.Image], known: Sequence[float]) -> Image.Image:
    """Draw up to COLUMNS * ROWS frames, evenly spaced from the first to the last.

    Args:
        frames: the video.
        known: one share per latent frame. Only frames that are a latent frame's own are drawn: the shares are theirs,
            and those between them may be blends.
    """
    picks = picked(len(known), len(frames))
    height = round(TILE_WIDTH * frames[0].height / frames[0].width)
    step_x, step_y = TILE_WIDTH + GAP, height + BAR + CAPTION + GAP
    rows = math.ceil(len(picks) / COLUMNS)
    size = (2 * MARGIN + COLUMNS * step_x - GAP, 2 * MARGIN + rows * step_y - GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    for n, (latent, frame) in enumerate(picks):
        corner = (MARGIN + n % COLUMNS * step_x, MARGIN + n // COLUMNS * step_y)
        _draw_tile(sheet, corner, frames[frame].resize((TILE_WIDTH, height), Image.Resampling.LANCZOS))
        _draw_caption(sheet, (corner[0], corner[1] + height), frame, known[latent])
    return sheet


def comparison(walks: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """Draw walks of equal length below one another, each under its title, with frames from the first to the last."""
    frames = next(iter(walks.values()))
    picks = [round(n * (len(frames) - 1) / (COMPARED - 1)) for n in range(COMPARED)]
    height = round(COMPARED_WIDTH * frames[0].height / frames[0].width)
    step_x, step_y = COMPARED_WIDTH + GAP, TITLE + height + GAP
    size = (2 * MARGIN + COMPARED * step_x - GAP, 2 * MARGIN + len(walks) * step_y - GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    for row, (title, walk) in enumerate(walks.items()):
        top = MARGIN + row * step_y
        draw.text((MARGIN, top + TITLE - 12), title, fill=TEXT, font=font, anchor="ls")
        for column, frame in enumerate(picks):
            tile = walk[frame].resize((COMPARED_WIDTH, height), Image.Resampling.LANCZOS)
            _draw_tile(sheet, (MARGIN + column * step_x, top + TITLE), tile)
    return sheet


def picked(latents: int, frames: int) -> list[tuple[int, int]]:
    """Return latent frame and video frame of each tile; all rows are full where there are enough of them."""
    count = min(COLUMNS * ROWS, latents)
    if count > COLUMNS:
        count -= count % COLUMNS
    chosen = [round(n * (latents - 1) / max(count - 1, 1)) for n in range(count)]
    return [(k, round(k * (frames - 1) / max(latents - 1, 1))) for k in chosen]


def _draw_tile(sheet: Image.Image, corner: tuple[int, int], tile: Image.Image) -> None:
    rounded = Image.new("L", (4 * tile.width, 4 * tile.height), 0)  # drawn larger, so that the corners come out smooth
    ImageDraw.Draw(rounded).rounded_rectangle((0, 0, *rounded.size), 4 * CORNER, fill=255)
    sheet.paste(tile, corner, rounded.resize(tile.size, Image.Resampling.LANCZOS))


def _draw_caption(sheet: Image.Image, corner: tuple[int, int], frame: int, known: float) -> None:
    draw = ImageDraw.Draw(sheet)
    left, top = corner[0], corner[1] + 6
    right = left + TILE_WIDTH - 1
    draw.rectangle((left, top, right, top + BAR - 1), fill=TRACK)
    if known > 0:
        draw.rectangle((left, top, left + round(known * (TILE_WIDTH - 1)), top + BAR - 1), fill=KNOWN)
    font = ImageFont.load_default(15)
    baseline = top + BAR + 18
    draw.text((left, baseline), f"frame {frame}", fill=DIM, font=font, anchor="ls")
    draw.text((right, baseline), f"{known:.0%} known", fill=TEXT, font=font, anchor="rs")
