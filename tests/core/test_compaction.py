"""How points are cut into blocks."""

import torch

from mirage_core import PointBlock
from mirage_core.compaction import BLOCK_POINTS, cut


def test_a_block_holds_neighbours_in_the_order_in_which_they_came():
    """Eight corners of a cube, half a block of points at each, which come in turn, the last corner first."""
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)  # (8, 3)
    xyz = corners.flip(0).repeat(BLOCK_POINTS // 2, 1)
    points = PointBlock(xyz, torch.zeros(len(xyz), 2), frame=torch.arange(len(xyz)))
    blocks = cut(points)
    assert [len(block) for block in blocks] == [BLOCK_POINTS] * 4
    for block, (y, z) in zip(blocks, [(0, 0), (1, 0), (0, 1), (1, 1)], strict=True):  # x changes fastest on the curve
        expected = ((xyz[:, 1] == y) & (xyz[:, 2] == z)).nonzero().squeeze(1)
        assert torch.equal(block.frame.long(), expected)
        assert torch.equal(block.xyz, xyz[expected])
