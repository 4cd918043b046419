"""True pixels: the pictures that a memory was written from, seen from other cameras where the memory shows them.

The memory decides what is seen, the pictures give the detail. A pixel of a picture counts where the token that it
belongs to is in the memory; it is shown where the token that a camera sees was written from its picture. So what was
kept out of the memory stays out, what the memory shows in front of a picture hides it, and pictures whose depths differ
a little do not shine through each other.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .cameras import Cameras
from .conventions import MIN_DEPTH, NO_POINT
from .devices import working_device
from .errors import MirageError, check_shape, describe
from .geometry import Geometry, depth_envelope, token_crop, token_mask_pixels, token_pixels
from .lifting import lift, unprojected
from .memory import LatentMemory, LatentSpec
from .readout import Read, Readout, splat
from .splatting import Views, project

SAME = 2.0**-10  # of rotations, and of the median depth: poses that differ by less are one
CENTRED = 2.0**-8  # of a token: nearer to its centre only stands what was lifted there, to float32's precision
BEYOND = 2.0**-4  # of the depth that tokens show: a pixel clearly behind them is seen through a gap between pixels
FINER = (1, 2, 3, 4)  # times the size of what was encoded that pictures can have
LEVELS = 4  # of halved pictures, for what is seen from farther away


@dataclass(frozen=True, eq=False)
class TruePixels:
    """What one camera sees of the pictures; 0 where ``known`` is False.

    Attributes:
        colours: ``(H, W, 3)``.
        known: bool ``(H, W)``.
        depth: ``(H, W)`` scene units.
    """

    colours: Tensor
    known: Tensor
    depth: Tensor


@dataclass(frozen=True, eq=False)
class SourcePictures:
    """V pictures that wrote a memory, ready to be seen.

    Attributes:
        spatial: pixels of a token in the video.
        cameras: of the V pictures.
        levels: the pictures ``(V, 3, H, W)``, and each time halved.
        picture: int64 ``(N,)``, which of them each point of the memory was written from, -1 = none.
        pixels: one memory per picture, of one point per pixel of its tokens.
    """

    spatial: int
    cameras: Cameras
    levels: tuple[Tensor, ...]
    picture: Tensor
    pixels: tuple[LatentMemory, ...]

    @classmethod
    def of(cls, memory: LatentMemory, pictures: Tensor, geometry: Geometry, *, read: Read = splat) -> "SourcePictures":
        """Find out which points of a memory were written from pictures, and place the pixels of their tokens.

        Of pictures that were taken by one camera the first is used, and those whose camera wrote nothing are not.

        Args:
            pictures: ``(B, H, W, 3)``, 0..1: one per view of ``geometry``, or all video frames of a video of which
                ``geometry`` has the latent frames. Like ``geometry`` they are cut to whole tokens at the centre.
            geometry: depth and cameras that the tokens were lifted with. Both may be finer than what was encoded, by a
                whole factor.
            read: how the memory is read.

        Raises:
            MirageError: the memory is empty, numbers or sizes differ, or no point was written from the pictures.
        """
        memory.require_points()
        here = working_device(memory.device)
        token, pictures, geometry = _as_encoded(memory, pictures, geometry)
        picture = torch.full((memory.num_points,), NO_POINT, device=here)  # int64 (N,)
        views, pixels = [], []
        for view, number in enumerate(_frames_of(geometry, memory)):
            one = _on(geometry[[view]], here)
            written, own = _written(memory, one, number, token)
            if bool(written.any()):
                picture[written] = len(views)
                shown = _pixels_shown(read(memory, one.cameras, tuple(own.shape)).to(here), written, own, one)
                pixels.append(_placed(one, shown))
                views.append(view)
        levels = _halved(pictures[views].movedim(-1, 1).to(here))
        return cls(memory.spec.spatial, geometry.cameras[views], levels, picture, tuple(pixels))

    def seen(self, camera: Cameras, tokens: Readout, *, read: Read = splat) -> TruePixels:
        """What one camera sees of the pictures.

        Args:
            camera: one, with the shape of the video.
            tokens: what it sees of the memory, one view.
            read: how the pixels are read.

        Depth is splatted and colours are sampled where it lands, so that a camera that moves by parts of a pixel makes
        no steps; from farther away the pictures are sampled at half their size, and so on.
        """
        here = self.picture.device
        tokens = tokens.to(here)
        picture = torch.where(tokens.known[0], self.picture[tokens.point[0].clamp(min=0)], NO_POINT)  # int64 (h, w)
        farthest = self._pixels_of(depth_envelope(tokens.depth[0])[1]) * (1.0 + BEYOND)  # (H, W)
        depth = torch.zeros_like(farthest)
        colours = depth.new_zeros(*depth.shape, 3)
        for number in picture[picture != NO_POINT].unique().tolist():
            readout = read(self.pixels[number], camera, tuple(depth.shape)).to(here)
            mine = self._pixels_of(picture == number) & readout.known[0] & (readout.depth[0] <= farthest)
            colours[mine] = self._sampled(number, camera.to(here), readout, mine)
            depth[mine] = readout.depth[0][mine]
        return TruePixels(colours, depth > 0.0, depth)

    def _pixels_of(self, tokens: Tensor) -> Tensor:
        """``(h, w)`` values of tokens as ``(H, W)`` of their pixels."""
        return tokens.repeat_interleave(self.spatial, 0).repeat_interleave(self.spatial, 1)

    def _sampled(self, number: int, camera: Cameras, readout: Readout, where: Tensor) -> Tensor:
        """Colours ``(M, 3)`` of a picture at what the pixels of a view show.

        Args:
            readout: of the picture's pixels, one view.
            where: bool ``(H, W)``, the M pixels.
        """
        xyz = unprojected(readout.depth, camera, "center")[0][where]  # (M, 3)
        x, y, _ = project(xyz, Views.of(self.cameras[number], (1, 1), "center").to(xyz.device))  # (M,) 0..1 inside
        places = torch.stack([x, y], dim=-1) * 2.0 - 1.0
        level = (-readout.scale[0][where].log2()).clamp(0.0, len(self.levels) - 1.0)  # (M,)
        colours = torch.zeros_like(xyz)
        for halvings, pictures in enumerate(self.levels):
            share = (1.0 - (level - halvings).abs()).clamp(min=0.0)
            some = share > 0.0
            colours[some] += _at(pictures[[number]], places[some]) * share[some, None]
        return colours


def _at(picture: Tensor, places: Tensor) -> Tensor:
    """Colours ``(M, 3)`` of a picture ``(1, 3, H, W)`` at places ``(M, 2)``, -1..1 from edge to edge."""
    sampled = F.grid_sample(picture, places[None, None], mode="bilinear", padding_mode="border", align_corners=False)
    return sampled[0, :, 0].T


def _halved(pictures: Tensor) -> tuple[Tensor, ...]:
    levels = [pictures.float()]
    while len(levels) < LEVELS and min(levels[-1].shape[-2:]) >= 2:
        levels.append(F.adaptive_avg_pool2d(levels[-1], [n // 2 for n in levels[-1].shape[-2:]]))
    return tuple(levels)


def _as_encoded(memory: LatentMemory, pictures: Tensor, geometry: Geometry) -> tuple[int, Tensor, Geometry]:
    """Pixels of a token in the pictures; the pictures ``(V, H, W, 3)``, and their geometry, in whole tokens."""
    pictures = _one_per_view(pictures, geometry, memory.spec)
    deep = geometry.valid.flatten(1).any(dim=1).nonzero().squeeze(1).tolist()  # not those that no memory took
    pictures, geometry = pictures[deep], geometry[deep]
    size, best, most = tuple(pictures.shape[1:3]), None, 0
    tokens = [memory.spec.spatial * factor for factor in FINER]
    whole = {token: tuple(n // token * token for n in size) for token in tokens}
    fitting = [token for token in tokens if 0 not in whole[token] and geometry.image_size in (size, whole[token])]
    if not fitting:
        (H, W), (height, width) = geometry.image_size, size
        raise MirageError(
            f"pictures: must have the size of their geometry, {W} x {H} pixels; got {width} x {height}. Connect the "
            "pictures that depth was estimated on."
        )
    for token in fitting:
        cut = geometry.cropped_to_tokens(tuple(n // token for n in size), token)
        views = (_on(cut[[view]], working_device(memory.device)) for view in range(len(cut)))
        numbered = zip(views, _frames_of(cut, memory), strict=True)
        count = sum(int(_written(memory, one, number, token)[0].sum()) for one, number in numbered)
        if count and count >= most:  # tokens three times as wide have their centres in common with every ninth
            best, most = (token, cut), count
    if best is None:
        raise MirageError(
            f"pictures, geometry: must be what the memory was written from; none of its {memory.num_points} points "
            f"was written from one of these {len(geometry)} views. Connect the pictures that were encoded, and "
            "the geometry that Lift Latents to 3D was given, or the one that it gives."
        )
    token, cut = best
    rows, columns = token_crop(size, token)
    return token, pictures[:, rows, columns], cut


def _one_per_view(pictures: Tensor, geometry: Geometry, spec: LatentSpec) -> Tensor:
    """Pictures ``(V, H, W, 3)`` of the V views of a geometry."""
    check_shape("pictures", pictures, "(B, H, W, 3)", (None, None, None, 3))
    if not isinstance(geometry, Geometry):
        raise MirageError(f"geometry: must be a Geometry; got {describe(geometry)}.")
    if len(pictures) == spec.timing.frames_of(len(geometry)) != len(geometry):
        pictures = pictures[list(spec.timing.stands_at(len(pictures)))]
    if len(pictures) != len(geometry):
        raise MirageError(f"pictures: must be one per view of geometry, {len(geometry)}; got {len(pictures)}.")
    return pictures


def _on(geometry: Geometry, device: torch.device) -> Geometry:
    return Geometry(geometry.depth.to(device), geometry.cameras, geometry.valid.to(device))


def _placed(view: Geometry, shown: Tensor) -> LatentMemory:
    """Some pixels of a view, bool ``(1, H, W)``, as points; what they carry is not used."""
    view = Geometry(view.depth, view.cameras, view.valid & shown)
    return LatentMemory(LatentSpec(1, 1)).insert(lift(view.depth.unsqueeze(1), view), policy="append")


def _frames_of(geometry: Geometry, memory: LatentMemory) -> list[int | None]:
    """The latent frame under which each view was written first; None if it was not, or if an earlier view
    has its camera."""
    poses = geometry.cameras.on_cpu.cam2world
    limits = poses.new_full((4, 4), SAME)
    limits[:3, 3] *= geometry.median_depth
    wrote = memory.keyframes.cameras.on_cpu.cam2world if len(memory.keyframes) else poses[:0]

    def first(pose: Tensor, among: Tensor) -> int | None:
        same = ((among - pose).abs() <= limits).flatten(1).all(dim=1).nonzero()
        return int(same[0]) if len(same) else None

    places = [first(pose, wrote) if first(pose, poses) == view else None for view, pose in enumerate(poses)]
    return [None if place is None else memory.keyframes.frames[place] for place in places]


def _written(memory: LatentMemory, view: Geometry, number: int | None, token: int) -> tuple[Tensor, Tensor]:
    """Which points were written from a view, bool ``(N,)``, and at which of its tokens, bool ``(h, w)``.

    The points carry its number, stand at a token's centre and at a depth that the token's pixels have. Numbers alone do
    not tell: two pictures may have been lifted with the same one.

    Args:
        number: of the view's latent frame, None = it wrote nothing.
        token: pixels of one in the view.
    """
    here = view.depth.device
    h, w = (n // token for n in view.image_size)
    own = torch.zeros(h * w, dtype=torch.bool, device=here)
    if number is None:
        return own.new_zeros(memory.num_points), own.view(h, w)
    depths = token_pixels(torch.where(view.valid, view.depth, torch.nan), (h, w))[0].flatten(0, 1)  # (h w, P)
    near = depths.nan_to_num(torch.inf).amin(dim=1) * (1.0 - SAME)
    far = depths.nan_to_num(0.0).amax(dim=1) * (1.0 + SAME)  # 0, before infinity, if a token has none
    u, v, z = project(memory.column("xyz").to(here), Views.of(view.cameras, (h, w), "center").to(here))  # (N,)
    column, row = u.floor(), v.floor()
    inside = (z >= MIN_DEPTH) & (column >= 0) & (column < w) & (row >= 0) & (row < h)
    cell = (row.clamp(0, h - 1) * w + column.clamp(0, w - 1)).long()
    centred = torch.maximum((u - column - 0.5).abs(), (v - row - 0.5).abs()) <= CENTRED
    deep = (z >= near[cell]) & (z <= far[cell])
    written = inside & centred & deep & (memory.column("frame").to(here) == number)
    own[cell[written]] = True
    return written, own.view(h, w)


def _pixels_shown(seen: Readout, written: Tensor, own: Tensor, view: Geometry) -> Tensor:
    """Pixels of a view that stand behind the memory's tokens: bool ``(1, H, W)``.

    All of a token that was written; and where only its neighbour is left, grown over it when the memory was made
    smaller, those at the depths of the neighbours.

    Args:
        seen: what the view sees of the memory.
        written, own: as ``_written`` returns them.
    """
    grown = seen.known[0] & written[seen.point[0].clamp(min=0)] & ~own
    near, far = depth_envelope(seen.depth[0])
    own, grown, near, far = (token_mask_pixels(values, view.image_size) for values in (own, grown, near, far))
    within = (view.depth[0] >= near * (1.0 - BEYOND)) & (view.depth[0] <= far * (1.0 + BEYOND))
    return (own | grown & within).unsqueeze(0)
