"""A small network of the shape of Wan 2.2 TI2V, with a branch, in ComfyUI's own classes and ComfyUI's own keys.

What is trained is what runs: the same blocks, the same wrapper and the same patch that the nodes attach to a model.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import comfy.model_management
import comfy.ops
import comfy.sd
import comfy.utils
import torch
from comfy.ldm.wan.model import WanModel
from comfy.model_patcher import ModelPatcher
from einops import rearrange
from torch import Tensor, nn

from ..mirage_core.learned_codec import LEARNED_CODEC
from ..mirage_core.storage import write_file
from ..nodes.host.steering.branch import attach_branch
from ..nodes.host.steering.branch_file import LATENTS, Branch, load_branch
from ..nodes.host.steering.modes import branch_score
from .samples import CHANNELS, Sample

TEXT_TOKENS, TEXT_DIM = 1, 4096  # the text of a scene is one token of zeros: these rooms have no names
TIMESTEPS = 1000.0
SAMPLING_SHIFT = 3.0  # of noise levels towards noise, when training and when sampling; ComfyUI's own default is 8
# what blocks add to the stream, and the time's part in the modulation of blocks and head
SILENT = ("self_attn.o.weight", "cross_attn.o.weight", "ffn.2.weight", "time_embedding.2.weight", "head.modulation")
GATES = (2, 5)  # of a block's modulation: of its attention, of its feed-forward layers
PATCH_VALUES = 4 * CHANNELS  # of the model's patches of two by two tokens


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Attributes:
        dim: width; above ``PATCH_VALUES``, so that the stream holds all values of a patch and something beside them.
        heads: of attention, each of an even number of channels. The files name it: from the weights alone ComfyUI
            takes one per 128 channels.
        branch_blocks: how many of the blocks a branch block stands beside.
    """

    dim: int = 256
    heads: int = 4
    ffn_dim: int = 768
    blocks: int = 4
    branch_blocks: int = 2

    def __post_init__(self):
        if self.dim <= PATCH_VALUES or self.dim % (2 * self.heads):
            raise ValueError(
                f"Shape: dim must be more than {PATCH_VALUES} and a multiple of twice the heads, {2 * self.heads}; "
                f"got {self.dim}."
            )

    @property
    def metadata(self) -> dict[str, str]:
        """Of the files: what the loaders cannot see from the weights."""
        return {"config": json.dumps({"transformer": {"num_heads": self.heads}}), LATENTS: LEARNED_CODEC}


@contextmanager
def training_mode() -> Iterator[None]:
    """ComfyUI computes in ways that have gradients, as in its own training nodes."""
    before = comfy.model_management.in_training
    comfy.model_management.in_training = True
    try:
        yield
    finally:
        comfy.model_management.in_training = before


@dataclass(eq=False)
class Network:
    """A model as ComfyUI has loaded it, and its branch."""

    model: ModelPatcher
    branch: Branch

    @staticmethod
    def load(model_file: Path, branch_file: Path, dtype: torch.dtype = torch.float32) -> "Network":
        """Read two .safetensors files through ComfyUI's own loader and the pack's; ``dtype`` is the model's."""
        weights, metadata = comfy.utils.load_torch_file(str(model_file), return_metadata=True)
        model = comfy.sd.load_diffusion_model_state_dict(weights, model_options={"dtype": dtype}, metadata=metadata)
        network = Network(model, load_branch(branch_file))
        for module in network.modules:
            module.to(comfy.model_management.get_torch_device())
        return network

    @property
    def modules(self) -> tuple[nn.Module, nn.Module]:
        return self.model.model.diffusion_model, self.branch.network

    @property
    def shape(self) -> Shape:
        model, branch = self.modules
        return Shape(model.dim, model.num_heads, model.ffn_dim, model.num_layers, len(branch.vace_blocks))

    def flow(self, noisy: Tensor, sigma: Tensor, sample: Sample, text: Tensor | None = None) -> Tensor:
        """The flow that the network sees: ``(B, T, C, h, w)``.

        Args:
            noisy: ``(B, T, C, h, w)`` normalised latents, frame 0 clean.
            sigma: ``(B,)`` 0..1 of the other frames.
            text: ``(B, L, 4096)`` of the text encoder; None = one token of zeros.
        """
        splat, known, placement = (
            value.transpose(1, 2) for value in (sample.splat, sample.known, sample.placement)
        )  # (B, C, T, h, w)
        score = branch_score(known.expand_as(splat), placement)
        patched = attach_branch(self.model, self.branch, splat, score)
        options = {**patched.model_options["transformer_options"], "wrappers": patched.wrappers}
        timestep = (sigma * TIMESTEPS)[:, None].repeat(1, noisy.shape[1])
        timestep[:, 0] = 0.0
        text = noisy.new_zeros(len(noisy), TEXT_TOKENS, TEXT_DIM) if text is None else text
        diffusion_model = patched.model.diffusion_model
        flow = diffusion_model(noisy.transpose(1, 2), timestep, text, transformer_options=options)
        return flow.transpose(1, 2)


def save_network(
    modules: tuple[nn.Module, nn.Module], model_file: Path, branch_file: Path, about: dict[str, str]
) -> None:
    """Write model and branch as files that *Load Diffusion Model* and *Load Mirage Branch* read."""
    for file, module in zip((model_file, branch_file), modules, strict=True):
        weights = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
        write_file(file, weights, about)


def write_new_network(shape: Shape, seed: int, model_file: Path, branch_file: Path) -> None:
    """Write untrained weights, of a network that copies what its memory says (``_copying``)."""
    torch.manual_seed(seed)
    settings = {"operations": comfy.ops.disable_weight_init, "device": "cpu", "dtype": torch.float32}
    model = WanModel(
        model_type="t2v",
        in_dim=CHANNELS,
        out_dim=CHANNELS,
        dim=shape.dim,
        ffn_dim=shape.ffn_dim,
        num_heads=shape.heads,
        num_layers=shape.blocks,
        text_dim=TEXT_DIM,
        **settings,
    )
    weights = {key: _begun(key, value) for key, value in model.state_dict().items()}
    branch = new_branch(weights, shape.branch_blocks)
    _copying(weights, branch)
    write_file(model_file, weights, shape.metadata)
    write_file(branch_file, branch, shape.metadata)


def new_branch(weights: dict[str, Tensor], branch_blocks: int) -> dict[str, Tensor]:
    """Weights of a branch that does nothing yet, for a model with these ``weights``.

    A branch block begins as a copy of the block that it stands beside; what leads into it and out of it begins at zero
    (VACE, arXiv 2503.07598). The patch embedding is new.
    """
    blocks = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("blocks."))
    dim, channels, *patch = weights["patch_embedding.weight"].shape
    kind = weights["blocks.0.ffn.0.weight"].dtype
    embedding = _begun("vace_patch_embedding.weight", torch.empty(dim, 2 * channels, *patch))
    branch = {"vace_patch_embedding.weight": embedding, "vace_patch_embedding.bias": torch.zeros(dim)}
    stride = -(-blocks // branch_blocks)
    for number in range(branch_blocks):
        beside = f"blocks.{number * stride}."
        own = {key.removeprefix(beside): value.clone() for key, value in weights.items() if key.startswith(beside)}
        for name in ("before_proj", "after_proj") if number == 0 else ("after_proj",):
            own[f"{name}.weight"] = torch.zeros(dim, dim, dtype=kind)
            own[f"{name}.bias"] = torch.zeros(dim, dtype=kind)
        branch |= {f"vace_blocks.{number}.{key}": value for key, value in own.items()}
    return branch


def _copying(weights: dict[str, Tensor], branch: dict[str, Tensor]) -> None:
    """Set what of untrained weights makes the flow of a network whose clean frames are those of its memory.

    The stream begins as an isometry of the patch, x = (1 - sigma) latents + sigma noise. The branch takes the memory's
    latents m from it, so that it holds x - m, which is sigma (noise - m) in new frames: the flow, but for a factor. The
    head's layer norm undoes any factor, and the flow's own size is nearly the same everywhere. Blocks add nothing yet;
    what they learn to add is a better estimate of the clean frame than the memory's.
    """
    dim, channels, *patch = weights["patch_embedding.weight"].shape
    values = channels * math.prod(patch)
    # columns without a mean: the layer norm, which takes it away, changes nothing
    basis = torch.linalg.qr(torch.cat([torch.ones(dim, 1), torch.randn(dim, values)], dim=1)).Q[:, 1:]
    weights["patch_embedding.weight"] = basis.reshape(dim, channels, *patch).contiguous()
    size = (2.0 * values / dim) ** 0.5  # of the flow's values in the stream: noise and latents have deviation 1
    head = rearrange(basis * size, "d (c patch) -> (patch c) d", c=channels)
    weights["head.head.weight"] = head.contiguous()
    embedding = torch.zeros_like(branch["vace_patch_embedding.weight"])
    embedding[:, :channels] = weights["patch_embedding.weight"]
    branch["vace_patch_embedding.weight"] = embedding
    # the first block's tokens are x + m; half of them is taken from x
    branch["vace_blocks.0.before_proj.weight"] = torch.eye(dim)
    branch["vace_blocks.0.after_proj.weight"] = -0.5 * torch.eye(dim)
    for some in (weights, branch):
        for key, value in some.items():
            if key.endswith(SILENT):
                some[key] = torch.zeros_like(value)
            elif key.endswith(".modulation"):
                some[key] = torch.zeros_like(value)
                some[key][:, GATES] = 1.0


def _begun(key: str, value: Tensor) -> Tensor:
    last = key.rsplit(".", 1)[-1]
    if "norm" in key and last == "weight":
        return torch.ones_like(value)
    if last == "bias" or key == "head.head.weight":
        return torch.zeros_like(value)
    if last == "modulation":
        return torch.randn_like(value) / value.shape[-1] ** 0.5
    return torch.randn_like(value) / math.sqrt(math.prod(value.shape[1:]))
