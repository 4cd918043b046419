"""Sparse points that a camera file brings along."""

from pathlib import Path

from ..mirage_core.camera_files import CameraFile
from ..mirage_core.camera_files.colmap_points import read_sparse_points
from ..mirage_core.sparse_points import SparsePoints


def points_beside(path: Path, found: CameraFile, cameras: int, scale: float) -> tuple[SparsePoints, list[str]]:
    """What the cameras see of the file's sparse points, and what is said of them."""
    if found.format != "colmap":
        return SparsePoints.none(cameras), []
    points = read_sparse_points(path, found.cameras).scaled(scale)
    if not points.count:
        return SparsePoints.none(cameras), []
    if len(points) != cameras:
        return SparsePoints.none(cameras), ["sparse points: left out, as frames is not 0: they belong to the pictures"]
    fewest = min(map(len, points.views))
    return points, [f"sparse points: {points.count:,} in all pictures, at least {fewest:,} in each"]
