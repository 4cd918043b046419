"""The published recipe: first the branch alone beside a model that stays as it is, then a LoRA of the model.

Source: arXiv 2606.09828. The model is any plain Wan model that ComfyUI loads, Wan2.2-TI2V-5B in the paper, with 15
branch blocks and LoRA rank 32 or 64. Data are folders of frames, cameras and depth (clips.py).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import comfy.sd
import comfy.utils
import torch
from einops import rearrange
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.optim import AdamW
from torch.utils.checkpoint import checkpoint

from ..mirage_core import LatentMemory, MirageError
from ..mirage_core.storage import write_file
from ..nodes.host.formats import spec_of
from .clips import MILLIMETRES, ClipFolder, clip_folders
from .fit import Fit, fit
from .network import Network, new_branch
from .samples import Sample, Settings, Statistics, remember, sample_of, worn_memory
from .train import flow_loss, step_generator

BRANCH, LORA = "branch.safetensors", "lora.safetensors"
LORA_LAYERS = (".q", ".k", ".v", ".o", ".ffn.0", ".ffn.2")  # of every block


@dataclass(frozen=True)
class Recipe:
    """What is trained on what.

    Attributes:
        model, vae: .safetensors files, as ComfyUI's loaders take them.
        clips: root of the folders.
        depth_scale: values per scene unit of depth that comes as pictures.
        frames: video frames of a clip, 1 + 4 n: the first half is remembered, the second made.
        image_size: ``(H, W)`` pixels.
        branch_blocks: of a new branch.
        rank: of the LoRA.
        save_memory: compute every block twice instead of keeping what it computed.
    """

    model: Path
    vae: Path
    clips: Path
    steps: int
    frames: int = 65
    image_size: tuple[int, int] = (704, 1280)
    branch_blocks: int = 15
    rank: int = 32
    rate: float = 1e-4
    ema: float = 0.999
    seed: int = 0
    dtype: torch.dtype = torch.bfloat16
    save_memory: bool = True
    depth_scale: float = MILLIMETRES
    wear: Settings = field(default_factory=Settings)  # noise and dropout of the memory


def train_branch(recipe: Recipe, folder: Path, seconds: float = math.inf) -> bool:
    """Stage 1: the branch alone. Writes ``BRANCH`` to ``folder``; a later call goes on there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / BRANCH).is_file():
        torch.manual_seed(recipe.seed)
        write_file(folder / BRANCH, new_branch(load_file(recipe.model), recipe.branch_blocks), {})
    network = _network(recipe, folder / BRANCH)
    trained = network.branch.network.requires_grad_(True).train()

    def save(averaged: nn.Module, step: int) -> None:
        weights = {key: value.detach().cpu().contiguous() for key, value in averaged.state_dict().items()}
        write_file(folder / BRANCH, weights, {"steps": f"{step}", "stage": "1"})

    return _fit(recipe, network, trained, save, folder, seconds)


def train_lora(recipe: Recipe, branch: Path, folder: Path, seconds: float = math.inf) -> bool:
    """Stage 2: a LoRA of the model, beside a trained branch that stays as it is. Writes ``LORA`` to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    network = _network(recipe, branch)
    torch.manual_seed(recipe.seed)
    trained = LoraLayers(network.modules[0], recipe.rank)

    def save(averaged: nn.Module, step: int) -> None:
        write_file(folder / LORA, averaged.weights(), {"steps": f"{step}", "stage": "2", "rank": f"{recipe.rank}"})

    return _fit(recipe, network, trained, save, folder, seconds)


class LoraLayers(nn.Module):
    """Low-rank additions to the linear layers of a network's blocks, added by hooks: the network's weights stay.

    Source: Hu et al., "LoRA", arXiv 2106.09685; the second factor begins at zero.
    """

    def __init__(self, network: nn.Module, rank: int):
        super().__init__()
        self.down, self.up = nn.ParameterDict(), nn.ParameterDict()
        for name, layer in network.named_modules():
            if name.startswith("blocks.") and name.endswith(LORA_LAYERS) and isinstance(layer, nn.Linear):
                key, placed = name.replace(".", "/"), {"device": layer.weight.device, "dtype": torch.float32}
                self.down[key] = nn.Parameter(torch.randn(rank, layer.in_features, **placed) / layer.in_features**0.5)
                self.up[key] = nn.Parameter(torch.zeros(layer.out_features, rank, **placed))
                layer.register_forward_hook(partial(self._add, key))

    def _add(self, key: str, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        (x,) = inputs
        return output + linear(linear(x, self.down[key].to(x)), self.up[key].to(x))

    def weights(self) -> dict[str, Tensor]:
        """In the keys of PEFT, as ComfyUI's *Load LoRA* and *Load Mirage LoRA* read them."""
        weights = {}
        for half, table in (("lora_A", self.down), ("lora_B", self.up)):
            for key, value in table.items():
                weights[f"diffusion_model.{key.replace('/', '.')}.{half}.weight"] = value.detach().cpu().contiguous()
        return weights


@dataclass(eq=False)
class ClipSamples:
    """Samples of clips: the first half of a clip remembered, the second to be made."""

    recipe: Recipe
    statistics: Statistics
    vae: object
    folders: list[ClipFolder]

    @staticmethod
    def of(recipe: Recipe, network: Network) -> "ClipSamples":
        """
        Raises:
            MirageError: the VAE's latents are not the model's, the number of frames fits no video, or there is no clip.
        """
        vae = comfy.sd.VAE(sd=comfy.utils.load_torch_file(str(recipe.vae)))
        form = network.model.get_model_object("latent_format")
        spec = spec_of(vae)
        if spec.channels != form.latent_channels:
            raise MirageError(
                f"vae: must make {form.latent_channels} channels, as the model takes; got {spec.channels}."
            )
        if recipe.frames % spec.temporal != 1 or recipe.frames < 4 * spec.temporal:
            raise MirageError(
                f"frames: must be 1 + {spec.temporal} n, and {4 * spec.temporal + 1} at least; got {recipe.frames}."
            )
        mean, deviation = (value.flatten() for value in (form.latents_mean, form.latents_std / form.scale_factor))
        return ClipSamples(
            recipe, Statistics(mean, deviation), vae, clip_folders(recipe.clips, recipe.frames, recipe.depth_scale)
        )

    def sample(self, step: int) -> tuple[Sample, Tensor | None]:
        """The sample of a step, a batch of one, and its text ``(1, L, 4096)``, None = no caption.

        Of the T latent frames of a clip the first T // 2 + 1 are remembered, and the rest are made, from the
        last of these on.
        """
        generator = torch.Generator().manual_seed(self.recipe.seed + 104_729 * step)
        folder = self.folders[int(torch.randint(len(self.folders), (1,), generator=generator))]
        latest = len(folder.frames) - self.recipe.frames
        first = int(torch.randint(latest + 1, (1,), generator=generator))
        clip = folder.clip(first, self.recipe.frames, self.recipe.image_size)
        spec = spec_of(self.vae)
        with torch.inference_mode(False), torch.no_grad():
            latents = rearrange(self.vae.encode(clip.pictures), "1 c t h w -> t c h w").float().cpu().clone()
        # (T, H, W) scene units and T cameras: those of the video frames that carry a latent frame's camera
        depth, cameras = clip.depth[:: spec.temporal], clip.cameras[:: spec.temporal]
        middle = len(latents) // 2
        known = slice(0, middle + 1)
        memory = remember(LatentMemory(spec), latents[known], depth[known], cameras[known])
        memory = worn_memory(memory, self.recipe.wear, self.statistics, generator)
        shown = slice(middle, len(latents))
        sample = sample_of(memory, cameras[shown], latents[shown], self.statistics)
        return Sample.batch([sample]), None if clip.text is None else clip.text.unsqueeze(0)


def _network(recipe: Recipe, branch: Path) -> Network:
    network = Network.load(recipe.model, branch, recipe.dtype)
    for module in network.modules:
        module.requires_grad_(False)
    if recipe.save_memory:
        for block in (*network.modules[0].blocks, *network.modules[1].vace_blocks):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    return network


def _fit(
    recipe: Recipe,
    network: Network,
    trained: nn.Module,
    save: Callable[[nn.Module, int], None],
    folder: Path,
    seconds: float,
) -> bool:
    samples = ClipSamples.of(recipe, network)
    device = next(trained.parameters()).device
    even = torch.ones(len(samples.statistics.mean), 1, 1, device=device)

    def losses(_: int):
        def loss(step: int) -> Tensor:
            sample, text = samples.sample(step)
            text = None if text is None else text.to(device)
            return flow_loss(network, sample.to(device), even, step_generator(recipe.seed, step), text)

        return loss

    optimiser = AdamW([one for one in trained.parameters() if one.requires_grad], lr=recipe.rate, weight_decay=0.01)
    return fit(trained, [optimiser], losses, save, folder, Fit(recipe.steps, recipe.ema, seconds))
