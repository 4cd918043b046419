/** The widgets of Preview Memory, which shows points, and of Memory Brush, whose value is shapes as JSON. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { Seats } from "./editor/seats.mjs";
import { chain, isLinked, locator, runTo, stayShown } from "./in_graph.mjs";
import { ShapesModel } from "./memory_view/model.mjs";

const [WIDTH, HEIGHT] = [520, 440];

const workflow = () => app.extensionManager.workflow.activeWorkflow;
const seatsFor = (name) =>
  new Seats(
    { rootGraph: () => app.rootGraph, workflow },
    (seat) => ({
      url: (path) => api.apiURL(path),
      runScene: () => runTo(seat.node),
      edited: () => {
        seat.node.graph?.setDirtyCanvas(true, true);
        workflow()?.changeTracker?.captureCanvasState();
      },
    }),
    { model: () => new ShapesModel(), editor: async () => (await import("./memory_view/panel.mjs"))[name] },
  );
const previews = seatsFor("Preview");
const brushes = seatsFor("Brush");

/** Put a view into a node; options: those of ComfyUI's addDOMWidget. */
function viewWidget(node, name, seats, options) {
  let text = ""; // while the node is in no graph
  let seat = null;
  const widget = node.addDOMWidget(name, "MIRAGE_MEMORY", document.createElement("div"), {
    hideOnZoom: false,
    getMinHeight: () => HEIGHT,
    getValue: () => (seat ? seat.model.text : text),
    setValue: (value) => {
      if (seat) seat.model.text = value ?? "";
      else text = value ?? "";
    },
    ...options,
  });
  stayShown(widget);
  const follow = () => seat?.model.setLinked(isLinked(node, name));
  widget.showOutput = (output) => {
    const file = output?.mirage_points?.[0];
    if (!file || !seat) return;
    seat.model.setCame(output.mirage_shapes?.[0] ?? "");
    seat.opened.then((panel) => panel?.show(file));
  };
  chain(node, "onAdded", () => {
    if (node.graph.rootGraph !== app.rootGraph) return; // ComfyUI copies by way of graphs that it never shows
    seat = seats.take(node);
    const { root, model, opened } = seat;
    Object.assign(widget, { element: root, model, opened });
    model.text = text;
    follow();
  });
  chain(node, "onRemoved", () => {
    if (!seat) return;
    text = seat.model.text;
    seat = null;
    queueMicrotask(() => seats.sweep()); // not before undo has brought the node back
  });
  chain(node, "onConfigure", follow);
  chain(node, "onConnectionsChange", follow);
  chain(node, "onExecuted", (output) => widget.showOutput(output));
  return widget;
}

app.registerExtension({
  name: "mirage.memory_view",
  getCustomWidgets: () => ({
    MIRAGE_MEMORY_SHAPES: (node, name) => {
      return { widget: viewWidget(node, name, brushes), minWidth: WIDTH, minHeight: HEIGHT };
    },
  }),
  nodeCreated: (node) => {
    if (node.comfyClass !== "Mirage_PreviewMemory") return;
    viewWidget(node, "view", previews, { serialize: false }).serialize = false; // it has no value
    node.setSize([Math.max(node.size[0], WIDTH), Math.max(node.size[1], HEIGHT)]);
  },
  beforeConfigureGraph: () => [previews, brushes].forEach((seats) => seats.beforeLoading()),
  afterConfigureGraph: () => [previews, brushes].forEach((seats) => seats.sweep()),
  onNodeOutputsUpdated: (outputs) => {
    // after undo, and after coming back to a workflow
    for (const seats of [previews, brushes]) {
      seats.restoreLooks();
      for (const { node } of seats) node.widgets.find((one) => one.showOutput)?.showOutput(outputs?.[locator(node)]);
    }
  },
});
