/** Frames, keys, playhead, and the share known of every latent frame, on one canvas. */

import { BACKGROUND, CAREFUL, DIM, KNOWN, LEAST_KNOWN, PATH, TEXT, TRACK } from "./colours.mjs";

const SIDE = 14; // pixels left and right of the first and last frame
const RULER = 16;
const KEYS = 20; // height of the row of diamonds
const DIAMOND = 8;
const [REACH, FINGER] = [9, 16]; // pixels around a diamond that take it, with a mouse and with a finger
const STILL = 3; // pixels that a click may move
const LEAST_TICK = 3; // pixels between the stands of latent frames, below which they are not drawn
const CLOSEST_NUMBERS = 46; // pixels
const NICE = [1, 2, 4, 5, 8, 10, 20, 40, 50, 80, 100, 200, 400, 500, 1000, 2000, 5000, 10000, 20000, 50000];

export class Timeline {
  /** host: the element to fill; model: a PathModel; onEdited: called once after every finished change. */
  constructor(host, model, onEdited) {
    this.model = model;
    this.onEdited = onEdited;
    this.known = [];
    this.band = null; // from and to: a band that is drawn over keys to choose them
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
    return row && near[best] < (event.pointerType === "touch" ? FINGER : REACH) ? best : -1;
  }

  #grab(event) {
    if (event.button !== 0) return;
    const number = this.model.blank ? -1 : this.#keyAt(event);
    if (number >= 0) this.#dragKey(event, number);
    else if (event.shiftKey && !this.model.blank) this.#dragBand(event);
    else this.#scrub(event);
  }

  #scrub(event) {
    const seek = (moved) => this.model.seek(this.model.timeOf(this.#time(moved) * (this.model.frames - 1)));
    seek(event);
    this.#follow(event, seek, () => {});
  }

  /** A click chooses, with Shift beside the others; a drag moves what is chosen, Shift: all from it on, Alt: all. */
  #dragKey(event, number) {
    const { model } = this;
    const how = event.altKey ? "stretch" : event.shiftKey ? "insert" : "move";
    const [before, one] = [model.times, !model.selected.includes(number)];
    let dragged = false;
    if (how === "move") {
      model.seek(model.keys[number].time);
      if (one) model.choose(number);
    }
    const move = (moved) => {
      if (!dragged && Math.abs(moved.clientX - event.clientX) < STILL) return;
      dragged = true;
      model.retime(number, this.#time(moved), how, before);
    };
    this.#follow(event, move, () => {
      if (dragged) this.onEdited();
      else model.choose(number, how === "insert");
    });
  }

  /** A band over the keys that are then chosen. */
  #dragBand(event) {
    const from = this.#time(event);
    const move = (moved) => {
      this.band = [from, this.#time(moved)].sort((a, b) => a - b);
      this.draw();
    };
    this.#follow(event, move, () => {
      const band = this.band;
      this.band = null;
      if (band) this.model.chooseBetween(...band);
      this.draw();
    });
  }

  #follow(event, move, done) {
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener("pointermove", move);
    const end = () => {
      this.canvas.removeEventListener("pointermove", move);
      done();
    };
    this.canvas.addEventListener("lostpointercapture", end, { once: true });
  }

  /** A double click: a key on the path as it is. */
  #add(event) {
    if (!this.model.editable || this.#keyAt(event) >= 0) return;
    this.model.seek(this.model.nearest(this.#time(event)));
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
    this.#stands(to, width);
    this.#coverage(to, width, height);
    this.#diamonds(to, width);
    this.#collisions(to);
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
    const selected = this.model.selected;
    to.font = "bold 9px sans-serif";
    this.model.keys.forEach(({ time }, number) => {
      this.#diamond(to, this.#x(time), y, number, selected.includes(number));
    });
    if (!this.band) return;
    const [left, right] = this.band.map((time) => this.#x(time));
    to.strokeStyle = TEXT;
    to.strokeRect(left, RULER, right - left, KEYS);
  }

  /** A diamond with the key's number; a square where the key is held. */
  #diamond(to, x, y, number, selected) {
    const held = this.model.holds(number);
    to.beginPath();
    if (held) to.rect(x - DIAMOND * 0.8, y - DIAMOND * 0.8, DIAMOND * 1.6, DIAMOND * 1.6);
    else [[0, -1], [1, 0], [0, 1], [-1, 0]].forEach(([u, v]) => to.lineTo(x + u * DIAMOND, y + v * DIAMOND));
    to.closePath();
    to.fillStyle = selected ? TEXT : PATH;
    to.fill();
    if (number === this.model.chosen) {
      to.strokeStyle = KNOWN;
      to.lineWidth = 2;
      to.stroke();
    }
    to.fillStyle = BACKGROUND;
    to.fillText(`${number + 1}`, x, y + 3);
  }

  /** Where keys snap to. */
  #stands(to, width) {
    const { stands } = this.model;
    if (!stands || (width - 2 * SIDE) / stands.length < LEAST_TICK) return;
    to.fillStyle = DIM;
    for (const frame of stands) to.fillRect(this.#x(this.model.timeOf(frame)) - 0.5, RULER - 3, 1, 3);
  }

  /** Mark video frames, booleans, on the line of the keys. */
  setCollisions(collisions) {
    this.collisions = collisions;
    this.draw();
  }

  #collisions(to) {
    to.fillStyle = CAREFUL;
    const last = Math.max((this.collisions?.length ?? 0) - 1, 1);
    this.collisions?.forEach((one, frame) => {
      const [from, end] = [frame - 0.5, frame + 0.5].map((at) => this.#x(Math.max(0, Math.min(1, at / last))));
      if (one) to.fillRect(Math.floor(from), RULER + KEYS / 2 - 2, Math.ceil(end) - Math.floor(from), 4);
    });
  }
}
