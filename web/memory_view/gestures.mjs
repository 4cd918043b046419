/** What the mouse and the keyboard do among the points: read a token, draw a shape, drag its balls. */

import { distance, leastSize } from "./handles.mjs";

const REACH = 14; // pixels around a ball that take it
const STILL = 3; // pixels that a click may move
const STEP = 4; // pixels between two corners of a lasso
const DECIMALS = 4; // of a lasso's corners, shares of the picture
const WALK = 0.05; // of the distance looked at, per press of a key
const MOVES = { w: [0, 0, -1], s: [0, 0, 1], a: [-1, 0, 0], d: [1, 0, 0], q: [0, -1, 0], e: [0, 1, 0] };
const UNITS_AWAY = 1; // of a shape that begins where there is no token

export class Gestures {
  /**
   * outlines: Outlines, or none in Preview Memory; page: {edited(), read(number of a token), drawn(corners of a
   * lasso)}: what is told.
   */
  constructor(view, model, outlines, page) {
    Object.assign(this, { view, model, outlines, page, canvas: view.canvas });
    // captured: what is drawn or grabbed must not turn the view
    this.canvas.addEventListener("pointerdown", (event) => this.#press(event), { capture: true });
    this.canvas.addEventListener("contextmenu", (event) => {
      event.preventDefault(); // the right button moves the view
      event.stopPropagation();
    });
  }

  /** Move the view; return whether the key is one for that. */
  key(event) {
    const direction = MOVES[event.key.toLowerCase()];
    if (direction) this.view.walk(direction.map((value) => value * WALK));
    return Boolean(direction);
  }

  #press(event) {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.altKey || !this.view.scene) return;
    const { tool, editable } = this.model;
    const handle = this.#handleAt(event);
    if (handle) this.#drag(event, handle);
    else if (tool === "look" || !editable) this.#readAtClick(event);
    else if (tool === "lasso") this.#lasso(event);
    else this.#grow(event, tool);
  }

  #readAtClick(event) {
    const up = (after) => {
      const still = Math.hypot(after.clientX - event.clientX, after.clientY - event.clientY) <= STILL;
      if (still) this.page.read(this.view.tokenAt(after));
    };
    window.addEventListener("pointerup", up, { capture: true, once: true });
  }

  #handleAt(event) {
    let [best, nearest] = [null, REACH];
    for (const handle of this.outlines?.handles ?? []) {
      const { x, y, visible } = this.view.onPage(handle.place);
      const away = Math.hypot(x - event.clientX, y - event.clientY);
      if (visible && away < nearest) [best, nearest] = [handle, away];
    }
    return best;
  }

  #drag(event, { drag }) {
    const { model } = this;
    const number = model.chosen;
    const { move, flush } = oncePerFrame((moved) => model.change(number, drag(moved)));
    this.#follow(event, { move, flush, end: () => this.page.edited() });
  }

  /** A box or a sphere that grows around the token under the mouse. */
  #grow(event, kind) {
    const { model, view } = this;
    model.choose(-1);
    const token = view.tokenAt(event);
    const { cam2world } = view.camera;
    const ahead = cam2world.slice(0, 3).map((row) => row[3] + row[2] * UNITS_AWAY * view.frame.unit);
    const middle = token >= 0 ? [...view.scene.xyz.slice(3 * token, 3 * token + 3)] : view.onPlane(event, ahead);
    const shapeOf = (size) => ({ kind, does: model.does, ...SIZED[kind](middle, size) });
    let number = -1;
    const { move, flush } = oncePerFrame((moved) => {
      const size = distance(middle, view.onPlane(moved, middle));
      if (number >= 0) return model.change(number, shapeOf(Math.max(size, leastSize(view))));
      if (Math.hypot(moved.clientX - event.clientX, moved.clientY - event.clientY) <= STILL) return;
      model.add(shapeOf(Math.max(size, leastSize(view))));
      number = model.chosen;
    });
    this.#follow(event, { move, flush, end: () => number >= 0 && this.page.edited() });
  }

  #lasso(event) {
    const { model, view, page } = this;
    model.choose(-1);
    const corners = [event];
    const polygon = () => corners.map((one) => view.onPicture(one).map((share) => Number(share.toFixed(DECIMALS))));
    const move = (moved) => {
      const last = corners.at(-1);
      if (Math.hypot(moved.clientX - last.clientX, moved.clientY - last.clientY) < STEP) return;
      corners.push(moved);
      page.drawn(polygon());
    };
    const end = () => {
      page.drawn([]);
      if (corners.length < 3) return;
      model.add({ kind: "lasso", does: model.does, ...view.camera, polygon: polygon() });
      page.edited();
    };
    this.#follow(event, { move, end });
  }

  /** Follow the mouse from a press; flush: do at once what waits, before the shapes are let go. */
  #follow(event, { move, flush, end }) {
    event.stopImmediatePropagation(); // the view must not turn meanwhile
    this.canvas.setPointerCapture(event.pointerId);
    this.model.hold(true);
    this.canvas.addEventListener("pointermove", move);
    const done = () => {
      this.canvas.removeEventListener("pointermove", move);
      flush?.();
      this.model.hold(false);
      end();
    };
    this.canvas.addEventListener("lostpointercapture", done, { once: true });
  }
}

/** Only the newest of many moves, when the page is drawn anew: every one asks for all points. */
function oncePerFrame(act) {
  let newest = null;
  const flush = () => {
    if (newest) act(newest);
    newest = null;
  };
  const move = (event) => {
    if (!newest) requestAnimationFrame(flush);
    newest = event;
  };
  return { move, flush };
}

const SIZED = {
  box: (middle, size) => ({ low: middle.map((value) => value - size), high: middle.map((value) => value + size) }),
  sphere: (middle, size) => ({ center: middle, radius: size }),
};
