"""The trained branch: VACE-style blocks beside a Wan model, attached as a patch of ComfyUI's model patcher.

Source: arXiv 2606.09828 and its released code. The sequence is [reference | target | preceding] along time; the branch
sees [target | preceding]. Branch block n reads its own stream and adds to the DiT after block ``n * ceil(L / blocks)``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from comfy.ldm.wan.model import WanModel
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ....mirage_core import MirageError
from ....mirage_core.errors import describe
from .branch_file import Branch, load_branch
from .compiling import leave_uncompiled
from .room import make_room, with_frames
from .sigmas import ALWAYS, SigmaWindow

__all__ = ["Branch", "attach_branch", "branch_layers", "check_branch", "load_branch"]

KEY = "mirage_branch"


def branch_layers(branch: Branch, layers: int) -> tuple[int, ...]:
    """The DiT blocks, of ``layers``, after which the branch's blocks add: 15 of 30 at 0, 2, ...; 8 of 30 at 0, 4, ...

    Raises:
        MirageError: the DiT has too few blocks.
    """
    stride = -(-layers // branch.blocks)
    places = tuple(n * stride for n in range(branch.blocks))
    if places[-1] >= layers:
        raise MirageError(
            f"{branch.name}: its {branch.blocks} blocks, {stride} apart, must find a place among the model's blocks; "
            f"the model has {layers}. Choose the model that the branch was trained with."
        )
    return places


def check_branch(model: ModelPatcher, branch: Branch) -> None:
    """Raise MirageError unless the branch fits the model: a plain Wan model of its width, heads and channels."""
    network = model.get_model_object("diffusion_model")
    if type(network) is not WanModel:
        raise MirageError(
            f"{branch.name}: must be attached to a plain Wan model such as Wan2.2-TI2V-5B; "
            f"got {type(model.model).__name__} ({type(network).__name__})."
        )
    latent = model.get_model_object("latent_format").latent_channels
    if network.in_dim != latent:
        raise MirageError(
            f"{branch.name}: must be attached to a model that takes noise alone, such as Wan2.2-TI2V-5B; this one has "
            f"{network.in_dim - latent} channels beside those of the latent. Choose another model, or disconnect it."
        )
    for what, ours, theirs in (
        ("width", branch.dim, network.dim),
        ("number of heads", branch.heads, network.num_heads),
        ("number of context channels", branch.channels, 2 * latent),
        ("patch", branch.network.patch, tuple(network.patch_size)),
    ):
        if ours != theirs:
            raise MirageError(
                f"{branch.name}: its {what} is {ours}, this model needs {theirs} "
                f"({latent} latent channels, width {network.dim}). Choose the model that the branch was trained with."
            )
    branch_layers(branch, network.num_layers)
    if KEY in model.wrappers.get(WrappersMP.DIFFUSION_MODEL, {}):
        raise MirageError(f"{branch.name}: the model carries a branch already. Attach one branch to one model.")


def attach_branch(
    model: ModelPatcher,
    branch: Branch,
    splat: Tensor,
    score: Tensor,
    reference: Tensor | None = None,
    preceding: Tensor | None = None,
    strength: float = 1.0,
    window: SigmaWindow = ALWAYS,
) -> ModelPatcher:
    """A clone of ``model`` that is steered by the branch; ``model`` itself is not changed.

    All latents are in the model's own normalised space. The clone takes target latents ``(B, C, T, h, w)`` with one
    timestep per sample, per latent frame or per token, and returns the flow of the target frames. Reference and
    preceding frames enter clean, at timestep 0.

    Args:
        splat: ``(C, T + P, h, w)`` or ``(S, C, T + P, h, w)``: the splat for [target | preceding], 0 where unknown. One
            for all that are sampled together, or S of them, that many samples in a row.
        score: like ``splat``: the second half of the context. As released, the VAE encoding of a white clip.
        reference: ``(1|S, C, R, h, w)`` remembered frames. Their rotary positions lie at times -R .. -1, one picture
            height below the others.
        preceding: ``(1|S, C, P, h, w)`` frames before the target. Their positions follow the target's.
        strength: factor of what the branch adds. 0 leaves its blocks out; reference and preceding frames stay.
        window: sigmas outside it count as strength 0.

    Raises:
        MirageError: the branch does not fit the model, or the latents do not fit each other.
    """
    check_branch(model, branch)
    channels = model.get_model_object("latent_format").latent_channels
    splat, score = (_batched(name, value, channels) for name, value in (("splat", splat), ("score", score)))
    size = splat.shape[3:]
    frames = {}
    for name, value in (("reference", reference), ("preceding", preceding)):
        value = splat[:1, :, :0] if value is None else _batched(name, value, channels)
        if value.shape[3:] != size:
            raise MirageError(f"attach_branch: {name} must have splat's {tuple(size)} tokens; got {describe(value)}.")
        frames[name] = value
    if score.shape != splat.shape:
        raise MirageError(f"attach_branch: score must have splat's shape {tuple(splat.shape)}; got {describe(score)}.")
    if splat.shape[2] <= frames["preceding"].shape[2]:
        raise MirageError(
            f"attach_branch: splat must cover target and preceding frames; got {splat.shape[2]} frames, of which "
            f"{frames['preceding'].shape[2]} are preceding."
        )
    inputs = _Inputs(branch, torch.cat([splat, score], dim=1), **frames, strength=strength, window=window)
    network = model.get_model_object("diffusion_model")
    layers = branch_layers(branch, network.num_layers)
    patched = model.clone()
    leave_uncompiled(patched)
    patched.add_wrapper_with_key(WrappersMP.DIFFUSION_MODEL, KEY, inputs)
    make_room(patched, with_frames, sum(one.shape[2] for one in frames.values()))
    present = patched.model_options["transformer_options"].get("patches_replace", {}).get("dit", {})
    references = frames["reference"].shape[2] > 0  # then every block needs other rotary positions
    for index in range(network.num_layers) if references else layers:
        number = layers.index(index) if index in layers else None
        block = _BlockPatch(inputs, number, present.get(("double_block", index)))
        patched.set_model_patch_replace(block, "dit", "double_block", index)
    return patched


@dataclass
class _Stream:
    """What accompanies one forward pass of the DiT."""

    positions: Tensor | None  # (1, L, 1, d / 2, 2, 2) rotary positions of the whole sequence, None = ComfyUI's own
    reference_share: float  # of the sequence
    context: Tensor | None  # (B, channels, T + P, h, w); None = the branch rests
    seen: Tensor | None = None  # (B, l, dim) patch-embedded [target | preceding], before the first block
    tokens: Tensor | None = None  # (B, l, dim) the branch's own


@dataclass(eq=False)
class _Inputs:
    """A DIFFUSION_MODEL wrapper: puts the sequence together, and takes the target's flow out of it."""

    branch: Branch
    context: Tensor  # (S, channels, T + P, h, w)
    reference: Tensor  # (1|S, C, R, h, w)
    preceding: Tensor  # (1|S, C, P, h, w)
    strength: float
    window: SigmaWindow

    @torch.compiler.disable
    def __call__(
        self,
        executor,
        x: Tensor,  # (B, C, T, h, w)
        timestep: Tensor,  # (B,), (B, T) or (B, tokens)
        context: Tensor,
        clip_fea: Tensor | None = None,
        time_dim_concat: Tensor | None = None,
        transformer_options: dict = {},  # noqa: B006 - ComfyUI's own signature; it is not changed
        **kwargs,
    ) -> Tensor:
        T, R, P = x.shape[2], self.reference.shape[2], self.preceding.shape[2]
        if (T + P, *x.shape[3:]) != tuple(self.context.shape[2:]):
            raise MirageError(
                f"branch: the memory was read for {tuple(self.context.shape[2:])} (target and preceding latent frames, "
                f"h, w); the sampler brings {(T + P, *x.shape[3:])}. Sample the latent that comes with the model."
            )
        if time_dim_concat is not None or kwargs.get("context_latents") is not None:
            raise MirageError("branch: other in-context latents cannot be combined with the branch. Remove them.")
        B = len(x)
        if B % len(self.context):
            raise MirageError(
                f"branch: the memory was read for {len(self.context)} samples; the sampler brings {B}. "
                "Sample as many, or a multiple."
            )
        sequence = torch.cat([_like(self.reference, x), x, _like(self.preceding, x)], dim=2)
        active = self.strength != 0 and self.window.holds(transformer_options)
        stream = _Stream(
            positions=self._positions(executor.class_obj, x, transformer_options) if R else None,
            reference_share=R / (R + T + P),
            context=_like(self.context, x) if active else None,
        )
        flow = executor(
            sequence,
            self._timesteps(timestep, B, T),
            context,
            clip_fea,
            None,
            {**transformer_options, KEY: stream},
            **kwargs,
        )
        return flow[:, :, R : R + T]

    def to(self, device_or_dtype: torch.device | torch.dtype) -> "_Inputs":
        """ComfyUI moves wrappers and patches to where it computes; dtypes are met per call."""
        if isinstance(device_or_dtype, torch.device):
            self.context = self.context.to(device_or_dtype)
            self.reference = self.reference.to(device_or_dtype)
            self.preceding = self.preceding.to(device_or_dtype)
        return self

    def _timesteps(self, timestep: Tensor, B: int, T: int) -> Tensor:
        """Timesteps of the whole sequence: 0 for reference and preceding frames."""
        R, P = self.reference.shape[2], self.preceding.shape[2]
        timestep = timestep.reshape(B, -1)  # (B, 1), (B, T) or (B, tokens); or (B, R + T + P), of the whole already
        if timestep.shape[1] == R + T + P:
            return timestep
        if timestep.shape[1] == 1:
            timestep = timestep.expand(B, T)
        each = timestep.shape[1] // T  # timesteps per frame
        clean = timestep.new_zeros(B, each)
        return torch.cat([clean.repeat(1, R), timestep, clean.repeat(1, P)], dim=1)

    def _positions(self, network: WanModel, x: Tensor, transformer_options: dict) -> Tensor:
        """Rotary positions: references before and below, target and preceding at 0 .. T + P - 1."""
        h, w = x.shape[3:]
        R, rest = self.reference.shape[2], x.shape[2] + self.preceding.shape[2]
        options = transformer_options.get("rope_options") or {}
        rows = (h + network.patch_size[1] // 2) // network.patch_size[1]
        below = {"rope_options": {**options, "shift_y": options.get("shift_y", 0.0) + rows}}
        placed = {"device": x.device, "dtype": x.dtype}
        references = network.rope_encode(R, h, w, t_start=-R, transformer_options=below, **placed)
        others = network.rope_encode(rest, h, w, transformer_options=transformer_options, **placed)
        return torch.cat([references, others], dim=1)


@dataclass(eq=False)
class _BlockPatch:
    """Replaces one DiT block: runs it (or what replaced it before), then adds a branch block's output."""

    inputs: _Inputs
    number: int | None  # of the branch block, None = only other rotary positions
    previous: Callable[[dict, dict], dict] | None

    @torch.compiler.disable
    def __call__(self, args: dict, extra: dict) -> dict:
        stream: _Stream = args["transformer_options"][KEY]
        if stream.positions is not None:
            args = {**args, "pe": stream.positions}
        runs = self.number is not None and stream.context is not None
        start = round(args["img"].shape[1] * stream.reference_share)  # the branch does not see the references
        if runs and self.number == 0:
            stream.seen = args["img"][:, start:].clone()  # other patches may write into the sequence
            stream.tokens = self.inputs.branch.network.embed(stream.context)
        out = self.previous(args, extra) if self.previous is not None else extra["original_block"](args)
        if not runs:
            return out
        vec = args["vec"]  # (B, K, 6, dim), K = 1, or one per frame or token of the sequence
        block = self.inputs.branch.network.vace_blocks[self.number]
        added, stream.tokens = block(
            stream.tokens,
            x=stream.seen,
            e=vec[:, round(vec.shape[1] * stream.reference_share) :] if vec.shape[1] > 1 else vec,
            freqs=args["pe"][:, start:],
            context=args["txt"],
            transformer_options=args["transformer_options"],
        )
        img = out["img"].clone()
        img[:, start:] += added * self.inputs.strength
        return {**out, "img": img}

    def to(self, device_or_dtype: torch.device | torch.dtype) -> "_BlockPatch":
        self.inputs.to(device_or_dtype)
        if hasattr(self.previous, "to"):
            self.previous = self.previous.to(device_or_dtype)
        return self

    def models(self) -> list[ModelPatcher]:
        """What ComfyUI loads together with the model."""
        return [self.inputs.branch.patcher, *(self.previous.models() if hasattr(self.previous, "models") else ())]


def _batched(name: str, value: Tensor, channels: int) -> Tensor:
    """``(S, C, T, h, w)`` of latents that may come without the leading axis."""
    if value.ndim == 4:
        value = value.unsqueeze(0)
    if value.ndim != 5 or len(value) == 0 or value.shape[1] != channels:
        raise MirageError(f"attach_branch: {name} must be (S, {channels}, T, h, w); got {describe(value)}.")
    return value


def _like(value: Tensor, x: Tensor) -> Tensor:
    """``value``, one for all or S in a row, for every sample of ``x``, where ``x`` is."""
    return value.to(x).repeat(len(x) // len(value), 1, 1, 1, 1)
