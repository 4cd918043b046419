/** The Camera Path Editor: buttons, the 3D view, the timeline, and the fields of the chosen key. */

import { say } from "../words.mjs";
import { knownShare, standsAt } from "./coverage.mjs";
import { STYLE, button, element } from "./elements.mjs";
import { Fields } from "./fields.mjs";
import { Gestures } from "./gestures.mjs";
import { Player } from "./player.mjs";
import { fetchScene, ownFieldOf } from "./scene.mjs";
import { failureText, hintText, stateText } from "./status.mjs";
import { Timeline } from "./timeline.mjs";
import { Tools } from "./tools.mjs";
import { View } from "./view.mjs";

const SLICE = 12; // milliseconds of counting before the page may go on

export class Editor {
  /**
   * root: the element to fill; model: a PathModel.
   * host: {url(path), runScene(), undo(), edited()}: what the page around it does. runScene returns why it cannot.
   */
  constructor(root, model, host) {
    this.model = model;
    this.host = host;
    this.known = [];
    root.classList.add("mirage-editor");
    element("style", root, { textContent: STYLE });
    this.#makeButtons(element("div", root, { className: "row" }));
    const view = element("div", root, { className: "view" });
    const times = element("div", root, { className: "times" });
    this.#makePanels(root);
    this.player = new Player(model, () => this.#refresh());
    this.view = new View(view, model);
    this.gestures = new Gestures(this.view, model, host.edited);
    this.timeline = new Timeline(times, model, host.edited);
    this.#makeHint(element("div", view, { className: "hint" }));
    root.tabIndex = 0; // keys and, in Nodes 2.0, the wheel come only to what has the focus
    root.dataset.captureWheel = "true";
    // captured: what was typed for a key is taken before another one is chosen
    root.addEventListener("pointerdown", () => root.focus({ preventScroll: true }), { capture: true });
    root.addEventListener("keydown", (event) => this.#key(event));
    model.onChange((what) => {
      if (what === "path") this.#count();
      this.#refresh();
    });
    this.#refresh();
  }

  dispose() {
    this.counting = null;
    this.player.stop();
    this.gestures.dispose();
    this.view.dispose();
    this.timeline.dispose();
  }

  /** What an editor made anew takes over: where it looks from, the playhead, the chosen key. */
  get look() {
    return { ...this.model.look, ...this.view.look };
  }

  set look(look) {
    this.model.look = look;
    this.view.look = look;
    this.#refresh();
  }

  /** Show what the node wrote: ComfyUI's name for a file. */
  async show(file) {
    if (this.file === file.filename && this.scene && !this.failure) return; // told again after undo
    this.file = file.filename;
    try {
      const scene = await fetchScene(file, this.host.url);
      if (this.file !== file.filename) return; // another has come meanwhile
      this.scene = scene;
      this.model.setOwnField(ownFieldOf(scene)); // counts, too
      this.view.show(scene);
      this.failure = null;
    } catch (error) {
      this.failure = error.message;
    }
    this.#refresh();
  }

  #makeButtons(row) {
    const show = say("Run what leads to this node, and show the memory's points");
    button(row, say("Show scene"), show, () => this.#runScene());
    const through = say("Look through the camera at the playhead");
    this.throughButton = button(row, say("Through camera"), through, () => this.#through());
    button(row, say("Overview"), say("See all of the scene and the path"), () => {
      if (this.view.through) this.#through();
      this.view.overview();
    });
    this.playButton = button(row, say("Play"), say("Play the path"), () => this.player.toggle());
    element("span", row, { className: "space" });
    const add = say("Put a key at the playhead, with the view you have now");
    this.addButton = button(row, say("Add key"), add, () => this.#edit(() => this.model.addKey(this.view.pose)));
    const remove = say("Delete the chosen key");
    this.deleteButton = button(row, say("Delete"), remove, () => this.#edit(() => this.model.deleteKey()));
    button(row, say("Undo"), say("Take the last change back"), () => {
      this.gestures.end();
      this.host.undo();
    });
  }

  /** What lies below the timeline. */
  #makePanels(root) {
    const row = () => element("div", root, { className: "row" });
    const edit = (change) => this.#edit(change);
    this.state = element("div", root, { className: "state" });
    this.tools = new Tools(row(), this.model, edit);
    this.fields = new Fields(row(), row(), this.model, edit);
  }

  #makeHint(hint) {
    this.hint = hint;
    this.said = element("span", hint);
    const title = say("Put a short way forward in its place; Undo brings the text back");
    this.anewButton = button(hint, say("Start anew"), title, () => {
      this.model.startAnew();
      this.host.edited();
    });
  }

  #edit(change) {
    this.gestures.end();
    change();
    this.host.edited();
  }

  #runScene() {
    this.failure = this.host.runScene() ?? null;
    this.#refresh();
  }

  #through() {
    this.view.setThrough(!this.view.through);
    this.#refresh();
  }

  /** Keys that mean something here are not for ComfyUI, which opens sidebars by some of them. */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT)$/.test(event.target.tagName);
    if (!typing && !this.#handles(event)) return;
    event.stopPropagation();
    if (!typing) event.preventDefault();
  }

  #handles(event) {
    const { model } = this;
    const frames = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.#edit(() => model.deleteKey());
    else if (frames) model.seek(model.timeOf(model.frameOf(model.time) + frames));
    else return this.gestures.key(event);
    return true;
  }

  /** Count what is known, frame after frame, without holding the page up. */
  #count() {
    const run = (this.counting = {});
    if (!this.scene?.coverage || this.model.blank) return this.#setKnown([]);
    const { frames, at, ownField } = this.model;
    const stands = standsAt(this.scene.coverage, frames);
    const known = Array(stands.length).fill(undefined);
    const some = () => {
      if (this.counting !== run) return;
      const begun = performance.now();
      while (performance.now() - begun < SLICE) {
        const next = known.indexOf(undefined);
        if (next < 0) return this.#setKnown(known);
        known[next] = knownShare(this.scene, at(this.model.timeOf(stands[next])), ownField);
      }
      setTimeout(some);
    };
    setTimeout(some);
  }

  #setKnown(known) {
    this.known = known;
    this.view.setKnown(known);
    this.timeline.setKnown(known);
    this.#refresh();
  }

  #refresh() {
    const { model } = this;
    const { blank, editable } = model;
    this.throughButton.classList.toggle("on", this.view.through);
    this.throughButton.disabled = blank && !this.view.through;
    this.playButton.textContent = this.player.playing ? say("Stop") : say("Play");
    this.playButton.disabled = blank;
    const here = model.keyAtPlayhead;
    this.addButton.textContent = here >= 0 ? say("Set key") : say("Add key");
    this.addButton.disabled = !editable || (here >= 0 && (this.view.through || model.holds(here)));
    this.deleteButton.disabled = !editable || model.keys.length === 1 || model.holds(model.chosen);
    this.tools.refresh();
    this.fields.refresh();
    this.state.textContent = stateText(model, this.scene, this.known);
    this.#hint();
  }

  #hint() {
    const { error, linked } = this.model;
    const failure = failureText(this.model, this.failure);
    this.said.textContent = failure ?? hintText(this.model, this.scene, this.view.through);
    this.hint.classList.toggle("error", Boolean(failure));
    this.anewButton.hidden = !error || linked;
  }
}
