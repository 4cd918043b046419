/** What leads to a node, as a text that changes when any of it does. */

const CHANGING = ["randomize", "increment", "decrement"]; // what ComfyUI does with a seed after each run
const BEFORE_SUBGRAPH = -10; // id of the node by which links come into a subgraph, as ComfyUI has it

/**
 * names: of the inputs whose sources count.
 *
 * Counted are the kinds, the modes, the links and the widgets of the nodes that lead to them, but no seed that ComfyUI
 * itself changes after each run. Within a subgraph it ends where links come in.
 */
export function upstreamOf(node, names) {
  const found = new Map();
  const visit = (one) => {
    if (!one || found.has(one.id)) return;
    found.set(one.id, null); // a loop ends here
    found.set(one.id, [one.type, one.mode, one.inputs?.map((input) => source(one.graph, input)), settings(one)]);
    for (const input of one.inputs ?? []) follow(one.graph, input);
  };
  const follow = (graph, input) => {
    const link = input.link != null && graph?.getLink(input.link);
    if (link && link.origin_id !== BEFORE_SUBGRAPH) visit(graph.getNodeById(link.origin_id));
  };
  const wanted = node.inputs?.filter((input) => names.includes(input.name)) ?? [];
  for (const input of wanted) follow(node.graph, input);
  const own = wanted.map((input) => source(node.graph, input));
  return JSON.stringify([own, [...found].sort(([a], [b]) => Number(a) - Number(b))]);
}

function source(graph, input) {
  const link = input.link != null && graph?.getLink(input.link);
  return [input.name, link ? [link.origin_id, link.origin_slot] : null];
}

/** The widgets' values, and of a subgraph those of all nodes in it. */
function settings(node) {
  const changes = (widget) => widget.linkedWidgets?.some((one) => CHANGING.includes(one.value));
  const widgets = node.widgets?.filter((one) => !changes(one)).map(({ name, value }) => [name, value]) ?? [];
  return [widgets, node.subgraph?.nodes.map((one) => [one.id, one.mode, settings(one)]) ?? null];
}
