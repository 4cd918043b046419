"""The sentences of the page and their Chinese, see web/words.mjs: none is missing, and none is left over."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

WEB = Path(__file__).parent.parent.parent / "web"
WORDS = WEB / "words_zh.mjs"
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
CALL = re.compile(r"(?<!function )\bsay\(")
NAME = re.compile(r"^ *(\w+): ", re.MULTILINE)  # in a table whose names are said
CHINESE = re.compile(r"[\u4e00-\u9fff]")
KEYBOARD = {"Del", "Home, End"}  # not translated


def sources() -> dict[str, str]:
    """Path below web/ -> text, of what the pack's own pages are made of."""
    files = [*WEB.rglob("*.js"), *WEB.rglob("*.mjs")]
    return {str(file.relative_to(WEB)): file.read_text() for file in files if "lib" not in file.parts and file != WORDS}


def literals(text: str) -> list[str]:
    return [json.loads(literal) for literal in re.findall(LITERAL, text)]


def sentence(text: str) -> str:
    """Return the first of the arguments that ``text`` begins with."""
    depth = 0
    for part in re.finditer(rf"{LITERAL}|`[^`]*`|[()\[\]{{}},]", text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(part[0], 0)
        if depth < 0 or (depth == 0 and part[0] == ","):
            return text[: part.start()]
    raise AssertionError(f"say( is not closed: {text[:60]}")


def said(text: str) -> list[str]:
    """Return the sentences that ``text`` says."""
    return [one for call in CALL.finditer(text) for one in literals(sentence(text[call.end() :]))]


def entries() -> list[tuple[str, str]]:
    return [
        (json.loads(english), json.loads(chinese))
        for english, chinese in re.findall(rf"({LITERAL}):\s*({LITERAL})", WORDS.read_text())
    ]


def test_what_is_said_is_found_in_every_way_to_write_it():
    text = 'function say(text) {} say("Play, {much}", { much: f(1, 2) }); say(on ? "Stop (now)" : "Go"); say(NAMES[1])'
    assert said(text) == ["Play, {much}", "Stop (now)", "Go"]
    with pytest.raises(AssertionError, match="not closed"):
        said('say("Play"')


def test_every_sentence_of_the_page_has_its_chinese():
    known = {english for english, _ in entries()}
    missing = {name: [one for one in said(text) if one not in known] for name, text in sources().items()}
    assert {name: sentences for name, sentences in missing.items() if sentences} == {}


def test_every_chinese_sentence_is_used_once_and_says_what_is_filled_in():
    found = entries()
    assert len(found) == len(re.findall(rf"{LITERAL}:", WORDS.read_text()))
    used = {one for text in sources().values() for one in literals(text) + NAME.findall(text)}
    assert [english for english, _ in found if english not in used] == []
    assert [english for english, count in Counter(english for english, _ in found).items() if count > 1] == []
    for english, chinese in found:
        names = [sorted(re.findall(r"\{\w+\}", text)) for text in (english, chinese)]
        assert names[0] == names[1], english
    assert [english for english, chinese in found if not CHINESE.search(chinese) and english not in KEYBOARD] == []
