"""The loop of every training: steps, averaged weights, logs, and a state from which a later call goes on exactly."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter

from ..mirage_core.files import whole_file
from .network import training_mode

SAVE_SECONDS = 240
WARM_UP = 0.02  # share of the steps
LONGEST_GRADIENT = 1.0
STATE = "state.pt"


@dataclass(frozen=True)
class Fit:
    """How long something is trained.

    Attributes:
        ema: of the averaged weights.
        seconds: after which to stop; a later call goes on.
    """

    steps: int
    ema: float = 0.999
    seconds: float = math.inf


def fit(
    trained: nn.Module,
    optimisers: Sequence[Optimizer],
    losses: Callable[[int], Callable[[int], Tensor]],
    save: Callable[[nn.Module, int], None],
    folder: Path,
    settings: Fit,
) -> bool:
    """Train the parameters of ``trained``; go on where ``folder`` left off.

    Args:
        losses: given the step to begin with, returns the function from a step to its loss. The loss may depend on the
            step alone, so that a run that was stopped goes on as if it had not been.
        save: writes the averaged module; called now and then, and at the end.

    Returns:
        Whether all steps are done.
    """
    begun = saved = time.monotonic()
    averaged = AveragedModel(trained, multi_avg_fn=get_ema_multi_avg_fn(settings.ema))
    schedules = [LambdaLR(optimiser, lambda step: _rate(step / settings.steps)) for optimiser in optimisers]
    parts = {"trained": trained, "averaged": averaged}
    parts |= {f"optimiser{n}": one for n, one in enumerate(optimisers)}
    parts |= {f"schedule{n}": one for n, one in enumerate(schedules)}
    parameters = [one for one in trained.parameters() if one.requires_grad]
    step = _resumed(folder / STATE, parts, parameters[0].device)
    loss_of = losses(step)
    with SummaryWriter(folder) as log, training_mode():
        while step < settings.steps and time.monotonic() - begun < settings.seconds:
            loss = loss_of(step)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(parameters, LONGEST_GRADIENT)
            for optimiser, schedule in zip(optimisers, schedules, strict=True):
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)
            averaged.update_parameters(trained)
            step += 1
            log.add_scalar("loss", float(loss.detach()), step)
            log.add_scalar("gradient norm", float(norm), step)
            log.add_scalar("rate", schedules[0].get_last_lr()[0], step)
            if time.monotonic() - saved > SAVE_SECONDS:
                _save(folder, parts, step)
                save(averaged.module, step)
                saved = time.monotonic()
    _save(folder, parts, step)
    save(averaged.module, step)
    return step >= settings.steps


def _rate(progress: float) -> float:
    """Up at the start, then evenly down to nothing."""
    return min(progress / WARM_UP, 1.0) * max(1.0 - progress, 0.0) if progress > 0 else 1e-3


def _resumed(file: Path, parts: dict, device: torch.device) -> int:
    """Load what a run left, and return its step; 0 where there is nothing."""
    if not file.is_file():
        return 0
    state = torch.load(file, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state["step"]


def _save(folder: Path, parts: dict, step: int) -> None:
    state = {"step": step} | {name: part.state_dict() for name, part in parts.items()}
    with whole_file(folder / STATE) as partial:
        torch.save(state, partial)
