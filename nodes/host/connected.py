"""Which outputs of a node lead somewhere: what nobody takes need not be made."""

from server import PromptServer


def connected_outputs(node_id: str | None) -> list[int] | None:
    """The outputs of a node that others of the running prompt take, by number.

    ComfyUI keeps what a node gave, and gives it again where the node is asked with the same inputs, even if another of
    its outputs is connected by then. So a node that asks here must do so in ``fingerprint_inputs`` as well.

    Returns:
        None = any may be: there is no server, or the prompt does not have the node, as another one made it.
    """
    server = getattr(PromptServer, "instance", None)
    running = [] if server is None else server.prompt_queue.get_current_queue_volatile()[0]
    for _, _, prompt, *_ in running:
        if node_id in prompt:
            inputs = [value for node in prompt.values() for value in node["inputs"].values()]
            links = [value for value in inputs if isinstance(value, list) and len(value) == 2]
            return sorted({number for name, number in links if name == node_id and isinstance(number, int)})
    return None
