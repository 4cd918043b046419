"""The pixels of the pictures that a memory was written from, where the memory shows them."""

import pytest
import torch
from synthetic_room import SIZE, SPATIAL, SPEC, H, K, W, hit, paint, truth, turning

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, MirageError, lift, splat
from mirage_core.true_pixels import SourcePictures

HERE = turning([0.0])


def colours(cameras, size=(H, W)):
    """The room in colours ``(T, H, W, 3)``, and its depth ``(T, H, W)``."""
    depth, places = hit(cameras, size)
    return paint(places)[:, :3].movedim(1, -1) * 0.4 + 0.5, depth


def written(memory, cameras, number=0, **options):
    """A memory with the room's latents of some views, and pictures and geometry of the views."""
    pictures, depth = colours(cameras)
    geometry = Geometry(depth, cameras)
    frames = torch.full((len(cameras),), number)
    block = lift(truth(cameras), geometry, frames=frames, **options)
    return memory.insert(block, cameras=cameras), pictures, geometry


def seen(memory, sources, camera):
    return sources.seen(camera, splat(memory, camera, SIZE))


def moved(x=0.0, z=0.0, degrees=0.0):
    camera = turning([degrees])
    cam2world = camera.cam2world.clone()
    cam2world[:, :3, 3] = torch.tensor([x, 0.0, z])
    return Cameras(cam2world, K)


def tokens_of(pixels):
    """``(H, W)`` by token: ``(h, w, pixels)``."""
    return pixels.unfold(0, SPATIAL, SPATIAL).unfold(1, SPATIAL, SPATIAL).flatten(2)


def test_from_its_own_camera_a_picture_is_itself():
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE)
    pictures = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(0))
    view = seen(memory, SourcePictures.of(memory, pictures, geometry), HERE)
    assert view.known.all()
    torch.testing.assert_close(view.colours, pictures[0], atol=1e-3, rtol=0)
    torch.testing.assert_close(view.depth, geometry.depth[0])


def test_from_another_camera_the_pixels_are_those_of_the_world():
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE)
    camera = moved(x=0.3, z=0.5, degrees=4.0)
    view = seen(memory, SourcePictures.of(memory, pictures, geometry), camera)
    wanted, depth = colours(camera)
    assert view.known.float().mean() > 0.9
    assert (view.colours - wanted[0])[view.known].abs().max() < 0.03
    assert (view.depth / depth[0] - 1.0)[view.known].abs().max() < 0.05
    assert not view.colours[~view.known].any() and not view.depth[~view.known].any()


def test_a_camera_that_moves_by_a_quarter_of_a_pixel_moves_the_picture_by_that():
    depth = torch.full((1, H, W), 2.0)
    geometry = Geometry(depth, HERE)
    memory = LatentMemory(SPEC).insert(lift(truth(HERE), geometry), cameras=HERE)
    ramp = (torch.arange(W) / W)[None, None, :, None].expand(1, H, W, 3)
    step = 0.25 * 2.0 / float(HERE.K[0, 0, 0]) / W  # scene units, at the wall
    view = seen(memory, SourcePictures.of(memory, ramp, geometry), moved(x=step))
    shift = (view.colours[:, :, 0] - ramp[0, :, :, 0])[:, 2:-2] * W
    torch.testing.assert_close(shift, torch.full_like(shift, 0.25), atol=1e-3, rtol=0)


def test_from_far_away_a_fine_pattern_is_its_mean():
    depth = torch.full((1, H, W), 1.0)
    memory = LatentMemory(SPEC).insert(lift(truth(HERE), Geometry(depth, HERE)), cameras=HERE)
    stripes = (torch.arange(W) % 2.0)[None, None, :, None].expand(1, H, W, 3)
    view = seen(memory, SourcePictures.of(memory, stripes, Geometry(depth, HERE)), moved(z=-1.0))
    inner = view.colours[H // 2 - 4 : H // 2 + 4, W // 2 - 8 : W // 2 + 8]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5))


def test_what_was_kept_out_of_the_memory_stays_out_of_the_pictures():
    exclude = torch.zeros(1, *SIZE, dtype=torch.bool)
    exclude[:, 2:5, 4:7] = True
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE, exclude=exclude)
    near = geometry.depth.clone()
    near[:, 2 * SPATIAL : 5 * SPATIAL, 4 * SPATIAL : 7 * SPATIAL] = 0.5  # a person before the wall, red
    pictures[:, 2 * SPATIAL : 5 * SPATIAL, 4 * SPATIAL : 7 * SPATIAL] = torch.tensor([9.0, 0.0, 0.0])
    sources = SourcePictures.of(memory, pictures, Geometry(near, HERE))
    at_home = tokens_of(seen(memory, sources, HERE).known)
    assert torch.equal(at_home.any(dim=-1), ~exclude[0]) and torch.equal(at_home.all(dim=-1), ~exclude[0])
    aside = seen(memory, sources, moved(x=0.5))
    assert aside.known.float().mean() > 0.5 and aside.colours.max() < 1.5  # a border pixel is sampled with the red


def test_what_the_memory_shows_in_front_of_a_picture_hides_it():
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE)
    depth = torch.full((1, H, W), 1.0)
    depth[:, :, : W // 2] = 0.0
    new = lift(truth(HERE) + 5.0, Geometry(depth, HERE), frames=torch.tensor([4]))
    changed = memory.insert(new, policy="append", cameras=HERE)
    sources = SourcePictures.of(changed, pictures, geometry)
    assert torch.equal(sources.picture, torch.cat([torch.zeros(memory.num_points), -torch.ones(len(new))]).long())
    for camera in (HERE, moved(x=0.2)):
        tokens = splat(changed, camera, SIZE)
        shown = tokens_of(sources.seen(camera, tokens).known)
        theirs = tokens.point[0] >= memory.num_points
        assert theirs.float().mean() > 0.3 and not shown[theirs].any()
        assert shown[tokens.known[0] & ~theirs].float().mean() > 0.85


def test_pixels_behind_what_is_shown_do_not_shine_through_its_gaps():
    """A lattice before a wall: every second column of pixels has a depth, and the tokens of the lattice are closed."""
    depth = torch.full((1, H, W), 3.0)
    depth[:, :, : W // 2] = 1.0
    depth[:, :, 1 : W // 2 : 2] = 0.0
    geometry = Geometry(depth, HERE)
    memory = LatentMemory(SPEC).insert(lift(truth(HERE), geometry), cameras=HERE)
    pictures = torch.zeros(1, H, W, 3)
    pictures[:, :, W // 2 :] = 1.0  # the wall is white
    camera = moved(x=-13.0 / (0.7 * W))  # the lattice moves before the wall, by whole pixels
    tokens = splat(memory, camera, SIZE)
    sources = SourcePictures.of(memory, pictures, geometry)
    view = sources.seen(camera, tokens)
    behind = splat(sources.pixels[0], camera, (H, W)).depth[0] > 2.0
    inside = torch.nn.functional.max_pool2d(tokens.depth, 3, 1, 1)[0] < 2.0
    inside = inside.repeat_interleave(SPATIAL, 0).repeat_interleave(SPATIAL, 1)
    assert int((behind & inside).sum()) > 20 and not view.known[behind & inside].any()
    assert view.known[behind & ~inside].float().mean() > 0.9


def test_two_pictures_with_one_number_are_told_apart():
    memory, first, geometry = written(LatentMemory(SPEC), HERE)
    aside = turning([35.0])
    memory, second, other = written(memory, aside)
    count = memory.blocks[0].frame.shape[0]
    both = Geometry(torch.cat([geometry.depth, other.depth]), Cameras.concatenated([HERE, aside]))
    sources = SourcePictures.of(memory, torch.cat([first * 0.0, second]), both)
    assert torch.equal(sources.picture, (torch.arange(memory.num_points) >= count).long())
    view = seen(memory, sources, aside)
    dark = view.known & (view.colours.amax(dim=-1) == 0)
    assert 0.2 < dark.float().mean() < 0.9
    torch.testing.assert_close(view.colours[view.known & ~dark], second[0][view.known & ~dark], atol=1e-3, rtol=0)


def test_a_memory_made_smaller_still_shows_its_pictures():
    exclude = torch.zeros(1, *SIZE, dtype=torch.bool)
    exclude[:, :, 6:9] = True
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE, exclude=exclude)
    depth = geometry.depth.clone()
    depth[:, :, 6 * SPATIAL : 9 * SPATIAL] = 0.5
    small = memory.prune(memory.nbytes // 3)
    sources = SourcePictures.of(small, pictures, Geometry(depth, HERE))
    view = seen(small, sources, HERE)
    known = splat(small, HERE, SIZE).known[0] & ~exclude[0]
    assert tokens_of(view.known)[known].float().mean() > 0.9
    assert float(view.depth[view.known].min()) > 0.6  # nothing of what was kept out


def test_all_frames_of_a_video_serve_for_its_latent_frames():
    cameras = turning([float(n) for n in range(9)])
    pictures, depth = colours(cameras)
    latent = Geometry(depth, cameras).at_latent_frames(SPEC.timing)
    memory = LatentMemory(SPEC).insert(lift(truth(latent.cameras), latent), cameras=latent.cameras)
    sources = SourcePictures.of(memory, pictures, latent)
    assert len(sources.cameras) == len(sources.pixels) == 3
    torch.testing.assert_close(sources.levels[0], pictures[[0, 4, 8]].movedim(-1, 1))
    every = SourcePictures.of(memory, pictures, Geometry(depth, cameras))
    assert torch.equal(every.picture, sources.picture) and torch.equal(every.levels[0], sources.levels[0])


def test_of_pictures_by_one_camera_the_first_counts():
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE)
    twice = Geometry(geometry.depth.repeat(2, 1, 1), Cameras.concatenated([HERE, HERE]))
    sources = SourcePictures.of(memory, torch.cat([pictures, pictures * 0.0]), twice)
    torch.testing.assert_close(sources.levels[0], pictures.movedim(-1, 1))


def test_a_picture_is_cut_to_whole_tokens_like_its_depth():
    cameras = HERE.cropped((H, W), 0, 0, H, W)
    memory, pictures, geometry = written(LatentMemory(SPEC), cameras)
    pad = torch.nn.functional.pad
    wide = pad(pictures, (0, 0, 1, 1))
    sources = SourcePictures.of(memory, wide, geometry)
    assert torch.equal(sources.levels[0], pictures.movedim(-1, 1))


@pytest.mark.parametrize("factor", [2, 3])
def test_pictures_may_be_finer_than_what_was_encoded(factor):
    """As in the first of two stages."""
    fine = (H * factor, W * factor)
    pictures, depth = colours(HERE, fine)
    geometry = Geometry(depth, HERE)
    memory = LatentMemory(SPEC).insert(lift(truth(HERE), geometry), cameras=HERE)
    sources = SourcePictures.of(memory, pictures, geometry)
    assert sources.pixels[0].num_points == fine[0] * fine[1] and (sources.picture == 0).all()
    view = seen(memory, sources, HERE)
    assert view.known.all() and view.colours.shape == (H, W, 3)
    torch.testing.assert_close(view.colours, colours(HERE)[0][0], atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, g: (p[:, :, :-SPATIAL], g), rf"pictures: must have the size of their geometry, {W} x {H} pixels"),
        (lambda p, g: (p.repeat(2, 1, 1, 1), g), "pictures: must be one per view of geometry, 1; got 2"),
        (lambda p, g: (p[..., 0], g), r"pictures: must be \(B, H, W, 3\)"),
        (lambda p, g: (p, Geometry(g.depth, turning([50.0]))), "none of its 135 points was written from one of these"),
        (lambda p, g: (p, Geometry(g.depth * 1.5, g.cameras)), "none of its 135 points was written from one of these"),
    ],
)
def test_pictures_that_the_memory_was_not_written_from_are_refused(change, message):
    memory, pictures, geometry = written(LatentMemory(SPEC), HERE)
    with pytest.raises(MirageError, match=message):
        SourcePictures.of(memory, *change(pictures, geometry))


def test_an_empty_memory_is_refused():
    _, pictures, geometry = written(LatentMemory(SPEC), HERE)
    with pytest.raises(MirageError, match="memory: must hold points"):
        SourcePictures.of(LatentMemory(LatentSpec(8, SPATIAL, 4)), pictures, geometry)
