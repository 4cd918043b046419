"""Train branches: small models on walks through rooms, or the published recipe on video; measure what is remembered."""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

NEEDS_A_RUN = ("decoder", "remember", "export")
MODES = ("branch", "per-token", "blend")


def main() -> None:
    arguments = _parser().parse_args()
    exported = getattr(arguments, "exported", None)
    name = exported or getattr(arguments, "size", arguments.command)
    folder = arguments.folder or Path("output") / "training" / name
    if arguments.command in NEEDS_A_RUN and exported is None and not (folder / "codec.safetensors").is_file():
        sys.exit(
            f"{arguments.command}: {folder} must hold a trained model; it has no codec.safetensors. "
            f"Run python training train --size {arguments.size}."
        )
    device = _device(arguments.device)
    print(COMMANDS[arguments.command](arguments, folder, device))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="a small model and its branch, on walks through rooms")
    train.add_argument("--compile", action="store_true", help="faster steps after a minute; needs a C++ compiler")
    decoder = commands.add_parser("decoder", help="a decoder for what a small model makes, beside it in its folder")
    measure = commands.add_parser("remember", help="measure on held-out rooms whether a small model remembers")
    measure.add_argument("--rooms", type=int, default=10)
    measure.add_argument("--seeds", type=int, default=2, help="of the noise, for the walk of each room")
    measure.add_argument("--modes", nargs="+", choices=MODES, default=MODES, help="how the memory enters; default: all")
    measure.add_argument("--exported", help="a name of Load Small Model, such as mirage_rooms, instead of a run")
    export = commands.add_parser("export", help="the files of a small model in float16, where ComfyUI looks for models")
    export.add_argument("--models", type=Path, required=True, help="ComfyUI's models folder")
    export.add_argument("--name", default="rooms", help="of the files")
    small = (train, decoder, measure, export)
    for command in small:
        command.add_argument("--size", choices=("small", "cpu", "gpu"), default="small")
    for command in (train, decoder):
        command.add_argument("--steps", type=int, help="instead of the size's own")
    stages = _recipe(commands)
    for command in (train, decoder, *stages):
        command.add_argument("--minutes", type=float, default=math.inf, help="stop after this; a later call goes on")
    for command in (*small, *stages):
        command.add_argument("--folder", type=Path, help="of the run; an unfinished one goes on")
        command.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    for name, of, asset in (("room", "Scene", "drawn_room"), ("panorama", "Panorama", "drawn_panorama")):
        drawn = commands.add_parser(name, help=f"write the drawn room of Sample {of}")
        drawn.add_argument("--folder", type=Path, default=Path("nodes") / "assets" / asset)
        drawn.set_defaults(device="cpu")
    return parser


def _recipe(commands) -> list[argparse.ArgumentParser]:
    branch = commands.add_parser("branch", help="recipe, stage 1: a branch beside a model that stays as it is")
    branch.add_argument("--blocks", type=int, default=15)
    lora = commands.add_parser("lora", help="recipe, stage 2: a LoRA of the model, beside a trained branch")
    lora.add_argument("--branch", type=Path, required=True, help="of stage 1")
    lora.add_argument("--rank", type=int, default=32)
    for command in (branch, lora):
        command.add_argument("--model", type=Path, required=True, help="Wan2.2-TI2V-5B, .safetensors")
        command.add_argument("--vae", type=Path, required=True, help="its VAE, .safetensors")
        command.add_argument("--clips", type=Path, required=True, help="folders of frames, cameras and depth")
        command.add_argument("--depth-scale", type=float, default=1000.0, help="values per metre of pictures of depth")
        command.add_argument("--steps", type=int, required=True)
        command.add_argument("--frames", type=int, default=65, help="video frames of a clip, 1 + 4 n")
        command.add_argument("--height", type=int, default=704)
        command.add_argument("--width", type=int, default=1280)
    return [branch, lora]


# each imports what it needs only when it is called: ComfyUI chooses its device when it is imported


def _train(arguments: argparse.Namespace, folder: Path, device) -> str:
    from .train import SIZES, train

    run = SIZES[arguments.size]
    run = replace(run, steps=arguments.steps or run.steps)
    return _said(train(run, folder, device, arguments.minutes * 60, arguments.compile), folder)


def _decoder(arguments: argparse.Namespace, folder: Path, device) -> str:
    from .decoder import DecoderRun, train_decoder
    from .train import SIZES

    size = SIZES[arguments.size]
    run = DecoderRun(arguments.steps or size.decoder_steps, size.samples.image_size)
    return _said(train_decoder(run, folder, device, arguments.minutes * 60), folder)


def _remember(arguments: argparse.Namespace, folder: Path, device) -> str:
    import comfy.utils

    from ..nodes.host.model_files import small_model_paths
    from .remember import evaluate, table
    from .train import FILES, SIZES

    comfy.utils.set_progress_bar_enabled(False)  # of every chunk
    files = [folder / name for name in FILES]
    if arguments.exported is not None:
        files = [Path(path) for path in small_model_paths(arguments.exported)]
    settings, out = SIZES[arguments.size].samples, folder / "remember"
    report = evaluate(files, settings, arguments.rooms, arguments.seeds, out, arguments.modes)
    return f"{table(report)}\nin dB; more in {out}"


def _export(arguments: argparse.Namespace, folder: Path, device) -> str:
    from .export import export

    return "\n".join(str(file) for file in export(folder, arguments.models, arguments.name))


def _room(arguments: argparse.Namespace, folder: Path, device) -> str:
    from .sample_room import write_sample_room

    write_sample_room(folder)
    return str(folder)


def _panorama(arguments: argparse.Namespace, folder: Path, device) -> str:
    from .sample_panorama import write_sample_panorama

    write_sample_panorama(folder)
    return str(folder)


def _stage(arguments: argparse.Namespace, folder: Path, device) -> str:
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
        return _said(train_branch(replace(recipe, branch_blocks=arguments.blocks), folder, seconds), folder)
    return _said(train_lora(replace(recipe, rank=arguments.rank), arguments.branch, folder, seconds), folder)


def _said(done: bool, folder: Path) -> str:
    return f"{'finished' if done else 'stopped; the same command goes on'}: {folder}"


def _device(name: str | None):
    import comfy.cli_args
    import torch

    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        sys.exit("--device cuda: torch finds no CUDA device here")
    comfy.cli_args.args.cpu = name == "cpu"
    return torch.device(name)


COMMANDS = {
    "train": _train,
    "decoder": _decoder,
    "remember": _remember,
    "export": _export,
    "room": _room,
    "panorama": _panorama,
    "branch": _stage,
    "lora": _stage,
}
