"""Train small models on walks through rooms, and measure whether they remember."""

import argparse
import json
import math
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a small model and its branch on walks through rooms")
    train.add_argument("--minutes", type=float, default=math.inf, help="stop after this time; a later call goes on")
    measure = commands.add_parser("remember", help="measure on held-out rooms whether a trained model remembers")
    measure.add_argument("--rooms", type=int, default=10)
    measure.add_argument("--seeds", type=int, default=2, help="walks per room")
    for command in (train, measure):
        command.add_argument("--size", choices=("small", "cpu", "gpu"), default="small")
        command.add_argument("--folder", type=Path, help="of the run; an unfinished one goes on")
        command.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    arguments = parser.parse_args()
    folder = arguments.folder or Path("output") / "training" / arguments.size
    if arguments.command == "remember" and not (folder / "model.safetensors").is_file():
        sys.exit(f"remember: {folder} must hold a trained model; it has no model.safetensors. Run make train.")
    device = _device(arguments.device)
    # imported only now: the host chooses its device when it is imported
    if arguments.command == "train":
        from .train import SIZES
        from .train import train as train_run

        done = train_run(SIZES[arguments.size], folder, device, arguments.minutes * 60)
        print(f"{'finished' if done else 'stopped; the same command goes on'}: {folder}")
    else:
        from .remember import evaluate

        report = evaluate(folder, arguments.size, arguments.rooms, arguments.seeds, folder / "remember", device)
        print(json.dumps(report, indent=1))


def _device(name: str | None):
    import comfy.cli_args
    import torch

    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        sys.exit("--device cuda: torch finds no CUDA device here")
    comfy.cli_args.args.cpu = name == "cpu"
    return torch.device(name)
