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
    return _run("path_editor.mjs", vectors, *([scene] if scene else []))


def memory_shapes(asked: Path) -> dict:
    """What web/memory_view makes of points and shapes; see memory_shapes.mjs."""
    return _run("memory_shapes.mjs", asked)


def _run(script: str, *files: Path) -> dict:
    done = subprocess.run([ENGINE, HERE / script, *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
