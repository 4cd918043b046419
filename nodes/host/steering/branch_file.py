"""Branch checkpoints: from a file to a network that ComfyUI loads, casts and offloads."""

import json
from dataclasses import dataclass
from pathlib import Path

import comfy.ldm.common_dit
import comfy.model_management
import comfy.model_patcher
import comfy.ops
import comfy.utils
import torch
from comfy.ldm.wan.model import VaceWanAttentionBlock
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

from ....mirage_core import MirageError
from ....mirage_core.errors import damage_refused, describe

PREFIXES = ("module.", "model.", "pipe.vace.", "vace.")  # what trainers put in front of the keys, in any combination
TABLES = ("state_dict", "generator", "vace")  # files that keep the weights in a table of their own
LATENTS = "mirage_latents"  # in a file's metadata
HEAD_DIM = 128  # of every Wan model; a file may say otherwise in its "config", as ComfyUI's own model files do


class BranchNetwork(nn.Module):
    """The weights of a branch, in the key layout of the released checkpoints.

    Args:
        shapes: of the file's tensors.
        settings: what ComfyUI's blocks are made with: operations (layer classes), device, dtype.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], blocks: int, heads: int, settings: dict):
        super().__init__()
        dim, channels, *patch = shapes["vace_patch_embedding.weight"]
        ffn_dim = shapes["vace_blocks.0.ffn.0.weight"][0]
        self.patch = tuple(patch)
        self.vace_patch_embedding = settings["operations"].Conv3d(
            channels, dim, kernel_size=self.patch, stride=self.patch, device=settings["device"], dtype=torch.float32
        )
        self.vace_blocks = nn.ModuleList(
            VaceWanAttentionBlock(
                "t2v_cross_attn", dim, ffn_dim, heads, cross_attn_norm=True, block_id=n, operation_settings=settings
            )
            for n in range(blocks)
        )

    def embed(self, context: Tensor) -> Tensor:
        """Tokens ``(B, L, dim)`` of a context ``(B, channels, T, h, w)``."""
        padded = comfy.ldm.common_dit.pad_to_patch_size(context, self.patch)
        return self.vace_patch_embedding(padded.float()).to(context.dtype).flatten(2).transpose(1, 2)


@dataclass(frozen=True, eq=False, repr=False)
class Branch:
    """A loaded branch and the patcher through which ComfyUI loads, casts and offloads it.

    Attributes:
        channels: of its context: splat and score together.
        latents: name of the latents that it was trained on, as in ``LatentSpec``; empty where its file does not say.
    """

    name: str
    patcher: ModelPatcher
    blocks: int
    dim: int
    heads: int
    channels: int
    latents: str = ""

    @property
    def network(self) -> BranchNetwork:
        return self.patcher.model

    def __repr__(self) -> str:
        return f"Branch({self.name}: {self.blocks} blocks, width {self.dim}, {self.channels} context channels)"


def load_branch(path: str | Path) -> Branch:
    """Load a branch checkpoint: keys ``vace_blocks.N.*`` and ``vace_patch_embedding.*``.

    Number of blocks, width and context channels are read from the file. Heads have 128 channels each, unless the file's
    metadata says otherwise (``{"config": {"transformer": {"num_heads": ...}}}``, as in ComfyUI's own model files);
    ``LATENTS`` in the metadata names the latents that it was trained on.

    Raises:
        MirageError: a key is missing, left over, or of the wrong shape; the message names it.
    """
    name = Path(path).name
    with damage_refused(f"{name}:", "a whole .safetensors file"):
        table, metadata = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
    weights = _branch_weights(name, table)
    for key, axes in {"vace_patch_embedding.weight": 5, "vace_blocks.0.ffn.0.weight": 2}.items():
        if key not in weights:
            raise MirageError(f"{name}: a branch checkpoint must hold {key}; it has {_some(weights)}.")
        if weights[key].ndim != axes:
            raise MirageError(f"{name}: {key} must have {axes} axes; got {describe(weights[key])}.")
    blocks = 1 + max(int(key.split(".")[1]) for key in weights if key.startswith("vace_blocks."))
    dim, channels = weights["vace_patch_embedding.weight"].shape[:2]
    heads = _heads(name, dim, metadata)
    shapes = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    # layers of torch say what they hold; those of ComfyUI's dynamic loader have no weights before they are loaded
    plain = BranchNetwork(shapes, blocks, heads, {"operations": nn, "device": "meta", "dtype": torch.float32})
    _check_fit(name, {key: tuple(tensor.shape) for key, tensor in plain.state_dict().items()}, shapes)
    settings = {
        "operations": comfy.ops.manual_cast,
        "device": comfy.model_management.unet_offload_device(),
        "dtype": comfy.utils.weight_dtype(weights),
    }
    network = BranchNetwork(shapes, blocks, heads, settings)
    patcher = comfy.model_patcher.CoreModelPatcher(
        network,
        load_device=comfy.model_management.get_torch_device(),
        offload_device=comfy.model_management.unet_offload_device(),
    )
    network.load_state_dict(weights, assign=patcher.is_dynamic())
    return Branch(name, patcher, blocks, dim, heads, channels, (metadata or {}).get(LATENTS, ""))


def _branch_weights(name: str, table: dict) -> dict[str, Tensor]:
    """The weights by their plain keys, without tables and prefixes around them."""
    while inner := next((table[key] for key in TABLES if isinstance(table.get(key), dict)), None):
        table = inner
    weights = {}
    for key, value in table.items():
        plain = str(key)
        while prefix := next((p for p in PREFIXES if plain.startswith(p)), None):
            plain = plain.removeprefix(prefix)
        parts = plain.split(".")
        block = parts[0] == "vace_blocks" and len(parts) > 2 and parts[1].isdecimal()
        if not isinstance(value, Tensor) or not (block or parts[0] == "vace_patch_embedding"):
            raise MirageError(
                f"{name}: a branch checkpoint must hold vace_blocks.N.* and vace_patch_embedding.* only; it has {key}."
            )
        if plain in weights:
            raise MirageError(f"{name}: {plain} must be there once; it comes under several prefixes.")
        weights[plain] = value
    return weights


def _heads(name: str, dim: int, metadata: dict | None) -> int:
    config = json.loads((metadata or {}).get("config", "{}"))
    heads = config.get("transformer", {}).get("num_heads", dim // HEAD_DIM)
    if not isinstance(heads, int) or heads < 1 or dim % heads:
        raise MirageError(f"{name}: its width must be a multiple of its heads; got width {dim}, {heads} heads.")
    return heads


def _check_fit(name: str, wanted: dict[str, tuple[int, ...]], shapes: dict[str, tuple[int, ...]]) -> None:
    if missing := sorted(wanted.keys() - shapes.keys()):
        raise MirageError(f"{name}: the branch checkpoint lacks {_some(missing)}.")
    if left := sorted(shapes.keys() - wanted.keys()):
        raise MirageError(f"{name}: the branch checkpoint has keys that no branch block takes: {_some(left)}.")
    for key, shape in wanted.items():
        if shapes[key] != shape:
            raise MirageError(f"{name}: {key} must be {shape} beside the other weights; got {shapes[key]}.")


def _some(keys) -> str:
    keys = list(keys)
    return ", ".join(keys[:4]) + (f" and {len(keys) - 4} more" if len(keys) > 4 else "") if keys else "nothing"
