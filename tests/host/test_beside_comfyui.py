"""ComfyUI is the same with the pack as without, and the pack's loaders are honest where ComfyUI has no files yet."""

import json
import urllib.request
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest
from comfy_server import PACK_NAME, ComfyError, ComfyServer

ROOT = Path(__file__).parent.parent.parent
OURS = "Mirage_"
PLACES = ("/models", "/embeddings", "/features", "/settings")  # what else the browser builds its page from


@pytest.fixture(scope="module")
def servers(host):
    """ComfyUI without the pack and with it, both without a single file."""
    with ExitStack() as stack:
        yield [stack.enter_context(ComfyServer(host, packs)) for packs in ({}, {PACK_NAME: ROOT})]


@pytest.fixture(scope="module")
def first_visit(servers):
    """What both say about every node before there are any files."""
    return [server.object_info() for server in servers]


@pytest.fixture(scope="module")
def with_models(servers, first_visit):
    """The same once every model folder has two files, and the input folder one."""
    for server in servers:
        for folder in got(server, "/models"):
            for name in ("another.safetensors", "zebra.safetensors"):
                file = server.base / "models" / folder / name
                file.parent.mkdir(exist_ok=True)
                file.touch()
        (server.base / "input" / "example.png").touch()
    return [server.object_info() for server in servers]


def got(server, path):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(server.url + path, timeout=60) as reply:
        return json.load(reply)


def hosts_own(nodes):
    return {node_id: node for node_id, node in nodes.items() if not node_id.startswith(OURS)}


def choices(nodes):
    """Yield node, input and options of every combo of the pack."""
    for node_id, node in nodes.items():
        if node_id.startswith(OURS):
            inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
            for name, (kind, *settings) in inputs.items():
                if kind == "COMBO":
                    yield node_id, name, settings[0]["options"]


def test_no_list_of_the_pack_is_empty_where_there_are_no_files(first_visit):
    lists = {(node_id, name): options for node_id, name, options in choices(first_visit[1])}
    assert len(lists) > 20
    assert [place for place, options in lists.items() if not options] == []
    for node, folder in (
        ("LoadLora", "models/loras"),
        ("LoadLatentMemory", "the input folder"),
        ("LoadCameraPath", "the input folder"),
    ):
        assert lists[f"Mirage_{node}", "file"] == [f"none: put one into {folder}"]


@pytest.mark.parametrize(
    ("node", "inputs", "reason"),
    [
        ("LoadLora", {"strength": 1.0, "model": ["small", 0]}, r"file: must lie in models/loras; there is none yet"),
        ("LoadLatentMemory", {}, r"file: must be a \.safetensors file of the input or output folder; 'none: put"),
        ("LoadCameraPath", {"format": "auto", "frames": 0, "scale": 1.0}, r"file: must be .* 'none: put one into the"),
    ],
)
def test_what_stands_in_an_empty_list_is_refused_in_words(servers, first_visit, node, inputs, reason):
    (nothing,) = first_visit[1][f"Mirage_{node}"]["input"]["required"]["file"][1]["options"]
    small = {"class_type": "Mirage_LoadSmallModel", "inputs": {"name": "mirage_rooms"}}
    load = {"class_type": f"Mirage_{node}", "inputs": {"file": nothing, **inputs}}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}
    with pytest.raises(ComfyError, match=rf"refused the prompt(?s:.*){reason}"):
        servers[1].run({"small": small, "load": load, "show": show})


@pytest.mark.parametrize("state", ["first_visit", "with_models"])
def test_every_node_of_comfyui_is_what_it_is_without_the_pack(request, state):
    without, beside = request.getfixturevalue(state)
    assert len(without) > 200 and set(hosts_own(without)) == set(without)
    assert hosts_own(beside) == without
    files = without["UNETLoader"]["input"]["required"]["unet_name"][0]
    assert files == ([] if state == "first_visit" else ["another.safetensors", "zebra.safetensors"])


@pytest.mark.parametrize("path", PLACES)
def test_folders_and_settings_of_comfyui_are_what_they_are_without_the_pack(servers, path):
    without, beside = (got(server, path) for server in servers)
    assert beside == without


def test_every_model_folder_lists_what_it_lists_without_the_pack(servers, with_models):
    without, beside = servers
    for folder in set(got(without, "/models")) - {"custom_nodes"}:
        assert got(beside, f"/models/{folder}") == got(without, f"/models/{folder}"), folder


def test_the_pack_adds_texts_pages_and_templates_of_its_own_alone(servers):
    without, beside = (
        {path: got(server, path) for path in ("/i18n", "/extensions", "/workflow_templates")} for server in servers
    )
    added = set(beside["/extensions"]) - set(without["/extensions"])
    assert added and all(path.startswith(f"/extensions/{PACK_NAME}/") for path in added)
    assert set(without["/extensions"]) <= set(beside["/extensions"])
    assert without["/i18n"] == {}
    assert {part for texts in beside["/i18n"].values() for part in texts} == {"nodeDefs"}
    assert all(node_id.startswith(OURS) for texts in beside["/i18n"].values() for node_id in texts["nodeDefs"])
    assert set(beside["/workflow_templates"]) - set(without["/workflow_templates"]) == {PACK_NAME}


@pytest.mark.parametrize(
    ("node", "inputs", "reason"),
    [
        (
            "LoadBranch",
            {"file": "gone.safetensors"},
            r"file: must lie in models/model_patches; 'gone\.safetensors' does not",
        ),
        ("LoadCodec", {"file": "gone.safetensors"}, r"file: must lie in models/vae; 'gone\.safetensors' does not"),
        ("LoadSmallModel", {"name": "gone"}, r"name: must be a small model .*; 'gone' is not there"),
        (
            "LoadSmallModel",
            {"name": "zebra.safetensors"},
            r"'zebra\.safetensors' lacks models/model_patches/zebra_branch",
        ),
    ],
)
def test_a_saved_choice_that_is_gone_is_refused_in_words(servers, with_models, node, inputs, reason):
    load = {"class_type": f"Mirage_{node}", "inputs": inputs}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}
    with pytest.raises(ComfyError, match=rf"refused the prompt(?s:.*){reason}"):
        servers[1].run({"load": load, "show": show})


def test_a_small_model_of_ones_own_is_offered_once_it_is_complete_and_loads(servers, with_models):
    base, shipped = servers[1].base / "models", ROOT / "nodes" / "assets" / "models"
    offered = []
    for part in ("diffusion_models/{}", "model_patches/{}_branch", "vae/{}_codec"):
        target = base / f"{part.format('walks/mine')}.safetensors"
        target.parent.mkdir()
        target.symlink_to(shipped / f"{part.format('mirage_rooms')}.safetensors")
        offered.append(servers[1].object_info()["Mirage_LoadSmallModel"]["input"]["required"]["name"][1]["options"])
    assert offered == [["mirage_rooms"], ["mirage_rooms"], ["mirage_rooms", "walks/mine.safetensors"]]
    load = {"class_type": "Mirage_LoadSmallModel", "inputs": {"name": "walks/mine.safetensors"}}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["load", 1]}}
    text = servers[1].run({"load": load, "show": show})["outputs"]["show"]["text"][0]
    assert text.startswith("Branch(mine_branch.safetensors: 2 blocks")


@pytest.mark.parametrize(
    ("node", "name", "value", "reason"),
    [
        ("LoadSmallModel", "name", "mirage_rooms", None),
        ("LoadBranch", "file", "mirage_rooms_branch.safetensors", None),
        ("LoadCodec", "file", "gone.safetensors", r"file: must lie in models/vae; 'gone\.safetensors' does not"),
        ("LoadLatentMemory", "file", "gone.safetensors", r"'gone\.safetensors' is not there"),
    ],
)
def test_a_name_that_comes_by_a_link_is_checked_when_it_is_there(servers, node, name, value, reason):
    text = {"class_type": "PrimitiveString", "inputs": {"value": value}}
    switch = {
        "class_type": "ComfySwitchNode",
        "inputs": {"switch": True, "on_true": ["text", 0], "on_false": ["text", 0]},
    }
    load = {"class_type": f"Mirage_{node}", "inputs": {name: ["switch", 0]}}
    show = {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}
    with pytest.raises(ComfyError, match=rf"failed(?s:.*){reason}") if reason else nullcontext():
        servers[1].run({"text": text, "switch": switch, "load": load, "show": show})
