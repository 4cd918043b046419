import sys
from pathlib import Path

# last, not first: the checkout holds a folder named `nodes`, and so does ComfyUI
sys.path.append(str(Path(__file__).parent.parent))
