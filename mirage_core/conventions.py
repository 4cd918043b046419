"""The conventions of the whole package, stated once; everything else cites this file.

Axes      OpenCV: x right, y down, z forward. ``cam2world`` maps camera points to world points.
Lengths   scene units; metric only where the depth was metric. ``depth`` is distance along the optical axis.
K         normalised by picture size: row 0 by the width, row 1 by the height, so ``(0, 0)`` is the top left corner of
          the picture, ``(1, 1)`` the bottom right one, and one K serves pixels and tokens.
Tokens    column ``j``, row ``i`` of an ``(h, w)`` grid is centred at ``((j + 0.5) / w, (i + 0.5) / h)``; a point falls
          into its cell by ``floor``. ``token_anchor="corner"`` is the convention of the published code: the token sits
          at ``(j / w, i / h)`` and a point goes to the nearest one (ties of ``round`` to even).
Depth     0 means "no depth here"; equal depths go to the lower point index.
Video     latent frame 0 holds video frame 0 alone; latent frame ``k`` holds video frames ``(k - 1) s + 1 .. k s`` at
          temporal stride ``s``, and its camera is that of video frame ``k s``.
"""

MIN_DEPTH = 2.0**-10  # scene units; nearer points are behind or on the camera. A power of two: exact in every dtype
NO_POINT = -1

TOKEN_ANCHORS = ("center", "corner")


def anchor_offset(token_anchor: str) -> float:
    """Where in its cell a token sits, in cells from the cell's top left corner."""
    return 0.5 if token_anchor == "center" else 0.0
