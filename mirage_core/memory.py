"""The memory: an immutable value made of blocks of points, and the views that wrote them."""

from dataclasses import dataclass, field, replace
from numbers import Integral

import torch
from torch import Tensor

from .cameras import Cameras, check_similarity
from .compaction import check_locked_fit, compacted, pruned
from .devices import resolved
from .errors import MirageError, check_choice, check_number, describe
from .insertion import append, fill, refresh
from .keyframes import Keyframes
from .points import STORES, PointBlock
from .timing import Timing

POLICIES = ("fill", "append", "refresh")


@dataclass(frozen=True)
class LatentSpec:
    """Which latents a memory holds: channels, pixels per token, video frames per latent frame, and the format's name.

    An empty name means "not known" and agrees with every name. ``clip``: latent frames after which the format begins
    anew with a single video frame, 0 = never; see timing.py.
    """

    channels: int
    spatial: int
    temporal: int = 1
    name: str = ""
    clip: int = 0

    def __post_init__(self):
        for name, least in (("channels", 1), ("spatial", 1), ("temporal", 1), ("clip", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise MirageError(f"{name}: must be a whole number of at least {least}; got {value!r}.")
        if not isinstance(self.name, str):
            raise MirageError(f"name: must be text that names the latents; got {describe(self.name)}.")

    def agrees(self, other: "LatentSpec") -> bool:
        same = replace(self, name="") == replace(other, name="")
        return same and (not self.name or not other.name or self.name == other.name)

    def __str__(self) -> str:
        return f"{self.name or 'unnamed'}, {self.channels} channels, {self.spatial} px, {self.temporal} frames"

    @property
    def timing(self) -> Timing:
        """Which video frames its latent frames stand for."""
        return Timing(self.temporal, self.clip)


@dataclass(frozen=True, eq=False, repr=False)
class LatentMemory:
    """A persistent spatial memory: an immutable value that shares its blocks with the memories made from it.

    It lies on one device and stays there: what is written to it is brought to it.

    Attributes:
        spec: the latents it holds.
        blocks: the points; a point's index in the memory counts through the blocks in order.
        keyframes: the views that were written; any sequence of Keyframe is taken.
        store: how features are kept, one of ``STORES``; empty = as the first block's.
    """

    spec: LatentSpec
    blocks: tuple[PointBlock, ...] = ()
    keyframes: Keyframes = field(default_factory=Keyframes)
    store: str = ""

    def __post_init__(self):
        if not isinstance(self.spec, LatentSpec):
            raise MirageError(f"spec: must be a LatentSpec; got {describe(self.spec)}.")
        object.__setattr__(self, "keyframes", Keyframes.of(self.keyframes))
        if self.store:
            check_choice("store", self.store, STORES)
        for block in self.blocks:
            self._check_block(block)
        places = sorted({str(block.device) for block in self.blocks})
        if len(places) > 1:
            raise MirageError(
                f"blocks: must all lie on one device; got {' and '.join(places)}. "
                "Move them to one (in Python block.to(device))."
            )

    def __repr__(self) -> str:  # short: ComfyUI prints inputs into its error dialog
        return f"LatentMemory({self.num_points} points, {self.nbytes / 2**20:.2f} MiB, {self.spec})"

    @property
    def device(self) -> torch.device | None:
        """Where its points are; None as long as there is no block."""
        return self.blocks[0].device if self.blocks else None

    @property
    def num_points(self) -> int:
        return sum(len(block) for block in self.blocks)

    @property
    def num_locked(self) -> int:
        """How many points are never replaced, pruned or written over."""
        return sum(int(block.locked.sum()) for block in self.blocks if block.locked is not None)

    @property
    def nbytes(self) -> int:
        """Bytes of all points: positions, features, footprint, confidence and frame."""
        return sum(block.nbytes for block in self.blocks)

    @property
    def bounds(self) -> Tensor:
        """``(2, 3)`` lowest and highest world coordinates, scene units.

        Raises:
            MirageError: the memory is empty.
        """
        self.require_points()
        each = torch.stack([block.bounds for block in self.blocks if len(block)])  # (blocks, 2, 3)
        return torch.stack([each[:, 0].amin(dim=0), each[:, 1].amax(dim=0)])

    def as_one_block(self) -> PointBlock:
        """All points as one block: a copy of all that the memory holds if there is more than one block.

        Raises:
            MirageError: the memory is empty.
        """
        self.require_points()
        return self.blocks[0] if len(self.blocks) == 1 else PointBlock.concatenated(self.blocks)

    def column(self, name: str) -> Tensor:
        """One column of all points, ``(N, ...)``, without the others: any of ``PointBlock.columns`` but features.

        ``locked`` is there always, False where no point is.

        Raises:
            MirageError: the memory is empty.
        """
        self.require_points()
        return torch.cat([block.is_locked if name == "locked" else block.columns[name] for block in self.blocks])

    def require_points(self, max_bytes: int = 0) -> None:
        """Raise MirageError unless it holds points, and its locked ones fit into ``max_bytes`` (0 = any)."""
        if self.num_points == 0:
            raise MirageError("memory: must hold points; it is empty. Lift latents and write them to it first.")
        if max_bytes:
            check_locked_fit(self.blocks, max_bytes)

    def to(self, device: torch.device | str) -> "LatentMemory":
        """The memory on another device; the same one if it is there already."""
        if self.device in (None, resolved(device)):
            return self
        return replace(self, blocks=tuple(block.to(device) for block in self.blocks))

    def stored_as(self, store: str) -> "LatentMemory":
        """The memory with its features, and those of every later insert, kept as one of ``STORES``.

        float16 and bfloat16 take half of float32, int8 with one scale per token a quarter. What is rounded stays
        rounded: storing as float32 again brings nothing back.
        """
        check_choice("store", store, STORES)
        return replace(self, blocks=tuple(block.stored_as(store) for block in self.blocks), store=store)

    def insert(
        self,
        block: PointBlock,
        policy: str = "fill",
        cameras: Cameras | None = None,
        shown: Tensor | None = None,
    ) -> "LatentMemory":
        """Write a block of points.

        Args:
            block: what ``lift`` returned.
            policy: "fill" (default) adds only what the memory does not already explain from the cameras: tokens it
                does not know there, or knows clearly nearer or farther. "append" adds everything, as the published
                code does. "refresh" adds everything and removes what the new tokens replace: older points at the same
                place, or in front of it. Locked points stay, and none of the policies adds what agrees with them.
            cameras: the views that ``block`` was lifted from; "fill" and "refresh" need them, and "append" where a
                point is locked. They become keyframes.
            shown: ``(T, h, w)`` the memory's ``Readout.depth`` for these cameras, on the latent grid of the block, if
                it has been read already: "fill" then does not read it again.

        Raises:
            MirageError: the block's channels differ from the memory's, the cameras are missing or too few, or a block
                that did not come from ``lift`` meets "fill" or "refresh".
        """
        check_choice("policy", policy, POLICIES)
        self._check_block(block)
        if cameras is not None and not isinstance(cameras, Cameras):
            raise MirageError(f"cameras: must be Cameras; got {describe(cameras)}.")
        keyframes = self.keyframes + _keyframes(block, cameras)
        block = self._stored(block)
        if policy == "append":
            blocks = append(self.blocks, block, cameras)
        elif policy == "fill":
            blocks = fill(self.blocks, block, cameras, shown)
        else:
            blocks = refresh(self.blocks, block, cameras)
        return replace(self, blocks=blocks, keyframes=keyframes)

    def merge(self, other: "LatentMemory") -> "LatentMemory":
        """Both memories in one, ``other`` behind this one. They must share a world frame: nothing is aligned.

        Raises:
            MirageError: the memories hold different latents.
        """
        if not isinstance(other, LatentMemory):
            raise MirageError(f"other: must be a LatentMemory; got {describe(other)}.")
        if not self.spec.agrees(other.spec):
            raise MirageError(f"both memories: must hold the same latents; got {self.spec} and {other.spec}.")
        spec = self.spec if self.spec.name else other.spec
        others = tuple(self._stored(block) for block in other.blocks)
        store = self.store if self.blocks else self.store or other.store
        return LatentMemory(spec, self.blocks + others, self.keyframes + other.keyframes, store)

    def transform(
        self, scale: float = 1.0, rotation: Tensor | None = None, translation: Tensor | None = None
    ) -> "LatentMemory":
        """Move points and keyframes by ``x -> scale * rotation @ x + translation`` (a similarity of the world).

        Args:
            rotation: ``(3, 3)``, none = identity.
            translation: ``(3,)`` scene units of the new world, none = zero.
        """
        scale, rotation, translation = check_similarity(scale, rotation, translation)

        def moved(block: PointBlock) -> PointBlock:
            xyz = scale * block.xyz @ rotation.to(block.xyz).T + translation.to(block.xyz)
            return replace(block, xyz=xyz, footprint=scale * block.footprint)

        keyframes = self.keyframes
        if keyframes:
            keyframes = replace(keyframes, cameras=keyframes.cameras.transformed(scale, rotation, translation))
        return replace(self, blocks=tuple(moved(b) for b in self.blocks), keyframes=keyframes)

    def compact(self, voxel: float) -> "LatentMemory":
        """Keep one point per voxel, the one seen finest (smallest footprint, then lowest index), in Morton order.

        Nothing is averaged: the mean of two latents is not the latent of anything. Locked points stay beside what is
        kept of the others, each of them once.

        Args:
            voxel: edge length, scene units.
        """
        check_number("voxel", voxel, above=0.0)
        if self.num_points == 0:
            return self
        return replace(self, blocks=compacted(self._alike(), voxel))

    def prune(self, max_bytes: int) -> "LatentMemory":
        """Keep at most ``max_bytes`` of points, by the finest ``compact`` that fits: detail goes, coverage stays.

        Raises:
            MirageError: the budget is smaller than the locked points, or than those and one more.
        """
        if not isinstance(max_bytes, Integral) or isinstance(max_bytes, bool) or max_bytes < 1:
            raise MirageError(f"budget (in Python max_bytes): must be whole bytes above 0; got {max_bytes!r}.")
        if self.nbytes <= max_bytes:
            return self
        return replace(self, blocks=pruned(self._alike(), max_bytes))

    def _alike(self) -> PointBlock:
        """All points as one block, with their features kept as the memory keeps them."""
        return PointBlock.concatenated([self._stored(block) for block in self.blocks])

    def _stored(self, block: PointBlock) -> PointBlock:
        """A block where the memory is, with its features kept as the memory keeps them."""
        block = block if self.device is None else block.to(self.device)
        store = self.store or (self.blocks[0].store if self.blocks else "")
        return block.stored_as(store) if store in STORES else block

    def _check_block(self, block: PointBlock) -> None:
        if not isinstance(block, PointBlock):
            raise MirageError(f"block: must be a PointBlock (what lift returns); got {describe(block)}.")
        if block.features.shape[1] != self.spec.channels:
            raise MirageError(
                f"points: must have the memory's {self.spec.channels} channels ({self.spec}); "
                f"got {block.features.shape[1]}. Latents of two formats do not mix: start a new memory."
            )


def _keyframes(block: PointBlock, cameras: Cameras | None) -> Keyframes:
    if cameras is None:
        return Keyframes()
    frames = range(len(cameras))
    if block.source is not None:
        numbers = dict(zip(block.source.view.tolist(), block.frame.tolist(), strict=True))
        frames = [numbers.get(view, view) for view in frames]
    return Keyframes(cameras.on_cpu, tuple(int(frame) for frame in frames))
