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
    const slots = one.inputs?.map((_, slot) => slot) ?? [];
    found.set(one.id, [one.type, one.mode, slots.map((slot) => source(one, slot)), settings(one)]);
    for (const slot of slots) visit(sourceNode(one, slot));
  };
  const wanted = node.inputs?.flatMap(({ name }, slot) => (names.includes(name) ? [slot] : [])) ?? [];
  for (const slot of wanted) visit(sourceNode(node, slot));
  const own = wanted.map((slot) => source(node, slot));
  return JSON.stringify([own, [...found].sort(([a], [b]) => Number(a) - Number(b))]);
}

const linkTo = (node, slot) => (node.graph && node.isInputConnected(slot) ? node.getInputLink(slot) : null);

function sourceNode(node, slot) {
  const link = linkTo(node, slot);
  return link && link.origin_id !== BEFORE_SUBGRAPH ? node.graph.getNodeById(link.origin_id) : null;
}

function source(node, slot) {
  const link = linkTo(node, slot);
  return [node.inputs[slot].name, link ? [link.origin_id, link.origin_slot] : null];
}

/** The widgets' values, and of a subgraph those of all nodes in it. */
function settings(node) {
  const changes = (widget) => widget.linkedWidgets?.some((one) => CHANGING.includes(one.value));
  const widgets = node.widgets?.filter((one) => !changes(one)).map(({ name, value }) => [name, value]) ?? [];
  return [widgets, node.subgraph?.nodes.map((one) => [one.id, one.mode, settings(one)]) ?? null];
}
