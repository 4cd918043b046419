/** Frames, keys, playhead, and the share known of every latent frame, on one canvas. */

import { BACKGROUND, CAREFUL, DIM, KNOWN, LEAST_KNOWN, PATH, TEXT, TRACK } from "./colours.mjs";

const SIDE = 14; // pixels left and right of the first and last frame
const RULER = 16;
const KEYS = 18; // height of the row of diamonds
const DIAMOND = 6;
const REACH = 9; // pixels around a diamond that take it
const CLOSEST_NUMBERS = 46; // pixels
const NICE = [1, 2, 4, 5, 8, 10, 20, 40, 50, 80, 100, 200, 400, 500, 1000, 2000, 5000, 10000, 20000, 50000];

export class Timeline {
  /** host: the element to fill; model: a PathModel; onEdited: called once after every finished change. */
  constructor(host, model, onEdited) {
    this.model = model;
    this.onEdited = onEdited;
    this.known = [];
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas.style, { position: "absolute", inset: "0", width: "100%", height: "100%", touchAction: "none" });
    host.append(this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    this.canvas.addEventListener("dblclick", (event) => this.#add(event));
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(host);
    model.onChange(() => this.draw());
  }

  dispose() {
    this.resizing.disconnect();
  }

  setKnown(known) {
    this.known = known;
    this.draw();
  }

  /** Where a time is on the page: {x, y} of the row of keys; for tests. */
  onPage(time) {
    const box = this.canvas.getBoundingClientRect();
    const zoom = box.width / this.canvas.clientWidth; // the graph may be scaled
    return { x: box.left + this.#x(time) * zoom, y: box.top + (RULER + KEYS / 2) * zoom };
  }

  #x(time) {
    return SIDE + time * (this.canvas.clientWidth - 2 * SIDE);
  }

  #time(event) {
    const box = this.canvas.getBoundingClientRect();
    const side = (SIDE * box.width) / this.canvas.clientWidth;
    return (event.clientX - box.left - side) / (box.width - 2 * side);
  }

  #keyAt(event) {
    const near = this.model.keys.map(({ time }) => Math.abs(this.onPage(time).x - event.clientX));
    const best = near.indexOf(Math.min(...near));
    const row = Math.abs(this.onPage(0).y - event.clientY) < KEYS / 2 + 2;
    return row && near[best] < REACH ? best : -1;
  }

  #grab(event) {
    if (event.button !== 0) return;
    const number = this.model.blank ? -1 : this.#keyAt(event);
    let [dragged, from] = [false, event.clientX];
    const seek = (moved) => this.model.seek(this.model.timeOf(this.#time(moved) * (this.model.frames - 1)));
    const move = (moved) => {
      if (number < 0) return seek(moved);
      if (!dragged && Math.abs(moved.clientX - from) < 3) return; // a click chooses
      dragged = true;
      this.model.retime(number, this.#time(moved));
    };
    if (number < 0) seek(event);
    else {
      this.model.seek(this.model.keys[number].time);
      this.model.choose(number);
    }
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener("pointermove", move);
    const done = () => {
      this.canvas.removeEventListener("pointermove", move);
      if (dragged) this.onEdited();
    };
    this.canvas.addEventListener("lostpointercapture", done, { once: true });
  }

  /** A double click: a key on the path as it is. */
  #add(event) {
    if (!this.model.editable || this.#keyAt(event) >= 0) return;
    this.model.seek(this.model.timeOf(this.#time(event) * (this.model.frames - 1)));
    this.model.addKey(this.model.camera);
    this.onEdited();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio, 2);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    const to = this.canvas.getContext("2d");
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.fillStyle = BACKGROUND;
    to.fillRect(0, 0, width, height);
    to.font = "10px sans-serif";
    this.#ruler(to, width);
    this.#coverage(to, width, height);
    this.#diamonds(to, width);
    to.fillStyle = TEXT;
    to.fillRect(this.#x(this.model.time) - 0.5, 0, 1, height);
  }

  #ruler(to, width) {
    const { frames } = this.model;
    const pixels = (width - 2 * SIDE) / Math.max(frames - 1, 1);
    const every = NICE.find((step) => step * pixels >= CLOSEST_NUMBERS) ?? frames;
    to.fillStyle = DIM;
    to.textAlign = "center";
    for (let frame = 0; frame < frames; frame += every) to.fillText(`${frame}`, this.#x(this.model.timeOf(frame)), 11);
  }

  #coverage(to, width, height) {
    const top = RULER + KEYS;
    to.fillStyle = TRACK;
    to.fillRect(SIDE, top, width - 2 * SIDE, height - top - 2);
    const step = (width - 2 * SIDE) / Math.max(this.known.length, 1);
    this.known.forEach((share, n) => {
      if (share === undefined) return;
      const tall = share * (height - top - 2);
      to.fillStyle = share < LEAST_KNOWN ? CAREFUL : KNOWN;
      to.fillRect(SIDE + n * step, height - 2 - tall, Math.max(step - (step > 4 ? 1 : 0), 0.5), tall);
    });
  }

  #diamonds(to, width) {
    const y = RULER + KEYS / 2;
    to.fillStyle = TRACK;
    to.fillRect(SIDE, y - 0.5, width - 2 * SIDE, 1);
    if (this.model.blank) return;
    this.model.keys.forEach(({ time }, number) => {
      const x = this.#x(time);
      to.beginPath();
      to.moveTo(x, y - DIAMOND);
      to.lineTo(x + DIAMOND, y);
      to.lineTo(x, y + DIAMOND);
      to.lineTo(x - DIAMOND, y);
      to.fillStyle = number === this.model.chosen ? TEXT : PATH;
      to.fill();
    });
  }
}
