"""What all pictures have in common: colours, type, width and margins."""

from PIL import Image, ImageDraw, ImageFont

WIDTH, MARGIN, TITLE = 1080, 32, 30  # pixels: a picture, its border, the height of a title
TEXT_SIZE, SMALL_SIZE = 15, 12  # pixels
BACKGROUND, GROUND, TRACK = "#14161a", "#1c1f25", "#2b3037"  # a picture, a map in it, and what a bar or curve lies on
TEXT, DIM = "#e6e8eb", "#8b929c"
TEAL, BLUE, AMBER, VIOLET = "#3fb8a5", "#6c8cff", "#d9a441", "#b07ce8"
YELLOW, CORAL = "#f4d35e", "#e0795a"


def blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty picture, and what draws on it."""
    picture = Image.new("RGB", (width, height), BACKGROUND)
    return picture, ImageDraw.Draw(picture)


def font(size: int = TEXT_SIZE) -> ImageFont.ImageFont:
    return ImageFont.load_default(size)
