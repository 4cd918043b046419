"""The small model on a CPU that others want, too: with as many threads as there are cores, and with one.

Torch waits at the end of every operation for the slowest of its threads. Where a browser without a graphics card draws
beside it, the system takes some thread off its core again and again, and all others wait. The pack's nodes therefore
give a model one thread for so much work, see ``nodes/host/threads.py``.
"""

import subprocess
import sys
from contextlib import contextmanager

import torch
from common import CHANNELS, NOT_RUN, ROOT, Asked, seconds
from memories import host

MODEL = ROOT / "nodes" / "assets" / "models" / "diffusion_models" / "mirage_rooms.safetensors"
SIZE = (5, 12, 20)  # latent frames and tokens of a chunk of first_walk
OTHERS = (0, 1, 2)  # processes that want a core, for each core


@contextmanager
def beside(count: int):
    """So many processes that do nothing else than want a core."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


def run(asked: Asked) -> dict:
    if asked.on_gpu:
        return {"status": f"{NOT_RUN}: is about threads of a CPU"}
    host(asked)
    import comfy.sd

    network = comfy.sd.load_diffusion_model(str(MODEL)).model.diffusion_model.float()
    x, text = torch.randn(1, CHANNELS, *SIZE), torch.zeros(1, 1, network.text_dim)
    cores = torch.get_num_threads()

    def with_threads(count: int):
        def step() -> None:
            torch.set_num_threads(count)
            network(x, torch.full((1,), 500.0), text)

        return step

    rows = []
    with torch.inference_mode():
        for others in OTHERS[:2] if asked.quick else OTHERS:
            with beside(others * cores):
                took = seconds({"all": with_threads(cores), "one": with_threads(1)}, "cpu", 2 if asked.quick else 5)
            rows.append(
                {
                    "others": others * cores,
                    **{f"{name}_ms": round(1000 * value, 1) for name, value in took.items()},
                    "times_faster": round(took["all"] / took["one"], 2),
                }
            )
    return {"status": "run", "size": SIZE, "threads": cores, "rows": rows}
