/** A node in ComfyUI's graph: what its page's widgets need of it. */

import { app } from "../../scripts/app.js";
import { say } from "./words.mjs";

const [MUTED, BYPASSED] = [2, 4]; // modes of a node

/** Have a method of an object do something more, after what it did. */
export function chain(object, name, after) {
  const before = object[name];
  object[name] = function (...values) {
    const result = before?.apply(this, values);
    after.apply(this, values);
    return result;
  };
}

/** Whether the value of a widget comes through a link. */
export function isLinked(node, name) {
  const slot = node.inputs?.findIndex((one) => one.widget?.name === name) ?? -1;
  return slot >= 0 && node.isInputConnected(slot);
}

/** Keep a widget shown whose value comes through a link: it shows what comes, and has the button that fetches it. */
export function stayShown(widget) {
  // ComfyUI hides a linked widget by the first of these, and newer front-ends by the second
  for (const why of ["computedDisabled", "connectionSuppressed"]) {
    Object.defineProperty(widget, why, { get: () => false, set: () => {} });
  }
}

/** Run what leads to a node; return why it cannot be run, if so. */
export function runTo(node) {
  const path = pathTo(app.rootGraph, node);
  if (!path) return say("This node, or a subgraph that holds it, is muted or bypassed: it cannot run.");
  app.queuePrompt(0, 1, { queueNodeIds: [path.join(":")] });
}

/** Ids from the root graph to a node through subgraphs that run, as ComfyUI names what it executes; null: there is no way. */
function pathTo(graph, node) {
  for (const one of graph.nodes) {
    if (one.mode === MUTED || one.mode === BYPASSED) continue;
    if (one === node) return [one.id];
    const inside = one.subgraph && pathTo(one.subgraph, node);
    if (inside) return [one.id, ...inside];
  }
  return null;
}

/** As ComfyUI names a node's outputs. */
export const locator = ({ graph, id }) => (graph === app.rootGraph ? `${id}` : `${graph.id}:${id}`);
