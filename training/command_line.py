"""Train branches: small models on walks through rooms, or the published recipe on video; measure what is remembered."""

import argparse
import json
import math
import sys
from dataclasses import replace
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="a small model and its branch, on walks through rooms")
    train.add_argument("--compile", action="store_true", help="faster steps after a minute; needs a C++ compiler")
    measure = commands.add_parser("remember", help="measure on held-out rooms whether a small model remembers")
    measure.add_argument("--rooms", type=int, default=10)
    measure.add_argument("--seeds", type=int, default=2, help="walks per room")
    decoder = commands.add_parser("decoder", help="a decoder for what a small model makes, beside it in its folder")
    export = commands.add_parser("export", help="the files of a small model in float16, where ComfyUI looks for models")
    export.add_argument("--models", type=Path, required=True, help="ComfyUI's models folder")
    export.add_argument("--name", default="rooms", help="of the files")
    for command in (train, measure, decoder, export):
        command.add_argument("--size", choices=("small", "cpu", "gpu"), default="small")
    for command in (train, decoder):
        command.add_argument("--steps", type=int, help="instead of the size's own")
    room = commands.add_parser("room", help="write the drawn room of Sample Scene")
    room.add_argument("--folder", type=Path, default=Path("nodes") / "assets" / "drawn_room")
    stages = {
        "branch": commands.add_parser("branch", help="recipe, stage 1: a branch beside a model that stays as it is"),
        "lora": commands.add_parser("lora", help="recipe, stage 2: a LoRA of the model, beside a trained branch"),
    }
    for name, command in stages.items():
        command.add_argument("--model", type=Path, required=True, help="Wan2.2-TI2V-5B, .safetensors")
        command.add_argument("--vae", type=Path, required=True, help="its VAE, .safetensors")
        command.add_argument("--clips", type=Path, required=True, help="folders of frames, cameras and depth")
        command.add_argument("--depth-scale", type=float, default=1000.0, help="values per metre of pictures of depth")
        command.add_argument("--steps", type=int, required=True)
        command.add_argument("--frames", type=int, default=65, help="video frames of a clip, 1 + 4 n")
        command.add_argument("--height", type=int, default=704)
        command.add_argument("--width", type=int, default=1280)
        if name == "branch":
            command.add_argument("--blocks", type=int, default=15)
        else:
            command.add_argument("--branch", type=Path, required=True, help="of stage 1")
            command.add_argument("--rank", type=int, default=32)
    for command in (train, decoder, *stages.values()):
        command.add_argument("--minutes", type=float, default=math.inf, help="stop after this; a later call goes on")
    for command in (train, measure, decoder, export, *stages.values()):
        command.add_argument("--folder", type=Path, help="of the run; an unfinished one goes on")
    for command in (train, measure, decoder, *stages.values()):
        command.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    arguments = parser.parse_args()
    if arguments.command == "room":
        from .sample_room import write_sample_room

        write_sample_room(arguments.folder)
        return
    folder = arguments.folder or Path("output") / "training" / getattr(arguments, "size", arguments.command)
    if arguments.command in ("remember", "decoder", "export") and not (folder / "model.safetensors").is_file():
        sys.exit(
            f"{arguments.command}: {folder} must hold a trained model; it has no model.safetensors. Run make train."
        )
    if arguments.command == "export":
        _device("cpu")
        from .export import export as export_run

        print(*export_run(folder, arguments.models, arguments.name), sep="\n")
        return
    # everything below is imported only now: the host chooses its device when it is imported
    device = _device(arguments.device)
    if arguments.command == "remember":
        from .remember import evaluate

        report = evaluate(folder, arguments.size, arguments.rooms, arguments.seeds, folder / "remember", device)
        print(json.dumps(report, indent=1))
        return
    if arguments.command == "train":
        from .train import SIZES
        from .train import train as train_run

        run = SIZES[arguments.size]
        run = replace(run, steps=arguments.steps or run.steps)
        done = train_run(run, folder, device, arguments.minutes * 60, arguments.compile)
    elif arguments.command == "decoder":
        done = _decoder(arguments, folder, device)
    else:
        done = _stage(arguments, folder)
    print(f"{'finished' if done else 'stopped; the same command goes on'}: {folder}")


def _decoder(arguments: argparse.Namespace, folder: Path, device) -> bool:
    from .decoder import DecoderRun, train_decoder
    from .train import SIZES

    size = SIZES[arguments.size]
    run = DecoderRun(arguments.steps or size.decoder_steps, size.samples.image_size)
    return train_decoder(run, folder, device, arguments.minutes * 60)


def _stage(arguments: argparse.Namespace, folder: Path) -> bool:
    from .recipe import Recipe, train_branch, train_lora

    recipe = Recipe(
        model=arguments.model,
        vae=arguments.vae,
        clips=arguments.clips,
        steps=arguments.steps,
        frames=arguments.frames,
        image_size=(arguments.height, arguments.width),
        depth_scale=arguments.depth_scale,
    )
    seconds = arguments.minutes * 60
    if arguments.command == "branch":
        return train_branch(replace(recipe, branch_blocks=arguments.blocks), folder, seconds)
    return train_lora(replace(recipe, rank=arguments.rank), arguments.branch, folder, seconds)


def _device(name: str | None):
    import comfy.cli_args
    import torch

    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        sys.exit("--device cuda: torch finds no CUDA device here")
    comfy.cli_args.args.cpu = name == "cpu"
    return torch.device(name)
