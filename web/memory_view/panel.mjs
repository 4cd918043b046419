/** Preview Memory and Memory Brush: buttons, the 3D view with its legend, the shapes, and what the mouse reads. */

import { fetchScene, Gone } from "../editor/scene.mjs";
import { say } from "../words.mjs";
import { appearanceOf, markLocked, paintedScene } from "./appearance.mjs";
import { COLOURINGS, number } from "./colourings.mjs";
import { button, choice, element, STYLE } from "./elements.mjs";
import { Gestures } from "./gestures.mjs";
import { ShapeList } from "./list.mjs";
import { TOOLS } from "./model.mjs";
import { Outlines } from "./outlines.mjs";
import { Overlays } from "./overlays.mjs";
import { DOES } from "./shapes.mjs";
import { View } from "./view.mjs";
import { COLOUR_WORDS, DOES_TITLES, DOES_WORDS, TOOL_TITLES, TOOL_WORDS } from "./wording.mjs";

const TOOL_KEYS = { v: "look", b: "box", o: "sphere", l: "lasso" };
const DIGITS = 3; // of a number that is read

class Panel {
  /** Whether shapes are drawn here. */
  get brush() {
    return false;
  }

  /**
   * root: the element to fill; model: a ShapesModel.
   * host: {url(path), runScene(), edited()}: what the page around it does. runScene returns why it cannot.
   */
  constructor(root, model, host) {
    Object.assign(this, { root, model, host, colouring: "picture" });
    root.classList.add("mirage-memory");
    element("style", root, { textContent: STYLE });
    this.#makeButtons(element("div", root, { className: "row" }));
    if (this.brush) this.#makeTools(element("div", root, { className: "row tools" }));
    const view = element("div", root, { className: "view" });
    this.view = new View(view);
    this.over = new Overlays(view, this.brush, () => {
      model.text = "";
      host.edited();
    });
    if (this.brush) {
      this.outlines = new Outlines(this.view, model);
      this.list = new ShapeList(element("div", root, { className: "list" }), model, host.edited);
    }
    this.state = element("div", root, { className: "state" });
    this.reading = element("div", root, { className: "state reading" });
    this.gestures = new Gestures(this.view, model, this.outlines, {
      edited: host.edited,
      read: (token) => this.#read(token),
      drawn: (corners) => this.over.draw(corners),
    });
    root.tabIndex = 0; // keys and, in Nodes 2.0, the wheel come only to what has the focus
    root.dataset.captureWheel = "true";
    const focus = ({ target }) => target.closest("input, select") ?? root.focus({ preventScroll: true });
    root.addEventListener("pointerdown", focus, { capture: true }); // a gesture in the view lets nothing through
    root.addEventListener("keydown", (event) => this.#key(event));
    model.onChange((what) => this.#refresh(what));
    this.#refresh("shapes");
  }

  dispose() {
    this.view.dispose();
  }

  /** What a panel made anew takes over: where it looks from, the colours, tool and choice. */
  get look() {
    const { colouring } = this;
    return { colouring, model: this.model.look, view: this.view.look };
  }

  set look({ colouring, model, view }) {
    this.colouring = colouring;
    this.model.look = model;
    this.view.look = view;
    this.#refresh("shapes");
  }

  /** Show what the node wrote: ComfyUI's name for a file. */
  async show(file) {
    if (this.file === file.filename && this.scene && !this.failure) return; // told again after undo
    this.file = file.filename;
    try {
      const scene = await fetchScene(file, this.host.url);
      if (this.file !== file.filename) return; // another has come meanwhile
      this.scene = scene;
      this.failure = null;
      this.view.show(scene);
      this.reading.textContent = "";
    } catch (error) {
      const gone = error instanceof Gone;
      this.failure = gone ? say("The points are gone from the server. Press Show points.") : error.message;
    }
    this.#refresh("shapes");
  }

  #makeButtons(row) {
    button(row, say("Show points"), say("Run what leads to this node, and show the memory's points"), () => {
      this.failure = this.host.runScene() ?? null;
      this.#hint();
    });
    button(row, say("Overview"), say("See all points"), () => this.view.overview());
    button(row, say("Start camera"), say("Look as the camera of the first picture does"), () => this.view.fromStart());
    element("span", row, { className: "space" });
    const label = element("label", row, { textContent: `${say("Colours")} ` });
    this.colours = choice(label, COLOURINGS, COLOUR_WORDS, say("What the points' colours say"), (name) => {
      this.colouring = name;
      this.#refresh("shapes");
    });
    button(row, "?", say("List the keys"), () => this.over.help.toggle());
  }

  #makeTools(row) {
    const { model } = this;
    this.tools = TOOLS.map((tool) => button(row, TOOL_WORDS[tool](), TOOL_TITLES[tool](), () => model.setTool(tool)));
    element("span", row, { className: "space" });
    this.does = DOES.map((does) => button(row, DOES_WORDS[does](), DOES_TITLES[does](), () => model.setDoes(does)));
  }

  /** Keys that mean something here are not for ComfyUI, nor are the others, but those that undo and redo. */
  #key(event) {
    const typing = event.target.matches("input, select");
    const command = event.ctrlKey || event.metaKey;
    if (command && !typing && ["z", "y"].includes(event.key.toLowerCase())) return;
    event.stopPropagation();
    if (typing && event.key === "Escape") this.root.focus({ preventScroll: true });
    if (command && event.key === "s") event.preventDefault(); // else the browser would save the page
    if (typing || command || event.altKey) return;
    if (this.#handles(event)) event.preventDefault();
  }

  #handles(event) {
    const { model, over: { help } } = this;
    const tool = this.brush && TOOL_KEYS[event.key.toLowerCase()];
    if (event.key === "?") help.toggle();
    else if (event.key === "Escape") {
      if (help.open) help.toggle();
      else if (model.tool !== "look") model.setTool("look");
      else model.choose(-1);
    } else if (event.key === "Home") this.view.overview();
    else if (tool) model.setTool(tool);
    else if (this.brush && ["Delete", "Backspace"].includes(event.key)) this.#deleteChosen();
    else return this.gestures.key(event);
    return true;
  }

  #deleteChosen() {
    if (!this.model.editable || !this.model.shape) return;
    this.model.remove(this.model.chosen);
    this.host.edited();
  }

  /** Say what a token is; -1: none. */
  #read(token) {
    this.view.mark(token);
    this.reading.textContent = "";
    if (token < 0) return;
    const { frame, confidence, width, every, xyz } = this.scene;
    const round = (value) => Number(value.toPrecision(DIGITS));
    const [x, y, z] = xyz.slice(3 * token, 3 * token + 3);
    const told = {
      frame: frame[token],
      confidence: round(confidence[token]),
      width: round(width[token] / Math.sqrt(every)), // of the token itself, not of those it stands for
      place: [x, y, z].map(round).join(", "),
    };
    this.reading.textContent = say(
      "Token: latent frame {frame}, confidence {confidence}, {width} wide, at {place} (scene units)",
      told,
    );
  }

  /** what: "shapes", "choice" or "tool". */
  #refresh(what) {
    const { model, scene } = this;
    this.colours.value = this.colouring;
    this.tools?.forEach((one, n) => one.classList.toggle("on", TOOLS[n] === model.tool));
    this.does?.forEach((one, n) => one.classList.toggle("on", DOES[n] === model.does));
    for (const one of [...(this.tools?.slice(1) ?? []), ...(this.does ?? [])]) one.disabled = !model.editable;
    this.view.canvas.style.cursor = model.tool === "look" ? "" : "crosshair";
    this.#hint();
    if (what === "tool") return;
    this.outlines?.redraw();
    if (!scene) return;
    if (what === "shapes") this.painted = paintedScene(scene, model.shapes);
    const { rgb, shown } = appearanceOf(scene, this.painted, this.colouring, model);
    if (this.brush && this.colouring === "picture") markLocked(rgb, this.painted.locked);
    this.view.paint(rgb, shown);
    this.#explain();
  }

  #explain() {
    const { scene, painted } = this;
    this.over.explain(scene, painted, this.colouring);
    const count = (values) => values.reduce((sum, one) => sum + one, 0);
    const [points, stay, locked] = [painted.stays.length, count(painted.stays), count(painted.locked)].map(number);
    const told = { points: number(scene.points), every: scene.every, stay, locked, shown: points };
    const thinned = scene.every > 1 ? say("One of every {every} of the {points} points is shown.", told) : "";
    const counted = this.brush ? say("{stay} of {shown} points stay, {locked} are locked.", told) : "";
    this.state.textContent = `${thinned} ${counted}`.trim() || say("{points} points.", told);
  }

  #hint() {
    this.over.say(this.model, this.failure, !this.scene);
  }
}

export class Preview extends Panel {}

export class Brush extends Panel {
  get brush() {
    return true;
  }
}
