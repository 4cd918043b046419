/** What is written and drawn over the view: numbers of the keys, names of the axes, what is unknown. */

import { AXES, BACKGROUND, DIM, PATH, TEXT } from "./colours.mjs";
import { AXIS } from "./ground.mjs";

const BESIDE = [9, -8]; // pixels from a ball to its number
const HATCH = 7; // pixels between lines
const NAMES = ["x", "y", "z"];

export class Marks {
  /** host: the element that the view fills. */
  constructor(host) {
    this.canvas = document.createElement("canvas");
    const style = { position: "absolute", inset: "0", width: "100%", height: "100%", pointerEvents: "none" };
    Object.assign(this.canvas.style, style);
    host.append(this.canvas);
    this.written = []; // the texts on the view {text, x, y}; for tests
  }

  /** Begin anew: returns what to draw on, in pixels of the page. */
  clear(width, height) {
    const ratio = Math.min(window.devicePixelRatio, 2);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    this.to = this.canvas.getContext("2d");
    this.to.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.to.clearRect(0, 0, width, height);
    this.to.font = "11px sans-serif";
    this.written = [];
    return this.to;
  }

  /** place: of View.project. */
  numbers(drawn, place) {
    drawn.model.keys.forEach((_, number) => {
      const { x, y, visible } = place(drawn.placeOf(number, "key"));
      const colour = number === drawn.model.chosen ? TEXT : PATH;
      if (visible) this.#write(`${number + 1}`, x + BESIDE[0], y + BESIDE[1], colour);
    });
  }

  axes(place) {
    NAMES.forEach((name, axis) => {
      const { x, y, visible } = place([0, 1, 2].map((n) => (n === axis ? AXIS * 1.15 : 0)));
      if (visible) this.#write(name, x - 3, y + 4, AXES[axis]);
    });
  }

  /** Hatch what is not known of the tokens, [h, w] of them, in a picture {left, top, width, height}. */
  hatch(known, [h, w], { left, top, width, height }) {
    this.to.beginPath();
    known.forEach((one, n) => {
      const [row, column] = [Math.floor(n / w), n % w];
      if (!one) this.to.rect(left + (column / w) * width, top + (row / h) * height, width / w, height / h);
    });
    this.to.save();
    this.to.clip();
    this.to.beginPath();
    for (let x = left - height; x < left + width; x += HATCH) {
      this.to.moveTo(x, top + height);
      this.to.lineTo(x + height, top);
    }
    this.to.lineWidth = 1;
    this.to.strokeStyle = DIM;
    this.to.stroke();
    this.to.restore();
  }

  #write(text, x, y, colour) {
    this.to.lineWidth = 3;
    this.to.lineJoin = "round";
    this.to.strokeStyle = BACKGROUND;
    this.to.strokeText(text, x, y);
    this.to.fillStyle = colour;
    this.to.fillText(text, x, y);
    this.written.push({ text, x, y });
  }
}
