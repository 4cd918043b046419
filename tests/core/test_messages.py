"""What people read when something cannot be done: words of nodes and widgets, with Python only where it says so."""

import ast
import re
from pathlib import Path

import pytest
import torch

from mirage_core import Cameras, Geometry, LatentMemory, LatentSpec, MirageError, PointBlock, lift
from mirage_core.editing import Selection

ROOT = Path(__file__).parent.parent.parent
FILES = sorted([*(ROOT / "mirage_core").rglob("*.py"), *(ROOT / "nodes").rglob("*.py")])
CODE = re.compile(r"\w\.\w+\(|`|\b\w+=(?:True|False|None|'|\{)|\bCall |\bPass |\bUse [A-Z]\w+[.(]|\binsert them\b")
IN_PYTHON = "(in Python "
NAMED = re.compile(r"[\w{}, -]+(\(in Python \w+\))?: |\{\} ")


def without_python(text: str) -> str:
    """A message without what it says to those who write Python, in brackets."""
    while IN_PYTHON in text:
        start = text.index(IN_PYTHON)
        depth, end = 0, start
        for end in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = text[:start] + text[end + 1 :]
    return text


def messages(tree: ast.AST):
    """Line and text of every string with words in it, the values in it left out, that is no docstring."""
    docs = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    inside = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - docs
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs | inside:
            text = node.value
        else:
            continue
        if " " in text:
            yield node.lineno, text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_messages_advise_nothing_that_needs_python(file):
    found = [(line, text) for line, text in messages(ast.parse(file.read_text())) if CODE.search(without_python(text))]
    assert not found


def test_the_search_finds_advice_in_python_and_leaves_alone_what_is_marked():
    advice = ["Use policy='append', or lift again.", "Use Cameras.from_pixels(cam2world, K).", "Mark with valid=False."]
    assert all(CODE.search(without_python(text)) for text in advice)
    assert not CODE.search(without_python("Divide it (in Python Cameras.from_pixels(K, (H, W))), and again."))


@pytest.mark.parametrize("file", [file for file in FILES if file.is_relative_to(ROOT / "mirage_core")])
def test_errors_begin_with_the_name_of_what_is_wrong_and_not_of_the_function(file):
    nodes = list(ast.walk(ast.parse(file.read_text())))
    raised = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "MirageError"]
    functions = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for _, text in (next(messages(call)) for call in raised):
        assert NAMED.match(text) and not functions & {text.split(":")[0]}


SPEC = LatentSpec(channels=2, spatial=4, temporal=4)


def scene(frames=1):
    return Geometry(torch.full((frames, 8, 12), 2.0), Cameras.at_origin(60, (8, 12))[[0] * frames])


REACHED = {  # what a user of the nodes does -> what is read
    "points cut and then written with fill": (
        lambda: LatentMemory(SPEC).insert(PointBlock(torch.zeros(1, 3), torch.zeros(1, 2)), cameras=scene().cameras),
        "Lift the latents again, or set policy to append",
    ),
    "a budget below a point": (
        lambda: LatentMemory(SPEC).insert(PointBlock(torch.zeros(9, 3), torch.zeros(9, 2)), "append").prune(8),
        r"budget .*: must hold at least one point, \d+ bytes or .* MiB; got 8 bytes",
    ),
    "depth of more frames than were encoded": (
        lambda: lift(torch.zeros(2, 2, 2, 3), scene(5)),
        "Give the depth of all frames that were encoded",
    ),
    "a depth picture with holes": (
        lambda: Geometry(torch.full((1, 8, 12), torch.nan), Cameras.at_origin(60, (8, 12))),
        "Set them to 0, which is no depth",
    ),
    "a box upside down": (
        lambda: Selection(box=torch.tensor([[1.0, 0, 0], [0, 1, 1]])),
        r"box: must rise .*; got \[1\.0, 0\.0, 0\.0\] and \[0\.0, 1\.0, 1\.0\]\.",
    ),
}


@pytest.mark.parametrize("done", REACHED)
def test_what_is_met_in_nodes_is_told_in_their_words(done):
    attempt, told = REACHED[done]
    with pytest.raises(MirageError, match=told) as refused:
        attempt()
    assert not CODE.search(without_python(str(refused.value))) and "\n" not in str(refused.value)
