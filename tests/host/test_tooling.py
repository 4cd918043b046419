"""The tools in `.ci`: conversion of workflows, and how the server's failures are told."""

import io
import tarfile

import pytest
from comfy_server import ComfyError, ComfyServer
from contact_sheet import picked
from setup_host import SetupError, host_dir, unpack
from workflow_to_prompt import WorkflowError, workflow_to_prompt

OBJECT_INFO = {
    "Load": {
        "output_node": False,
        "display_name": "Load Picture",
        "input": {"required": {"image": [["a.png", "b.png"], {"image_upload": True}]}},
        "input_order": {"required": ["image"]},
    },
    "Sample": {
        "output_node": False,
        "input": {
            "required": {
                "steps": ["INT", {"default": 20}],
                "image": ["IMAGE", {}],
                "seed": ["INT", {"default": 0, "control_after_generate": True}],
                "sampler": ["COMBO", {"options": ["euler", "heun"], "control_after_generate": True}],
            },
            "optional": {"strength": ["FLOAT", {"default": 0.5}], "scale": ["FLOAT", {"forceInput": True}]},
        },
        # not the order of the table above
        "input_order": {"required": ["seed", "image", "steps", "sampler"], "optional": ["strength", "scale"]},
    },
    "Save": {
        "output_node": True,
        "input": {
            "required": {
                "image": ["IMAGE"],
                "codec": [
                    "COMFY_DYNAMICCOMBO_V3",
                    {
                        "options": [
                            {"key": "auto", "inputs": {}},
                            {
                                "key": "h264",
                                "inputs": {
                                    "required": {"crf": ["FLOAT", {"default": 23.0}], "mask": ["MASK", {}]},
                                    "optional": {
                                        "encoding": [
                                            "COMFY_DYNAMICCOMBO_V3",
                                            {"options": [{"key": "slow", "inputs": {"required": {"passes": ["INT"]}}}]},
                                        ]
                                    },
                                },
                            },
                        ]
                    },
                ],
                "name": ["STRING", {}],
            }
        },
    },
}


def node(node_id, node_type, *values, mode=0, **links):
    """One node as the browser saves it; `links` are input name -> link id."""
    inputs = [{"name": name, "type": "*", "link": link} for name, link in links.items()]
    return {"id": node_id, "type": node_type, "mode": mode, "inputs": inputs, "widgets_values": list(values)}


def convert(*nodes, links=()):
    """`links` are (id, from node, from slot, to node, to slot)."""
    return workflow_to_prompt({"nodes": list(nodes), "links": [[*link, "*"] for link in links]}, OBJECT_INFO)


def test_widget_values_are_named_in_the_order_of_the_node_and_controls_are_dropped():
    prompt = convert(node(1, "Sample", 7, "fixed", 12, "heun", "randomize", "", 0.25))
    assert prompt["1"]["inputs"] == {"seed": 7, "steps": 12, "sampler": "heun", "strength": 0.25}


def test_a_missing_control_value_is_named():
    with pytest.raises(WorkflowError, match=r"node 1 \(Sample\): the value after 'seed' must be one of .*; got 12"):
        convert(node(1, "Sample", 7, 12, "heun", 0.25))


def test_widgets_that_the_file_has_no_value_for_get_their_default():
    prompt = convert(node(1, "Sample", 7, "fixed"))
    assert prompt["1"]["inputs"] == {"seed": 7, "steps": 20, "sampler": "euler", "strength": 0.5}


def test_an_input_without_saved_value_and_default_is_named():
    with pytest.raises(WorkflowError, match=r"node 4 \(Save\) has no saved value for 'name'"):
        convert(node(4, "Save", "auto"))


def test_a_link_replaces_the_value_of_a_widget_turned_into_an_input():
    load, sample = (
        node(1, "Load", "a.png", "image"),
        node(2, "Sample", 7, "fixed", 12, "heun", "fixed", "", 0.5, steps=5),
    )
    assert convert(load, sample, links=[(5, 1, 3, 2, 0)])["2"]["inputs"]["steps"] == ["1", 3]


def test_links_go_through_chains_of_reroutes_and_end_at_unconnected_ones():
    nodes = [node(1, "Load", "a.png"), node(2, "Reroute", **{"": 1}), node(3, "Reroute", **{"": 2})]
    nodes += [
        node(4, "Save", "auto", "x", image=3),
        node(5, "Reroute", **{"": None}),
        node(6, "Save", "auto", "y", image=4),
    ]
    prompt = convert(*nodes, links=[(1, 1, 0, 2, 0), (2, 2, 0, 3, 0), (3, 3, 0, 4, 0), (4, 5, 0, 6, 0)])
    assert sorted(prompt) == ["1", "4", "6"]
    assert prompt["4"]["inputs"]["image"] == ["1", 0]
    assert "image" not in prompt["6"]["inputs"]


def test_a_link_that_the_file_does_not_hold_is_named():
    with pytest.raises(WorkflowError, match=r"node 2 \(Save\) is reached by link 9, which is not in the file"):
        convert(node(1, "Load", "a.png"), node(2, "Save", "auto", "x", image=9), links=[(1, 1, 0, 2, 0)])


def test_the_upload_button_of_a_file_input_is_no_input():
    assert convert(node(1, "Load", "b.png", "image"))["1"]["inputs"] == {"image": "b.png"}


def test_inputs_of_a_dynamic_combo_follow_their_choice():
    prompt = convert(node(1, "Save", "h264", 18.0, "slow", 2, "walk"))
    expected = {
        "codec": "h264",
        "codec.crf": 18.0,
        "codec.encoding": "slow",
        "codec.encoding.passes": 2,
        "name": "walk",
    }
    assert prompt["1"]["inputs"] == expected
    assert convert(node(1, "Save", "auto", "walk"))["1"]["inputs"] == {"codec": "auto", "name": "walk"}


def test_a_choice_that_a_dynamic_combo_does_not_have_is_named():
    with pytest.raises(WorkflowError, match=r"node 1 \(Save\): 'codec' must be one of \['auto', 'h264'\]; got 'av1'"):
        convert(node(1, "Save", "av1", "walk"))


def test_list_values_are_wrapped_so_that_they_are_not_read_as_links():
    assert convert(node(1, "Save", "auto", ["a", 1]))["1"]["inputs"]["name"] == {"__value__": ["a", 1]}


def test_more_values_than_widgets_are_an_error_where_the_browser_adds_none():
    with pytest.raises(WorkflowError, match=r"node 1 \(Sample\) has more saved widget values .*: \['extra'\]"):
        convert(node(1, "Sample", 7, "fixed", 12, "heun", "fixed", "", 0.5, "extra"))
    assert convert(node(2, "Save", "auto", "walk", "preview"))["2"]["inputs"] == {"codec": "auto", "name": "walk"}


def test_widget_values_saved_by_name_are_refused():
    with pytest.raises(WorkflowError, match=r"node 1 \(Load\): widgets_values must be a list; got a dict"):
        convert({**node(1, "Load"), "widgets_values": {"image": "a.png"}})


def test_notes_are_left_out_and_titles_are_kept():
    prompt = convert(node(1, "Load", "a.png"), node(2, "Note", "x"), node(3, "MarkdownNote", "y"))
    assert list(prompt) == ["1"]
    assert prompt["1"]["_meta"] == {"title": "Load Picture"}
    assert convert({**node(1, "Load", "a.png"), "title": "Start"})["1"]["_meta"] == {"title": "Start"}


@pytest.mark.parametrize("mode", [2, 4])
def test_muted_and_bypassed_nodes_are_an_error(mode):
    with pytest.raises(WorkflowError, match=rf"node 3 \(Load\) must not be muted or bypassed; its mode is {mode}"):
        convert(node(3, "Load", "a.png", mode=mode))


def test_an_unknown_node_type_is_named_with_its_node():
    with pytest.raises(WorkflowError, match=r"node 8 \(Nowhere\) is of a type that the server does not know"):
        convert(node(8, "Nowhere"))


def test_the_contact_sheet_draws_latent_frames_in_full_rows():
    assert picked(latents=3, frames=9) == [(0, 0), (1, 4), (2, 8)]
    assert picked(latents=1, frames=1) == [(0, 0)]
    assert [latent for latent, _ in picked(latents=9, frames=33)] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert [frame for _, frame in picked(latents=23, frames=89)] == list(range(0, 89, 8))


def test_only_files_of_the_host_folder_are_unpacked(tmp_path):
    names = ("p-1/vendor/ComfyUI/main.py", "p-1/vendor/ComfyUI/a/b.py", "p-1/setup.py", "p-1/vendor/ComfyUI/../../x.py")
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"ok"))
        link = tarfile.TarInfo("p-1/vendor/ComfyUI/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    unpack(tmp_path / "p.tar.gz", tmp_path / "out")
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py"))
    assert files == ["out/a/b.py", "out/main.py"]


def test_a_comfyui_dir_that_is_no_checkout_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COMFYUI_DIR", str(tmp_path))
    with pytest.raises(SetupError, match=r"COMFYUI_DIR must be a ComfyUI checkout; .* has no main\.py"):
        host_dir()


def test_a_server_that_dies_while_starting_tells_its_last_words(host):
    with pytest.raises(ComfyError, match=r"(?s)stopped while starting \(exit code 2\).*unrecognized.*--no-such-option"):
        with ComfyServer(host, {}, options=("--no-such-option",)):
            pass


def test_a_pack_that_does_not_import_is_named_with_the_cause(host, tmp_path):
    (tmp_path / "__init__.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(ComfyError, match=r"(?s)could not load the pack broken-pack:.*No module named 'no_such_module"):
        with ComfyServer(host, {"broken-pack": tmp_path}):
            pass


def test_a_refused_prompt_tells_node_input_and_reason(server):
    prompt = {"1": {"class_type": "MirageTest_Fail", "inputs": {}, "_meta": {"title": "Here"}}}
    with pytest.raises(ComfyError, match=r"node 1 'Here' \(MirageTest_Fail\): Required input is missing: message"):
        server.run(prompt)


def test_a_prompt_without_outputs_is_refused_with_the_reason(server):
    with pytest.raises(ComfyError, match=r"refused the prompt:\n    Prompt has no outputs"):
        server.run({})


def test_a_node_that_raises_is_named_with_its_message_and_traceback(server):
    prompt = {"1": {"class_type": "MirageTest_Fail", "inputs": {"message": "no depth"}}}
    with pytest.raises(ComfyError, match=r"(?s)node 1 \(MirageTest_Fail\) failed: ValueError: no depth.*in execute"):
        server.run(prompt)


def test_a_prompt_reports_its_events_and_returns_its_outputs(server):
    prompt = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 16, "height": 8, "batch_size": 2, "color": 255}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "blue"}},
    }
    events = []
    history = server.run(prompt, on_event=lambda event, data: events.append((event, data.get("node"))))
    assert ("executing", "2") in events
    names = [image["filename"] for image in history["outputs"]["2"]["images"]]
    assert [(server.base / "output" / name).is_file() for name in names] == [True, True]
