/** The Camera Path Editor: buttons, the 3D view, the timeline, and the fields of the chosen key. */

import { BACKGROUND, CAREFUL, DIM, TEXT, TRACK } from "./colours.mjs";
import { knownShare } from "./coverage.mjs";
import { EASINGS, NARROWEST, WIDEST } from "./keys.mjs";
import { fetchScene, ownFieldOf } from "./scene.mjs";
import { Timeline } from "./timeline.mjs";
import { View } from "./view.mjs";

const SLICE = 12; // milliseconds of counting before the page may go on
const FRAMES_PER_SECOND = 24;
const WAY_ON = { linear: "even", smooth: "smooth", "start gently": "gentle start", "stop gently": "gentle stop" };
const STYLE = `
.mirage-editor { position: relative; width: 100%; height: 100%; min-height: 380px; display: flex; flex-direction: column;
  gap: 4px; font: 12px sans-serif; color: ${TEXT}; overflow: hidden; outline: none; }
.mirage-editor .row { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; flex: none; }
.mirage-editor .space { flex: 1; }
.mirage-editor button, .mirage-editor select, .mirage-editor input { font: inherit; color: ${TEXT}; background: ${TRACK};
  border: 1px solid #3b424b; border-radius: 4px; padding: 2px 7px; height: 22px; }
.mirage-editor button:hover { background: #3b424b; }
.mirage-editor button.on { background: #2c6f66; }
.mirage-editor button:disabled { color: ${DIM}; }
.mirage-editor input { width: 52px; }
.mirage-editor .view { position: relative; flex: 1; min-height: 120px; background: ${BACKGROUND}; }
.mirage-editor .times { position: relative; flex: none; height: 66px; }
.mirage-editor .hint { position: absolute; left: 8px; top: 8px; padding: 2px 6px; border-radius: 4px;
  background: ${BACKGROUND}d0; pointer-events: none; white-space: pre-line; }
.mirage-editor .hint:empty { display: none; }
.mirage-editor .hint.error { color: ${CAREFUL}; }
.mirage-editor .state { color: ${DIM}; }
`;

function element(kind, parent, properties = {}) {
  const made = Object.assign(document.createElement(kind), properties);
  parent.append(made);
  return made;
}

export class Editor {
  /**
   * root: the element to fill; model: a PathModel.
   * host: {url(path), runScene(), undo(), edited()}: what the page around it does.
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
    this.view = new View(view, model, host.edited);
    this.timeline = new Timeline(times, model, host.edited);
    this.hint = element("div", view, { className: "hint" });
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
    this.view.dispose();
    this.timeline.dispose();
  }

  /** Show what the node wrote: the host's name for a file. */
  async show(file) {
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
    button("Show scene", "Run what leads to this node, and show the memory's points", () => this.host.runScene());
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
    button("Undo", "Take the last change back", () => this.host.undo());
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
    if (this.model.error) return;
    change();
    this.host.edited();
  }

  #through() {
    this.view.setThrough(!this.view.through);
    this.#refresh();
  }

  #key(event) {
    if (event.target === this.lens || event.target === this.easing) {
      event.stopPropagation(); // typing a number must not delete the node
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.stopPropagation();
      event.preventDefault();
      this.#edit(() => this.model.deleteKey());
    }
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
    if (!this.scene?.coverage || this.model.error) return this.#setKnown([]);
    const { frames, at, ownField } = this.model;
    const { stride } = this.scene.coverage;
    const count = Math.floor((frames - 1) / stride) + 1;
    const known = Array(count).fill(undefined);
    const some = () => {
      if (this.counting !== run) return;
      const begun = performance.now();
      while (performance.now() - begun < SLICE) {
        const next = known.indexOf(undefined);
        if (next < 0) return this.#setKnown(known);
        known[next] = knownShare(this.scene, at(this.model.timeOf(next * stride)), ownField);
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
    const { key } = model;
    this.throughButton.classList.toggle("on", this.view.through);
    this.playButton.textContent = this.playing ? "Stop" : "Play";
    this.addButton.textContent = model.keyAtPlayhead >= 0 ? "Set key" : "Add key";
    this.addButton.disabled = Boolean(model.error) || (this.view.through && model.keyAtPlayhead >= 0);
    this.deleteButton.disabled = Boolean(model.error) || model.keys.length === 1;
    if (document.activeElement !== this.lens) this.lens.value = key.field_of_view ?? "";
    this.lens.placeholder = model.ownField.toFixed(0);
    this.easing.value = key.easing;
    this.easing.disabled = model.chosen === model.keys.length - 1;
    const stride = this.scene?.coverage?.stride ?? 1;
    const share = this.known[Math.round(model.frameOf(model.time) / stride)];
    const mean = this.known.reduce((sum, one) => sum + one, 0) / this.known.length;
    const about = this.scene?.thinned > 1 ? "about " : "";
    const known = share === undefined ? "" : ` · known here ${about}${percent(share)}, along the path ${percent(mean)}`;
    this.state.textContent = `frame ${model.frameOf(model.time)} of ${model.frames} · key ${model.chosen + 1} of ${model.keys.length}${known}`;
    this.#hint();
  }

  #hint() {
    const { error } = this.model;
    let text = "";
    if (error) text = `${error}\nThe text is kept as it is. Mend it, or clear it to begin anew.`;
    else if (this.failure) text = this.failure;
    else if (!this.scene) text = "Press Show scene to see the points of the memory here.";
    else if (this.view.through && this.model.keyAtPlayhead >= 0) text = "Drag turns the camera, the wheel moves it.";
    else if (this.view.through) text = "Add key to change the view here.";
    this.hint.textContent = text;
    this.hint.classList.toggle("error", Boolean(error || this.failure));
  }
}

const percent = (share) => `${Math.round(share * 100)} %`;
