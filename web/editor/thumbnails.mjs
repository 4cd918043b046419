/** A small picture of every key, as its camera takes it, below the timeline. Taken while nothing else happens. */

import { say } from "../words.mjs";
import { BACKGROUND, PATH, TEXT } from "./colours.mjs";
import { poseOf } from "./keys.mjs";
import { shapeOf } from "./through.mjs";

const HEIGHT = 36; // pixels
const WIDEST = 80; // pixels
const FINE = 2; // dots a pixel
const QUIET = 500; // milliseconds without a change before pictures are taken
const AT_ONCE = 4; // pictures, before the page may go on
const STYLE = `
.mirage-editor .thumbnails { position: relative; flex: none; height: ${HEIGHT}px; cursor: pointer; }
.mirage-editor .thumbnails[hidden] { display: none; }
.mirage-editor .thumbnails canvas { position: absolute; inset: 0; width: 100%; height: 100%; }
`;

export class Thumbnails {
  /** view: a View; timeline: where a key's time is; model: their PathModel; busy: whether pictures must wait. */
  constructor(view, timeline, model, busy) {
    Object.assign(this, { view, timeline, model, busy });
    this.pictures = new Map(); // what a key sees, as a text -> canvas
    const style = document.createElement("style");
    style.textContent = STYLE;
    this.row = Object.assign(document.createElement("div"), { className: "thumbnails", hidden: true });
    this.row.title = say("What the camera sees at each key. Click a picture to go there.");
    this.canvas = document.createElement("canvas");
    this.row.append(this.canvas);
    timeline.canvas.parentElement.after(style, this.row);
    this.row.addEventListener("pointerdown", (event) => this.#choose(event));
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.row);
    view.onChange((what) => {
      if (what !== "scene") return;
      this.pictures.clear();
      this.row.hidden = false;
      this.#later();
    });
    model.onChange(() => {
      this.draw();
      this.#later();
    });
  }

  dispose() {
    clearTimeout(this.timer);
    this.resizing.disconnect();
  }

  /** Where the picture of a key is: {x, width} in pixels of the row. */
  at(number) {
    const [H, W] = shapeOf(this.view.scene);
    const width = Math.min((HEIGHT * W) / H, WIDEST);
    const box = this.row.getBoundingClientRect();
    const zoom = box.width / this.row.clientWidth; // the graph may be scaled
    const middle = (this.timeline.onPage(this.model.keys[number].time).x - box.left) / zoom;
    return { x: Math.max(0, Math.min(this.row.clientWidth - width, middle - width / 2)), width };
  }

  draw() {
    const { clientWidth: width } = this.row;
    if (!width) return;
    const ratio = Math.min(window.devicePixelRatio, 2);
    const [w, h] = [Math.round(width * ratio), Math.round(HEIGHT * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    const to = this.canvas.getContext("2d");
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.clearRect(0, 0, width, HEIGHT);
    if (this.model.blank) return;
    for (const number of this.#fromBelow()) {
      const { x, width: wide } = this.at(number);
      const picture = this.pictures.get(this.#seenBy(number));
      to.fillStyle = BACKGROUND;
      to.fillRect(x, 0, wide, HEIGHT);
      if (picture) to.drawImage(picture, x, 0, wide, HEIGHT);
      to.strokeStyle = number === this.model.chosen ? TEXT : PATH;
      to.strokeRect(x + 0.5, 0.5, wide - 1, HEIGHT - 1);
    }
  }

  /** Numbers of the keys in the order in which they are drawn: the chosen one lies on top. */
  #fromBelow() {
    const numbers = this.model.keys.map((_, number) => number).filter((number) => number !== this.model.chosen);
    return [...numbers, this.model.chosen];
  }

  #seenBy(number) {
    const { position, pan, tilt, roll, field_of_view } = this.model.keys[number];
    return JSON.stringify([position, pan, tilt, roll, field_of_view ?? this.model.ownField]);
  }

  #choose(event) {
    if (this.model.blank) return;
    const box = this.row.getBoundingClientRect();
    const x = ((event.clientX - box.left) * this.row.clientWidth) / box.width;
    const hit = this.#fromBelow().findLast((number) => {
      const { x: left, width } = this.at(number);
      return x >= left && x <= left + width;
    });
    if (hit === undefined) return;
    this.model.seek(this.model.keys[hit].time);
    this.model.choose(hit);
  }

  #later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#take(), QUIET);
  }

  #take() {
    if (!this.view.scene || this.model.blank || !this.view.width) return;
    if (this.busy()) return this.#later();
    const wanted = this.model.keys.map((_, number) => [this.#seenBy(number), number]);
    const names = wanted.map(([name]) => name);
    for (const name of this.pictures.keys()) if (!names.includes(name)) this.pictures.delete(name);
    const missing = wanted.filter(([name]) => !this.pictures.has(name));
    for (const [name, number] of missing.slice(0, AT_ONCE)) this.pictures.set(name, this.#picture(number));
    if (missing.length) this.draw();
    if (missing.length > AT_ONCE) this.#later();
  }

  #picture(number) {
    const key = this.model.keys[number];
    const size = { width: Math.round(this.at(number).width * FINE), height: HEIGHT * FINE };
    const made = Object.assign(document.createElement("canvas"), size);
    const camera = { ...poseOf(key), fieldOfView: key.field_of_view ?? this.model.ownField };
    this.view.picture(camera, size.width, size.height, made.getContext("2d"));
    return made;
  }
}
