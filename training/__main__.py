"""`python training ...`: load ComfyUI and this pack as it loads them, then run the command line."""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACK = "latent_memory"


def load_pack() -> None:
    """Make ComfyUI importable, and this checkout as the package ``PACK``, within which relative imports work."""
    sys.path.insert(0, str(ROOT / ".ci"))
    from setup_host import host_dir

    sys.path.insert(0, str(host_dir()))  # ComfyUI's `nodes` and `comfy` come before everything else
    spec = importlib.util.spec_from_file_location(PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACK] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    load_pack()
    from latent_memory.training.command_line import main

    main()
