"""The core knows nothing of ComfyUI, and importing it does nothing."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mirage_core

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "mirage_core"
HOST = {"comfy", "comfy_api", "comfy_extras", "comfy_execution", "folder_paths", "server", "nodes", "execution"}


@pytest.mark.parametrize("file", sorted(CORE.rglob("*.py")), ids=lambda file: str(file.relative_to(CORE)))
def test_the_core_imports_neither_comfyui_nor_itself_by_name(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            imported = {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported = {node.module.split(".")[0]}
        elif isinstance(node, ast.ImportFrom):
            inside = file.relative_to(CORE).parts
            assert node.level <= len(inside), f"{file}:{node.lineno} imports from above mirage_core"
            continue
        else:
            continue
        assert not imported & (HOST | {"mirage_core"}), f"{file}:{node.lineno} imports {imported}"


NODES = sorted(file for file in (ROOT / "nodes").rglob("*.py") if "host" not in file.relative_to(ROOT / "nodes").parts)


@pytest.mark.parametrize("file", NODES, ids=lambda file: str(file.relative_to(ROOT / "nodes")))
def test_only_the_host_folder_of_the_nodes_touches_comfyui(file):
    allowed = set() if file.parent.name == "pictures" else {"comfy_api"}
    for node in ast.walk(ast.parse(file.read_text())):
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        for name in names:
            assert name.split(".")[0] not in HOST - allowed, f"{file}:{node.lineno} imports {name}"
        if file.parent.name == "pictures" and isinstance(node, ast.ImportFrom) and node.level:
            inside = (node.module or "").split(".")[0]
            assert node.level == 1 or inside == "mirage_core", f"{file}:{node.lineno} imports {node.module}"


ROOMS = {  # of nodes/, and what each may import beside mirage_core
    "nodes": {"nodes", "host/walk", "host/steering", "host", "pictures"},
    "host/walk": {"host/walk", "host/steering", "host", "host/decoding", "pictures"},
    "host/steering": {"host/steering", "host"},
    "host": {"host", "host/decoding", "pictures"},
    "host/decoding": {"host/decoding"},
    "pictures": {"pictures"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_the_rooms_of_the_nodes_import_downwards(room):
    folder = ROOT / "nodes" / ("" if room == "nodes" else room)
    for file in folder.glob("*.py"):
        for line, name in imports(file):
            if name.parts[0] == "nodes":
                inside = "/".join(name.parts[1:-1]) or "nodes"
                assert inside in ROOMS[room], f"{file}:{line} imports {name}"


def imports(file):
    """Line and place, relative to the pack, of every module of ours that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = file.relative_to(ROOT).parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [base] if node.module and not (ROOT / base).is_dir() else [base / one.name for one in node.names]
            yield from ((node.lineno, name) for name in names if name.parts)


def drawn_rows():
    """The modules of mirage_core in the README's drawing, from the top row down."""
    drawing = README[README.index("                   mirage_core/ ") :]
    lines = drawing[: drawing.index("```")].splitlines()[1:]
    return [row for row in ([name.rstrip("/") for name in line[:NAMES].split()] for line in lines) if row]


NAMES, README = 41, (ROOT / "README.md").read_text()  # columns of the drawing that hold names


def test_the_drawing_in_the_readme_is_the_import_graph():
    rows = {name: number for number, row in enumerate(drawn_rows()) for name in row}
    assert sorted(rows) == sorted(path.stem for path in CORE.iterdir() if path.name[0] not in "_.")
    for file in CORE.rglob("*.py"):
        ours = file.relative_to(CORE).parts[0].removesuffix(".py")
        for line, name in imports(file) if ours != "__init__" else ():
            theirs = (*name.parts[1:], "")[0]
            assert theirs == ours or rows[theirs] > rows[ours], f"{file}:{line} imports {theirs}, which is drawn above"


def test_importing_the_core_prints_nothing_and_needs_no_host():
    code = "import sys, mirage_core; print(sorted({'comfy', 'comfy_api', 'nodes', 'triton'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_version_is_that_of_the_package():
    stated = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert stated[1] == mirage_core.__version__
