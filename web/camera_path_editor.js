/** The widget of the Camera Path Editor node: its value is the path as JSON. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { Seats } from "./editor/seats.mjs";
import { chain, isLinked, locator, runTo, stayShown } from "./in_graph.mjs";
import { upstreamOf } from "./upstream.mjs";
import { setLanguage } from "./words.mjs";

const [WIDTH, HEIGHT] = [560, 580];

const workflow = () => app.extensionManager.workflow.activeWorkflow;
const seats = new Seats({ rootGraph: () => app.rootGraph, workflow }, (seat) => ({
  url: (path) => api.apiURL(path),
  runScene: () => runTo(seat.node),
  upstream: () => upstreamOf(seat.node, ["geometry", "memory"]), // what the shown scene is made of
  undo: () => app.extensionManager.command.execute("Comfy.Undo"),
  redo: () => app.extensionManager.command.execute("Comfy.Redo"),
  edited: () => {
    seat.node.graph?.setDirtyCanvas(true, true);
    workflow()?.changeTracker?.captureCanvasState();
  },
}));

function editorWidget(node, name) {
  let text = ""; // while the node is in no graph
  let seat = null;
  const widget = node.addDOMWidget(name, "MIRAGE_CAMERA_PATH", document.createElement("div"), {
    hideOnZoom: false,
    getMinHeight: () => HEIGHT,
    getValue: () => (seat ? seat.model.text : text),
    setValue: (value) => {
      if (seat) seat.model.text = value ?? "";
      else text = value ?? "";
    },
  });
  stayShown(widget);
  const follow = () => {
    if (!seat) return;
    const { model } = seat;
    const frames = node.widgets.find((one) => one.name === "frames")?.value;
    model.setLinked(isLinked(node, name));
    const came = isLinked(node, "frames") && model.came?.linked.includes("frames");
    model.setLength(came ? model.came.frames : frames);
  };
  widget.showOutput = (output) => {
    const file = output?.mirage_scene?.[0];
    if (!file || !seat) return;
    seat.model.setCame(output.mirage_path?.[0] ?? null);
    seat.model.setOffer(output.mirage_taken?.[0] ?? null);
    follow();
    seat.opened.then((editor) => editor?.show(file));
  };
  chain(node, "onAdded", () => {
    if (node.graph.rootGraph !== app.rootGraph) return; // ComfyUI copies by way of graphs that it never shows
    seat = seats.take(node);
    const { root, model, opened } = seat;
    Object.assign(widget, { element: root, model, opened });
    opened.then((editor) => (widget.editor = editor));
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
  queueMicrotask(() => {
    const frames = node.widgets.find((one) => one.name === "frames");
    if (frames) chain(frames, "callback", follow);
  });
  return { widget, minWidth: WIDTH, minHeight: HEIGHT };
}

app.registerExtension({
  name: "mirage.camera_path_editor",
  setup: () => setLanguage(app.extensionManager.setting.get("Comfy.Locale")),
  getCustomWidgets: () => ({ MIRAGE_CAMERA_PATH: editorWidget }),
  beforeConfigureGraph: () => seats.beforeLoading(),
  afterConfigureGraph: () => seats.sweep(),
  onNodeOutputsUpdated: (outputs) => {
    // after undo, and after coming back to a workflow
    seats.restoreLooks();
    for (const { node } of seats) node.widgets.find((one) => one.showOutput)?.showOutput(outputs?.[locator(node)]);
  },
});
