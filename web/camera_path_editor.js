/** The widget of the Camera Path Editor node: its value is the path as JSON. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { PathModel } from "./editor/model.mjs";

const NODE = "Mirage_CameraPathEditor";
const [WIDTH, HEIGHT] = [560, 480];

function editorWidget(node, name) {
  const root = document.createElement("div");
  root.tabIndex = 0; // keys and, in Nodes 2.0, the wheel come only to what has the focus
  root.dataset.captureWheel = "true";
  const model = new PathModel();
  const widget = node.addDOMWidget(name, "MIRAGE_CAMERA_PATH", root, {
    hideOnZoom: false,
    getMinHeight: () => HEIGHT,
    getValue: () => model.text,
    setValue: (text) => {
      model.text = text ?? "";
    },
  });
  const tracker = () => app.extensionManager.workflow?.activeWorkflow?.changeTracker;
  const host = {
    url: (path) => api.apiURL(path),
    runScene: () => app.queuePrompt(0, 1, { queueNodeIds: [String(node.id)] }),
    undo: () => app.extensionManager.command.execute("Comfy.Undo"),
    edited: () => {
      node.graph?.setDirtyCanvas(true, true);
      tracker()?.captureCanvasState();
    },
  };
  let removed = false;
  widget.showOutput = (output) => {
    const file = output?.mirage_scene?.[0];
    if (file) widget.opened.then((editor) => editor?.show(file));
  };
  widget.model = model;
  // three.js is fetched by the first editor of a page, not by every page
  widget.opened = import("./editor/editor.mjs").then(({ Editor }) => {
    if (removed) return null;
    widget.editor = new Editor(root, model, host);
    return widget.editor;
  });
  chain(node, "onExecuted", (output) => widget.showOutput(output));
  chain(node, "onRemoved", () => {
    removed = true;
    widget.editor?.dispose();
  });
  queueMicrotask(() => followLength(node, model));
  return { widget, minWidth: WIDTH, minHeight: HEIGHT };
}

/** Let the model know how many frames the node's other widget asks for. */
function followLength(node, model) {
  const frames = node.widgets.find((widget) => widget.name === "frames");
  if (!frames) return;
  model.setLength(frames.value);
  chain(frames, "callback", () => model.setLength(frames.value));
  chain(node, "onConfigure", () => model.setLength(frames.value));
}

function chain(object, name, after) {
  const before = object[name];
  object[name] = function (...values) {
    const result = before?.apply(this, values);
    after.apply(this, values);
    return result;
  };
}

function showOutputs(outputs) {
  for (const node of app.graph?.nodes ?? []) {
    if (node.comfyClass !== NODE) continue;
    const widget = node.widgets?.find((one) => one.showOutput);
    widget?.showOutput(outputs?.[String(node.id)]);
  }
}

app.registerExtension({
  name: "mirage.camera_path_editor",
  getCustomWidgets: () => ({ MIRAGE_CAMERA_PATH: editorWidget }),
  onNodeOutputsUpdated: showOutputs, // after undo, and after coming back to a workflow
});
