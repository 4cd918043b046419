"""The Chinese names and explanations of the nodes, as the server hands them to the browser."""

import json
import re
import urllib.request

import pytest

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SYNTAX = re.compile(r"[@{}|]")  # the browser's vue-i18n reads these as links, variables and plurals
NUMBER = re.compile(r"\d+(?:\.\d+)?")
SAME_IN_CHINESE = {"CFG", "Latent", "PSNR", "SSIM", "Uni3C", "VAE"}


@pytest.fixture(scope="module")
def english(server):
    """Node id -> what the server says about it."""
    return {node_id: node for node_id, node in server.object_info().items() if node_id.startswith("Mirage_")}


@pytest.fixture(scope="module")
def chinese(server):
    """Node id -> display_name, description, inputs, outputs: what the browser merges into its own texts."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(server.url + "/i18n", timeout=60) as reply:
        return json.load(reply).get("zh", {}).get("nodeDefs", {})


def english_inputs(inputs, prefix=""):
    """Yield key and tooltip of every input.

    The key is the browser's: the input `amount` of the dynamic combo `move` is `move_amount`, and one text explains it
    for every option that has it.
    """
    for kind in ("required", "optional"):
        for name, (_, *settings) in inputs.get(kind, {}).items():
            given = settings[0] if settings else {}
            yield prefix + name, given.get("tooltip")
            for option in given.get("options", []):
                if isinstance(option, dict):
                    yield from english_inputs(option["inputs"], f"{prefix}{name}_")


def english_outputs(node):
    """Yield index and tooltip of every output."""
    return ((str(n), tooltip) for n, tooltip in enumerate(node["output_tooltips"]))


def english_texts(nodes):
    """Return node id, `description` or `inputs.x` or `outputs.0`, -> its English explanations; none: an empty list."""
    texts = {}
    for node_id, node in nodes.items():
        texts[node_id, "description"] = [node["description"]]
        for group, slots in (("inputs", english_inputs(node["input"])), ("outputs", english_outputs(node))):
            for key, tooltip in slots:
                texts.setdefault((node_id, f"{group}.{key}"), []).extend([tooltip] if tooltip else [])
    return texts


def chinese_slots(nodes):
    """Yield node id, `inputs.x` or `outputs.0`, and its name and tooltip."""
    for node_id, node in nodes.items():
        for group in ("inputs", "outputs"):
            for key, slot in node.get(group, {}).items():
                yield node_id, f"{group}.{key}", slot


def chinese_names(nodes):
    """Return node id, `display_name` or `inputs.x` or `outputs.0`, -> its Chinese name."""
    titles = {(node_id, "display_name"): node.get("display_name", "") for node_id, node in nodes.items()}
    return titles | {(node_id, place): slot.get("name", "") for node_id, place, slot in chinese_slots(nodes)}


def chinese_texts(nodes):
    """Return node id, `description` or `inputs.x` or `outputs.0`, -> its Chinese explanation, where it has one."""
    texts = {(node_id, "description"): node["description"] for node_id, node in nodes.items() if "description" in node}
    return texts | {
        (node_id, place): slot["tooltip"] for node_id, place, slot in chinese_slots(nodes) if "tooltip" in slot
    }


def listed(places):
    return ", ".join(f"{node_id} {place}" for node_id, place in sorted(places))


def test_the_server_hands_out_the_chinese_texts(chinese):
    assert chinese, "the server serves no nodeDefs for zh at /i18n: does locales/zh/nodeDefs.json parse?"
    assert chinese["Mirage_CameraPath"]["display_name"] == "相机路径"
    assert chinese["Mirage_CameraPath"]["inputs"]["frames"]["name"] == "帧数"


def test_every_node_input_and_output_has_a_chinese_name(english, chinese):
    wanted = {place if place[1] != "description" else (place[0], "display_name") for place in english_texts(english)}
    names = chinese_names(chinese)
    lacking = {
        place
        for place in wanted
        if not CHINESE.search(names.get(place, "")) and names.get(place) not in SAME_IN_CHINESE
    }
    assert not lacking, f"no Chinese name: {listed(lacking)}"


def test_no_two_nodes_have_the_same_chinese_name(chinese):
    names = [node.get("display_name") for node in chinese.values()]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"more than one node is called {', '.join(sorted(twice))}"


def test_every_explanation_has_a_chinese_one(english, chinese):
    texts = chinese_texts(chinese)
    explained = {place for place, tooltips in english_texts(english).items() if tooltips}
    lacking = {place for place in explained if not CHINESE.search(texts.get(place, ""))}
    assert not lacking, f"no Chinese explanation: {listed(lacking)}"


def test_nothing_is_translated_that_does_not_exist(english, chinese):
    texts = english_texts(english)
    unknown_nodes = set(chinese) - set(english)
    assert not unknown_nodes, f"no such node: {', '.join(sorted(unknown_nodes))}"
    stale = {(node_id, place) for node_id, place, _ in chinese_slots(chinese)} - set(texts)
    assert not stale, f"no such input or output: {listed(stale)}"
    silent = {place for place in chinese_texts(chinese) if not texts[place]}
    assert not silent, f"an explanation in Chinese alone: {listed(silent)}"


def test_the_chinese_texts_have_only_the_fields_that_the_browser_reads(chinese):
    fields = {(node_id, field) for node_id, node in chinese.items() for field in node}
    fields |= {(node_id, f"{place}.{field}") for node_id, place, slot in chinese_slots(chinese) for field in slot}
    read = re.compile(r"display_name|description|inputs|outputs|(in|out)puts\.\w+\.(name|tooltip)")
    odd = {(node_id, field) for node_id, field in fields if not read.fullmatch(field)}
    assert not odd, f"nothing reads {listed(odd)}"


def test_the_chinese_explanations_have_the_numbers_of_the_english_ones(english, chinese):
    texts = chinese_texts(chinese)
    wrong = []
    for place, tooltips in english_texts(english).items():
        ours, theirs = (set(NUMBER.findall(text)) for text in (texts.get(place, ""), " ".join(tooltips)))
        if ours != theirs:
            wrong.append(f"{' '.join(place)} has {sorted(ours)} for {sorted(theirs)}")
    assert not wrong, "numbers differ: " + "; ".join(wrong)


def test_the_browser_reads_the_chinese_texts_as_they_stand(chinese):
    texts = [*chinese_names(chinese).items(), *chinese_texts(chinese).items()]
    special = {place for place, text in texts if SYNTAX.search(text)}
    assert not special, f"characters that vue-i18n takes for its own: {listed(special)}"
