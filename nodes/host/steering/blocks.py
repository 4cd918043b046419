"""Blocks of latent frames that causal Wan makes one after the other, in ComfyUI's sampler of its own (ar_video)."""

from dataclasses import dataclass

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ....mirage_core import MirageError

STATE = "ar_state"  # of ComfyUI, while a block is made
CONFIG, BEGINNING = "ar_config", "initial_latent"
PATCH = 2  # tokens that the network joins, in height and in width


@dataclass(frozen=True)
class Block:
    """The latent frames ``start`` to ``stop`` - 1 of a video of ``frames``."""

    start: int
    stop: int
    frames: int

    @property
    def part(self) -> slice:
        return slice(self.start, self.stop)


def block_of(model_options: dict, x: Tensor) -> Block | None:
    """The block that ``x`` ``(B, C, t, h, w)`` is; None where a video is sampled as a whole."""
    state = model_options.get("transformer_options", {}).get(STATE)
    if state is None:
        return None
    t, h, w = x.shape[2:]
    tokens = -(-h // PATCH) * -(-w // PATCH)  # of a frame
    return Block(state["start_frame"], state["start_frame"] + t, state["kv_caches"][0]["k"].shape[1] // tokens)


def check_block(block: Block | None, cfg: float, mode: str, in_network: bool) -> None:
    """Raise MirageError if the sampler of blocks cannot sample with guidance, or in a mode.

    Args:
        in_network: the mode patches the network's pass over a whole video, which blocks do without.
    """
    if block is None:
        return
    if cfg != 1:
        raise MirageError(
            f"cfg: must be 1 with the sampler ar_video, which remembers what the network has read of one text; got "
            f"{cfg:g}. Set it to 1, as causal models are made for."
        )
    if in_network:
        raise MirageError(
            f"mode {mode}: has no effect in the sampler ar_video, which makes blocks with a pass of its own. Choose "
            "mode blend, or another sampler."
        )


def begin_with(model: ModelPatcher, latents: Tensor) -> None:
    """Patch ``model``, a clone: frames ``(B, C, t, h, w)``, raw VAE scale, that its network reads before the rest."""
    options = model.model_options.setdefault("transformer_options", {})
    options[CONFIG] = {**options.get(CONFIG, {}), BEGINNING: latents}
