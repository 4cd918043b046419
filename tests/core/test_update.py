"""Writing views: what is written and what is reported are the same tokens, on pictures of any size."""

import pytest
import torch
from synthetic_room import SETTINGS, SIZE, SPEC, Denoiser, K, begin, exact_depth, hit, last, on_grid, ramp, truth

from mirage_core import Cameras, Geometry, LatentMemory, MirageError, PointBlock, lift, splat
from mirage_core.coverage import coverage
from mirage_core.splatting import Views, project
from mirage_core.update import Estimate, UpdateSettings, aligned_to_memory, write_views
from mirage_core.walk import walk
from mirage_core.walk_report import expectation

CAMERA = Cameras(torch.eye(4)[None], K)
BEHIND = LatentMemory(SPEC, (PointBlock(torch.tensor([[0.0, 0.0, -9.0]]), torch.zeros(1, SPEC.channels)),))
# pictures whose height and width are no multiples of the grid, from hardly finer than it to much finer
ODD = [(9, 15), (10, 16), (13, 22), (17, 29), (37, 61), (35, 59), (100, 127)]


def cells_of(memory):
    """Which cells of the view the points of a memory fall into, all but the one behind it: bool ``(h, w)``."""
    xyz = torch.cat([block.xyz for block in memory.blocks[1:]])
    views = Views.of(CAMERA, SIZE, "center")
    u, v, _ = project(xyz, views)
    cells = torch.zeros(SIZE, dtype=torch.bool)
    cells[v.floor().long(), u.floor().long()] = True
    assert int(cells.sum()) == len(xyz)
    return cells


@pytest.mark.parametrize("size", ODD)
def test_every_token_is_written_or_reported(size):
    g = torch.Generator().manual_seed(sum(size))
    depth = 1.0 + torch.rand(1, *size, generator=g)
    depth[0, -(size[0] // 3) :, : size[1] // 4] = 0.0  # a hole that ends within tokens
    sky, person = torch.zeros(1, *size, dtype=torch.bool), torch.zeros(1, *size, dtype=torch.bool)
    sky[0, : size[0] // 5 + 1] = True
    person[0, size[0] // 2 : size[0] // 2 + 2, size[1] // 2 :] = True
    written, (report,), left_out = write_views(
        BEHIND,
        torch.randn(1, SPEC.channels, *SIZE, generator=g),
        Estimate(depth, {"sky": sky, "person": person}),
        CAMERA,
        0,
        UpdateSettings("append", "none"),
    )
    assert report.refused == "" and set(report.excluded) == {"sky", "person", "no depth"}
    assert torch.equal(cells_of(written), ~left_out[0])


def test_tokens_without_depth_are_counted_once():
    depth = torch.ones(1, 18, 30)
    depth[0, :4] = 0.0  # two rows of tokens, of which sky names one
    sky = torch.zeros(1, 18, 30, dtype=torch.bool)
    sky[0, :2] = True
    estimate = Estimate(depth, {"sky": sky})
    latents = torch.zeros(1, SPEC.channels, *SIZE)
    _, (report,), left_out = write_views(BEHIND, latents, estimate, CAMERA, 0, UpdateSettings("append", "none"))
    assert report.excluded == {"sky": 15, "no depth": 15}
    assert left_out[0, :2].all() and not left_out[0, 2:].any()


def test_a_token_that_fill_does_not_write_and_nobody_reports_is_known_already():
    path = ramp(0, 40)
    before, view = begin(path).memory, path[[8]]
    depth = hit(view, (37, 61))[0]
    written, (report,), left_out = write_views(before, truth(view), Estimate(depth), view, 1, UpdateSettings())
    shown = splat(written, view, SIZE)
    assert report.refused == "" and written.num_points > before.num_points
    assert bool((shown.known[0] | left_out[0]).all())


@pytest.mark.parametrize("size", ODD[2:])
def test_aligned_geometry_loses_the_tokens_that_contradict_and_no_others(size):
    memory = begin(ramp(0, 30)).memory
    depth = hit(CAMERA, size)[0]
    depth[0, : size[0] // 3, : size[1] // 4] = 0.3  # in front of the wall, ending within tokens
    geometry = Geometry(depth, CAMERA)
    aligned, (report,) = aligned_to_memory(geometry, memory, SIZE, UpdateSettings())
    lost = (geometry.pooled(SIZE)[0] > 0) & (aligned.pooled(SIZE)[0] == 0)
    shares = aligned.pooled(SIZE)[1]
    assert int(lost.sum()) == report.excluded["contradiction"] > 0
    assert bool((shares[lost] == 0).all()) and bool((shares[~lost] == 1).all())


def test_a_mask_of_tokens_leaves_out_just_these():
    depth = torch.ones(2, 37, 61)
    cameras = Cameras(torch.eye(4).repeat(2, 1, 1), K)
    exclude = torch.rand(2, *SIZE, generator=torch.Generator().manual_seed(0)) > 0.5
    latents = torch.arange(2 * 9 * 15.0).view(2, 1, *SIZE)
    for pooling in ("median", "bilinear"):
        block = lift(latents, Geometry(depth, cameras), exclude=exclude, pooling=pooling)
        assert torch.equal(block.features[:, 0], latents[:, 0][~exclude])
    with pytest.raises(MirageError, match=r"exclude: must be bool \(2, 37, 61\) like depth, or \(2, 9, 15\) like lat"):
        lift(latents, Geometry(depth, cameras), exclude=exclude[:, 1:])


@pytest.mark.parametrize("anchor", ["center", "corner"])
def test_what_the_memory_shows_may_be_handed_to_fill(anchor):
    path = ramp(0, 30)
    memory, views = begin(path).memory, path[[4, 9]]
    block = lift(truth(views), Geometry(hit(views, (36, 60))[0], views), token_anchor=anchor)
    shown = splat(memory, views, SIZE, token_anchor=anchor).depth
    ours, expected = memory.insert(block, cameras=views, shown=shown), memory.insert(block, cameras=views)
    assert torch.equal(ours.column("xyz"), expected.column("xyz"))
    nothing = memory.insert(block, cameras=views, shown=torch.zeros_like(shown))
    assert nothing.num_points > expected.num_points
    with pytest.raises(MirageError, match=r"shown: must be \(2, 9, 15\); got float32 \(2, 8, 15\)"):
        memory.insert(block, cameras=views, shown=shown[:, 1:])


class Reader:
    """Reads as ``splat`` does, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, memory, cameras, size):
        self.asked.append((len(cameras), size))
        return splat(memory, cameras, size)


def test_whatever_reads_the_memory_reads_it_as_it_is_told(monkeypatch):
    path = ramp(0, 60, 120)
    state = begin(path)
    expected = last(walk(state, on_grid(path), SETTINGS, Denoiser(invents=True), exact_depth))
    geometry = Geometry(hit(path[[4]], (36, 60))[0], path[[4]])
    for module in ("coverage", "update", "walk"):  # nothing is read in another way
        monkeypatch.setattr(f"mirage_core.{module}.splat", None)
    read = Reader()
    ours = last(walk(state, on_grid(path), SETTINGS, Denoiser(invents=True), exact_depth, read=read))
    assert torch.equal(ours.latents, expected.latents)
    # per chunk: once for request and references, once for each view that is written, once for what those then see
    assert [count for count, _ in read.asked] == [5, *[1] * 5, 5, 5, *[1] * 4, 4]
    for reader in (
        lambda read: coverage(state.memory, on_grid(path), read=read),
        lambda read: expectation(state, on_grid(path), SETTINGS, read=read),
        lambda read: aligned_to_memory(geometry, state.memory, SIZE, SETTINGS.update, read=read),
    ):
        read = Reader()
        reader(read)
        assert read.asked and {size for _, size in read.asked} == {SIZE}
