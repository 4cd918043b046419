"""Turn a workflow as the browser saves it (UI format) into a prompt for `POST /prompt` (API format).

The browser saves widget values as a bare list, in the order of the node's widgets, and links by slot. The server wants
every input by name. What the browser computes in JavaScript (subgraphs, primitives, custom widgets that rewrite their
value) is not done here: such a node is an error, never a guess.
"""

from collections.abc import Iterator
from typing import Any

NOTES = ("Note", "MarkdownNote")
REROUTE = "Reroute"
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
# input types that the browser draws as a widget
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "COLOR", "BOUNDING_BOX", "CURVE", "LOAD_3D", DYNAMIC_COMBO}
SEEDS = ("seed", "noise_seed")  # INT inputs that get a control widget unasked
CONTROLS = ("fixed", "increment", "decrement", "randomize", "increment-wrap")
UPLOADS = ("image_upload", "animated_image_upload", "video_upload", "audio_upload")
ALWAYS = 0  # a node's mode; 2 is muted, 4 bypassed
END = object()


class WorkflowError(Exception):
    """The workflow cannot be run as it is; the text names the node."""


def workflow_to_prompt(workflow: dict, object_info: dict) -> dict:
    """Return the API prompt of a UI-format workflow, given the server's `/object_info`."""
    nodes = {node["id"]: node for node in workflow["nodes"] if node["type"] not in NOTES}
    sources = {link[0]: (link[1], link[2]) for link in workflow["links"]}  # link id -> node id, output slot
    prompt = {}
    for node_id, node in nodes.items():
        _check(node, object_info)
        if node["type"] == REROUTE:
            continue
        info = object_info[node["type"]]
        inputs = _widget_inputs(node, info)
        for slot in node.get("inputs", ()):
            source = _source(slot.get("link"), node, nodes, sources)
            if source is not None:
                inputs[slot["name"]] = [str(source[0]), source[1]]
        title = node.get("title") or info.get("display_name") or node["type"]
        prompt[str(node_id)] = {"class_type": node["type"], "inputs": inputs, "_meta": {"title": title}}
    return prompt


def _check(node: dict, object_info: dict) -> None:
    if node.get("mode", ALWAYS) != ALWAYS:
        raise WorkflowError(f"{_name(node)} must not be muted or bypassed; its mode is {node['mode']}.")
    if node["type"] != REROUTE and node["type"] not in object_info:
        raise WorkflowError(f"{_name(node)} is of a type that the server does not know. Is its pack loaded?")


def _source(link: int | None, node: dict, nodes: dict, sources: dict) -> tuple[Any, int] | None:
    """Return the node and output slot where a link into `node` starts, seen through reroutes."""
    while link is not None:
        if link not in sources:
            raise WorkflowError(f"{_name(node)} is reached by link {link}, which is not in the file.")
        node_id, slot = sources[link]
        if nodes[node_id]["type"] != REROUTE:
            return node_id, slot
        link = nodes[node_id]["inputs"][0].get("link")
    return None


def _widget_inputs(node: dict, info: dict) -> dict:
    """Return the value of every widget of the node by its input's name."""
    saved = node.get("widgets_values") or []
    if not isinstance(saved, list):
        raise WorkflowError(f"{_name(node)}: widgets_values must be a list; got a {type(saved).__name__}.")
    values = iter(saved)
    inputs = dict(_take(node, info["input"], info.get("input_order"), values, ""))
    # the browser adds widgets of its own behind the others: a preview, an upload button
    adds_widgets = info["output_node"] or any(
        options.get(key) for *_, options in _specs(info["input"]) for key in UPLOADS
    )
    rest = list(values)
    if rest and not adds_widgets:
        raise WorkflowError(f"{_name(node)} has more saved widget values than widgets; left over: {rest}.")
    return inputs


def _take(node: dict, spec: dict, order: dict | None, values: Iterator, prefix: str) -> Iterator[tuple[str, Any]]:
    """Read the values of one level of inputs, in the order in which the browser saves them."""
    for name, kind, options in _specs(spec, order):
        # an extension draws widgets of types of its own; the value is saved and sent all the same
        if not (kind.split(",")[0] in WIDGETS or "widgetType" in options) or options.get("forceInput"):
            continue
        name = prefix + name
        value = next(values, END)
        if value is END:
            value = _default(node, name, kind, options)
        elif options.get("control_after_generate", kind == "INT" and name in SEEDS):
            control = next(values, END)
            if control not in CONTROLS:
                got = "nothing" if control is END else repr(control)
                raise WorkflowError(f"{_name(node)}: the value after {name!r} must be one of {CONTROLS}; got {got}.")
            if kind == "COMBO":
                next(values, END)  # the filter that belongs to the control
        yield name, {"__value__": value} if isinstance(value, list) else value  # a bare list would be read as a link
        if kind == DYNAMIC_COMBO:
            chosen = next((option["inputs"] for option in options["options"] if option["key"] == value), None)
            if chosen is None:
                keys = [option["key"] for option in options["options"]]
                raise WorkflowError(f"{_name(node)}: {name!r} must be one of {keys}; got {value!r}.")
            yield from _take(node, chosen, None, values, f"{name}.")


def _specs(spec: dict, order: dict | None = None) -> Iterator[tuple[str, str, dict]]:
    """Yield name, type and options of every input; a type given as a list of choices is a COMBO."""
    for group in ("required", "optional"):
        inputs = spec.get(group, {})
        for name in (order or {}).get(group, inputs):
            kind, options = inputs[name][0], (inputs[name][1] if len(inputs[name]) > 1 else {})
            yield (name, "COMBO", {"options": kind, **options}) if isinstance(kind, list) else (name, kind, options)


def _default(node: dict, name: str, kind: str, options: dict) -> Any:
    """Return what the browser puts into a widget that the file is too old or too short to have a value for."""
    choices = options.get("options")
    if "default" in options:
        return options["default"]
    if choices:
        return choices[0]["key"] if kind == DYNAMIC_COMBO else choices[0]
    raise WorkflowError(f"{_name(node)} has no saved value for {name!r}, and the input has no default.")


def _name(node: dict) -> str:
    return f"node {node['id']} ({node['type']})"
