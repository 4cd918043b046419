"""The Camera Path Editor in Chinese."""

import re

import pytest
from test_editor import EDITOR, WORKFLOW, EditorNode

CHINESE, LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]{2,}")
SAME_IN_CHINESE = re.compile(r"\b(Ctrl|Shift|Home|End|Del|mm)\b")
TEXTS = """const found = new Set();
const walker = document.createTreeWalker(widget.element, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) if (walker.currentNode.parentElement.tagName !== 'STYLE') found.add(walker.currentNode.data);
for (const one of widget.element.querySelectorAll('*'))
    for (const name of ['title', 'placeholder', 'aria-label', 'alt']) found.add(one.getAttribute(name) ?? '');
return [...found].map((text) => text.trim()).filter(Boolean);"""


@pytest.fixture
def in_chinese(page):
    """The page of somebody whose ComfyUI is in Chinese."""
    open_anew(page, "zh")
    yield page
    open_anew(page, "en")


def open_anew(page, locale: str) -> None:
    page.js("await app.extensionManager.setting.set('Comfy.Locale', arg)", locale)
    page.open()


def test_all_that_the_editor_says_is_chinese_on_a_chinese_page(in_chinese):
    page = in_chinese
    page.load(WORKFLOW, "draw_a_walk")
    page.show(EDITOR)
    editor = EditorNode(page)
    texts = editor.js(TEXTS)
    page.run()
    editor.wait_for_coverage()
    texts += editor.js(TEXTS)
    page.shot("editor_chinese")
    assert len(texts) > 20
    english = [text for text in texts if LATIN.search(SAME_IN_CHINESE.sub("", text)) and not CHINESE.search(text)]
    assert english == []
