"""The page's own modules, run by the JavaScript engine that Playwright brings."""

import json
import subprocess
from pathlib import Path

import playwright

HERE = Path(__file__).parent
VECTORS = HERE.parent / "data" / "camera_keys.json"
ENGINE = Path(playwright.__file__).parent / "driver" / "node"


def path_editor(vectors: Path = VECTORS, scene: Path | None = None) -> dict:
    """What web/editor makes of test vectors and of a scene file; see path_editor.mjs."""
    command = [ENGINE, HERE / "path_editor.mjs", vectors, *([scene] if scene else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
