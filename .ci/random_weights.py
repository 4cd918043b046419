"""Random weights for files that ComfyUI's loaders read."""

import math

import torch

File = tuple[dict[str, torch.Tensor], dict[str, str]]  # weights, what the file says about itself


def shapes_of(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Weights that keep activations finite: scaled by fan-in, norms 1, biases 0, modulations small."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for key, shape in sorted(shapes.items()):
        last = key.rsplit(".", 1)[-1]
        if last == "gamma" or ("norm" in key and last == "weight" and len(shape) == 1):
            weights[key] = torch.ones(shape)
        elif last == "bias":
            weights[key] = torch.zeros(shape)
        else:
            scale = 0.1 if last == "modulation" else 1.0 / math.sqrt(max(1, math.prod(shape[1:])))
            weights[key] = torch.randn(shape, generator=generator) * scale
    return weights


def lora_weights(layers: dict[str, tuple[int, int]], rank: int = 4, prefix: str = "", ending: str = ".weight") -> dict:
    """A LoRA in PEFT keys for layers of ``(outputs, inputs)``."""
    weights = {}
    for seed, (layer, (outputs, inputs)) in enumerate(layers.items()):
        generator = torch.Generator().manual_seed(seed)
        weights[f"{prefix}{layer}.lora_A{ending}"] = torch.randn(rank, inputs, generator=generator) / 8
        weights[f"{prefix}{layer}.lora_B{ending}"] = torch.randn(outputs, rank, generator=generator) / 8
    return weights
