"""Three real pictures with sensor depth (tests/data says where they are from), each in a scale of its own."""

import pytest
import torch
from real_rgbd import read

from mirage_core import LatentMemory
from mirage_core.sparse_points import SparsePoints
from mirage_core.update import Estimate, UpdateSettings
from mirage_core.views import BY_MEMORY, BY_POINTS, SEEN_THROUGH, views_to_memory

FACTORS = torch.tensor([1.0, 0.55, 1.9])
TOGETHER = ("hololens_dining", "icl_livingroom", "apc_shelf")  # sets whose pictures show much of the same


def written(walk, points=None, **settings):
    estimated = Estimate(walk.geometry.depth * FACTORS[:, None, None])
    cameras = walk.geometry.cameras
    memory = LatentMemory(walk.spec)
    return views_to_memory(memory, walk.latents, estimated, cameras, UpdateSettings(**settings), points)


def errors(made, walk):
    """Median error of the depth of each picture that was written."""
    true = walk.geometry
    both = made.geometry.valid & true.valid
    pairs = zip(made.geometry.depth, true.depth, both, strict=True)
    return [float((ours / theirs - 1.0)[where].abs().median()) for ours, theirs, where in pairs if bool(where.any())]


def sparse(walk, each=100, noise=0.01):
    """Points as a reconstruction finds them: a hundred in each picture, one in ten of them wrong."""
    g = torch.Generator().manual_seed(0)
    views = []
    for depth, K in zip(walk.geometry.depth, walk.geometry.cameras.K, strict=True):
        rows, columns = depth.nonzero()[torch.randperm(int((depth > 0).sum()), generator=g)[:each]].T
        H, W = depth.shape
        places = torch.stack([(columns + 0.5) / W, (rows + 0.5) / H, torch.ones(each)], dim=1)
        z = depth[rows, columns] * (1.0 + noise * torch.randn(each, generator=g))
        z[::10] *= 2.0
        views.append(places @ torch.linalg.inv(K).T * z[:, None])
    return SparsePoints(tuple(views))


@pytest.mark.parametrize("name", TOGETHER)
def test_real_pictures_come_to_one_scale(name):
    walk = read(name, 16)
    made = written(walk)
    assert [one.by for one in made.aligned[1:]] == [BY_MEMORY] * 2
    assert not any(report.refused for report in made.reports)
    assert max(errors(made, walk)) < 0.05
    assert max(errors(written(walk, fit="none"), walk)) > 0.4


@pytest.mark.parametrize("name", [*TOGETHER, "hololens_hall_revisit"])
def test_sparse_points_need_nothing_in_common(name):
    walk = read(name, 16)
    made = written(walk, sparse(walk))
    assert [one.by for one in made.aligned] == [BY_POINTS] * 3
    assert max(errors(made, walk)) < 0.02


@pytest.mark.parametrize("name", TOGETHER)
def test_hardly_anything_of_a_still_room_is_taken_for_moving(name):
    walk = read(name, 16)
    made = written(walk, sparse(walk))
    tokens = int((walk.geometry.pooled(walk.size)[0] > 0).sum())
    gone = sum(report.excluded.get(SEEN_THROUGH, 0) for report in made.reports)
    assert gone < 0.03 * tokens
