/** The Camera Path Editor: buttons, the 3D view, the timeline, and the fields of the chosen key. */

import { BACKGROUND, CAREFUL, TEXT } from "./colours.mjs";
import { knownShare, standsAt } from "./coverage.mjs";
import { Gestures } from "./gestures.mjs";
import { EASINGS, NARROWEST, WIDEST } from "./keys.mjs";
import { fetchScene, ownFieldOf } from "./scene.mjs";
import { Timeline } from "./timeline.mjs";
import { View } from "./view.mjs";

const SLICE = 12; // milliseconds of counting before the page may go on
const FRAMES_PER_SECOND = 24;
const WAY_ON = { linear: "even", smooth: "smooth", "start gently": "gentle start", "stop gently": "gentle stop" };
// what lies on the node has the colours of ComfyUI's theme, what lies on the picture those of the picture
const STYLE = `
.mirage-editor { position: relative; width: 100%; height: 100%; min-height: 380px; display: flex; flex-direction: column;
  gap: 4px; font: 12px sans-serif; color: var(--input-text); overflow: hidden; outline: none; }
.mirage-editor .row { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; flex: none; }
.mirage-editor .space { flex: 1; }
.mirage-editor button, .mirage-editor select, .mirage-editor input { font: inherit; color: var(--input-text);
  background: var(--comfy-input-bg); border: 1px solid var(--border-color); border-radius: 4px; padding: 2px 7px; height: 22px; }
.mirage-editor button:hover { border-color: var(--input-text); }
.mirage-editor button.on { background: #2c6f66; color: ${TEXT}; }
.mirage-editor button:disabled, .mirage-editor select:disabled, .mirage-editor input:disabled { opacity: 0.5; }
.mirage-editor input { width: 52px; }
.mirage-editor .view { position: relative; flex: 1; min-height: 120px; background: ${BACKGROUND}; }
.mirage-editor .times { position: relative; flex: none; height: 66px; }
.mirage-editor .hint { position: absolute; left: 8px; right: 8px; top: 8px; pointer-events: none; white-space: pre-line;
  display: flex; flex-direction: column; align-items: flex-start; gap: 4px; }
.mirage-editor .hint span { padding: 2px 6px; border-radius: 4px; color: ${TEXT}; background: ${BACKGROUND}d0; }
.mirage-editor .hint.error span { color: ${CAREFUL}; }
.mirage-editor .hint span:empty { display: none; }
.mirage-editor .hint button { pointer-events: auto; }
`;

function element(kind, parent, properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  parent.append(made);
  return made;
}

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
    this.#makeFields(element("div", root, { className: "row" }));
    this.view = new View(view, model);
    this.gestures = new Gestures(this.view, model, host.edited);
    this.timeline = new Timeline(times, model, host.edited);
    this.#makeHint(element("div", view, { className: "hint" }));
    root.tabIndex = 0; // keys and, in Nodes 2.0, the wheel come only to what has the focus
    root.dataset.captureWheel = "true";
    root.addEventListener("pointerdown", () => root.focus({ preventScroll: true }));
    root.addEventListener("keydown", (event) => this.#key(event));
    model.onChange((what) => {
      if (what === "path") this.#count();
      this.#refresh();
    });
    this.#refresh();
  }

  dispose() {
    this.counting = null;
    this.playing = null;
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
    const button = (name, title, act) => element("button", row, { type: "button", textContent: name, title, onclick: act });
    button("Show scene", "Run what leads to this node, and show the memory's points", () => this.#runScene());
    this.throughButton = button("Through camera", "Look through the camera at the playhead", () => this.#through());
    button("Overview", "See all of the scene and the path", () => {
      if (this.view.through) this.#through();
      this.view.overview();
    });
    this.playButton = button("Play", "Play the path", () => this.#play());
    element("span", row, { className: "space" });
    const add = "Put a key at the playhead, with the view you have now";
    this.addButton = button("Add key", add, () => this.#edit(() => this.model.addKey(this.view.pose)));
    this.deleteButton = button("Delete", "Delete the chosen key", () => this.#edit(() => this.model.deleteKey()));
    button("Undo", "Take the last change back", () => {
      this.gestures.end();
      this.host.undo();
    });
  }

  #makeHint(hint) {
    this.hint = hint;
    this.said = element("span", hint);
    const title = "Put a short way forward in its place; Undo brings the text back";
    this.anewButton = element("button", hint, { type: "button", textContent: "Start anew", title });
    this.anewButton.onclick = () => {
      this.model.startAnew();
      this.host.edited();
    };
  }

  #makeFields(row) {
    this.state = element("span", row, { className: "state" });
    element("span", row, { className: "space" });
    const lens = element("label", row, { textContent: "Lens ", title: "Horizontal field of view of the chosen key, degrees" });
    this.lens = element("input", lens, { type: "number", min: NARROWEST, max: WIDEST, step: 1 });
    this.lens.onchange = () => {
      const value = this.lens.value === "" ? null : Math.max(NARROWEST, Math.min(WIDEST, Number(this.lens.value)));
      this.#edit(() => this.model.changeKey(this.model.chosen, { field_of_view: value }));
    };
    const way = element("label", row, { textContent: "Way on ", title: "How the camera goes to the next key" });
    this.easing = element("select", way);
    for (const value of EASINGS) element("option", this.easing, { value, textContent: WAY_ON[value] });
    this.easing.onchange = () => {
      this.#edit(() => this.model.changeKey(this.model.chosen, { easing: this.easing.value }));
    };
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
    const typing = event.target === this.lens || event.target === this.easing;
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

  #play() {
    if (this.playing) {
      this.playing = null;
      return this.#refresh();
    }
    const seconds = Math.max(this.model.frames - 1, 1) / FRAMES_PER_SECOND;
    const from = this.model.time < 1 ? this.model.time : 0;
    const begun = performance.now();
    const run = (this.playing = {});
    const step = (now) => {
      if (this.playing !== run) return;
      this.model.seek(from + (now - begun) / 1000 / seconds);
      if (this.model.time >= 1) this.playing = null;
      else requestAnimationFrame(step);
      this.#refresh();
    };
    requestAnimationFrame(step);
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
    const { key, blank, editable } = model;
    this.throughButton.classList.toggle("on", this.view.through);
    this.throughButton.disabled = blank && !this.view.through;
    this.playButton.textContent = this.playing ? "Stop" : "Play";
    this.playButton.disabled = blank;
    this.addButton.textContent = model.keyAtPlayhead >= 0 ? "Set key" : "Add key";
    this.addButton.disabled = !editable || (this.view.through && model.keyAtPlayhead >= 0);
    this.deleteButton.disabled = !editable || model.keys.length === 1;
    if (document.activeElement !== this.lens) this.lens.value = blank ? "" : (key.field_of_view ?? "");
    this.lens.placeholder = model.ownField.toFixed(0);
    this.lens.disabled = !editable;
    this.easing.value = blank ? "" : key.easing;
    this.easing.disabled = !editable || model.chosen === model.keys.length - 1;
    this.state.textContent = this.#stateText();
    this.#hint();
  }

  /** The latent frame that stands nearest to a video frame. */
  #latentAt(frame) {
    const stands = this.scene?.coverage ? standsAt(this.scene.coverage, this.model.frames) : [];
    return stands.reduce((best, one, at) => (Math.abs(one - frame) < Math.abs(stands[best] - frame) ? at : best), 0);
  }

  #stateText() {
    const { model } = this;
    const frame = `frame ${model.frameOf(model.time)} of ${model.frames}`;
    if (model.blank) return frame;
    const key = `${frame} · key ${model.chosen + 1} of ${model.keys.length}`;
    const share = this.known[this.#latentAt(model.frameOf(model.time))];
    if (share === undefined) return key;
    const mean = this.known.reduce((sum, one) => sum + one, 0) / this.known.length;
    const about = this.scene?.thinned > 1 ? "about " : "";
    return `${key} · known here ${about}${percent(share)}, along the path ${percent(mean)}`;
  }

  #hint() {
    const { error, linked } = this.model;
    const failure = error ?? this.failure;
    this.said.textContent = failure ? this.#failureText() : this.#hintText();
    this.hint.classList.toggle("error", Boolean(failure));
    this.anewButton.hidden = !error || linked;
  }

  #failureText() {
    const { error, linked } = this.model;
    if (!error) return this.failure;
    if (linked) return `${error}\nIt comes in through the input path: mend it there.`;
    return `${error}\nThe text is kept as it is until you start anew.`;
  }

  #hintText() {
    const { blank, linked, keyAtPlayhead } = this.model;
    if (linked && blank) return "The path comes in through the input path. Press Show scene to see it here.";
    if (linked) return "The path comes in through the input path. This is the one of the last run; it is edited where it comes from.";
    if (!this.scene) return "Press Show scene to see the points of the memory here.";
    if (this.view.through) return keyAtPlayhead >= 0 ? "Drag turns the camera, the wheel moves it." : "Add key to change the view here.";
    return "";
  }
}

const percent = (share) => `${Math.round(share * 100)} %`;
