/** The Camera Path Editor: buttons, the 3D view, the timeline, and the fields of the chosen key. */

import { say } from "../words.mjs";
import { knownShare, standsAt } from "./coverage.mjs";
import { STYLE, button, element } from "./elements.mjs";
import { Fields } from "./fields.mjs";
import { Gestures } from "./gestures.mjs";
import { KeyList, listenToKeys } from "./keyboard.mjs";
import { Player } from "./player.mjs";
import { fetchScene, Gone, ownFieldOf } from "./scene.mjs";
import { failureText, hintText, stateText } from "./status.mjs";
import { TextPanel } from "./text_panel.mjs";
import { Timeline } from "./timeline.mjs";
import { Tools } from "./tools.mjs";
import { View } from "./view.mjs";
import { ViewTools } from "./view_tools.mjs";

const SLICE = 12; // milliseconds of counting before the page may go on

export class Editor {
  /**
   * root: the element to fill; model: a PathModel.
   * host: {url(path), runScene(), undo(), redo(), upstream(), edited()}: what the page around it does; runScene
   * returns why it cannot, upstream a text that changes when anything does that the scene is made of.
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
    this.viewTools = new ViewTools(root, this, { edited: host.edited, changed: () => this.#refresh() });
    this.#makeHint(element("div", view, { className: "hint" }));
    this.textPanel = new TextPanel(view, model, (change) => this.#edit(change));
    this.keyList = new KeyList(view);
    this.#nameAreas(root);
    root.tabIndex = 0; // keys and, in Nodes 2.0, the wheel come only to what has the focus
    root.dataset.captureWheel = "true";
    // captured: what was typed for a key is taken before another one is chosen
    const focus = ({ target }) => target !== document.activeElement && root.focus({ preventScroll: true });
    root.addEventListener("pointerdown", focus, { capture: true });
    // a button that was clicked does not keep the focus: Space then plays
    root.addEventListener("click", (event) => event.detail && event.target.tagName === "BUTTON" && root.focus());
    root.addEventListener("pointerenter", () => this.#lookUpstream());
    root.addEventListener("focusin", () => this.#lookUpstream());
    this.#listen(root);
    model.onChange((what) => {
      if (what === "path") this.#count();
      this.#refresh();
    });
    this.#refresh();
  }

  /** What a screen reader says of the areas that have no text. */
  #nameAreas(root) {
    Object.assign(root, { role: "group", ariaLabel: say("Camera Path Editor; press ? for its keys") });
    const scene = say("The scene's points, the path and its keys");
    const times = say("Timeline of the video frames with the keys, and the share known of each latent frame");
    for (const [{ canvas }, ariaLabel] of [[this.view, scene], [this.timeline, times]]) {
      Object.assign(canvas, { role: "img", ariaLabel });
    }
  }

  dispose() {
    this.counting = null;
    this.player.stop();
    this.gestures.dispose();
    this.viewTools.dispose();
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
      this.madeOf = this.host.upstream();
      this.stale = false;
      this.model.setTiming(scene.coverage);
      this.model.setOwnField(ownFieldOf(scene)); // counts, too
      this.view.show(scene);
      this.failure = null;
    } catch (error) {
      const gone = error instanceof Gone;
      this.failure = gone ? say("The scene is gone from the server. Press Show scene.") : error.message;
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
    const remove = say("Delete the chosen keys");
    this.deleteButton = button(row, say("Delete"), remove, () => this.#edit(() => this.model.deleteKeys()));
    button(row, say("Undo"), say("Take the last change back"), () => {
      this.gestures.end();
      this.host.undo();
    });
    button(row, say("Redo"), say("Do again what was taken back"), () => {
      this.gestures.end();
      this.host.redo();
    });
    const keys = button(row, "?", say("Show what the keys of the keyboard do here"), () => this.keyList.toggle());
    keys.ariaLabel = say("Keys of the keyboard");
  }

  /** What lies below the timeline. */
  #makePanels(root) {
    const panels = element("div", root, { className: "panels" });
    const row = () => element("div", panels, { className: "row" });
    const edit = (change) => this.#edit(change);
    this.state = element("div", panels, { className: "state" });
    const tools = row();
    this.keyTools = new Tools(tools, this.model, edit);
    const text = say("Show the text of the path, to read or to edit it");
    this.textButton = button(tools, say("Text"), text, () => {
      this.textPanel.toggle();
      this.#refresh();
    });
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

  /** Has anything changed that the shown scene is made of? */
  #lookUpstream() {
    const stale = Boolean(this.scene) && this.host.upstream() !== this.madeOf;
    if (stale === Boolean(this.stale)) return;
    this.stale = stale;
    this.#refresh();
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

  /** What keys do beside moving the camera, which is for the gestures. */
  #listen(root) {
    const { model } = this;
    const step = (frames) => () => model.seek(model.timeOf(model.frameOf(model.time) + frames));
    const remove = () => this.#edit(() => model.deleteKeys());
    const keys = {
      " ": () => this.player.toggle(),
      ArrowLeft: step(-1),
      ArrowRight: step(1),
      Home: () => model.seek(0),
      End: () => model.seek(1),
      Delete: remove,
      Backspace: remove,
      "?": () => this.keyList.toggle(),
    };
    const commands = {
      a: () => model.chooseBetween(0, 1),
      c: () => model.copyPose(),
      v: () => this.#edit(() => model.pastePose()),
    };
    const used = (event) => this.viewTools.key(event) || this.gestures.key(event);
    const others = (event) => used(event) || (event.key === "Escape" && this.#closePanels());
    listenToKeys(root, { keys, commands, others });
  }

  /** Close what lies over the view; return whether there was any. */
  #closePanels() {
    const open = this.keyList.open || this.textPanel.open;
    this.keyList.toggle(false);
    this.textPanel.toggle(false);
    this.#refresh();
    return open;
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
    this.deleteButton.disabled = !editable || model.keys.length === 1 || model.selected.every((n) => model.holds(n));
    this.keyTools.refresh();
    this.textPanel.refresh();
    this.textButton.classList.toggle("on", this.textPanel.open);
    this.fields.refresh();
    this.state.textContent = stateText(model, this.scene, this.known);
    this.#hint();
  }

  #hint() {
    const { error, linked } = this.model;
    const failure = failureText(this.model, this.failure);
    this.said.textContent = failure ?? hintText(this.model, this);
    this.hint.classList.toggle("error", Boolean(failure));
    this.anewButton.hidden = !error || linked;
  }
}
