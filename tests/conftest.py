import sys
from pathlib import Path

# last, not first: the checkout holds a folder named `nodes`, and so does ComfyUI
sys.path += [str(Path(__file__).parent.parent), str(Path(__file__).parent / "core")]
