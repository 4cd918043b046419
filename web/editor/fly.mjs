/** Flying: W A S D, Q and E move the eye, the mouse turns it. A flight can be recorded, and its record becomes keys. */

import { keysOfFlight } from "./fit.mjs";
import { anglesOf, poseOf } from "./keys.mjs";
import { rotated } from "./spline.mjs";

const [FORWARD, RIGHT, DOWN] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]];
const back = (way) => way.map((value) => -value);
const WAYS = { KeyW: FORWARD, KeyS: back(FORWARD), KeyA: back(RIGHT), KeyD: RIGHT, KeyQ: DOWN, KeyE: back(DOWN) };
const SHIFTS = ["ShiftLeft", "ShiftRight"];
const FASTER = 3; // with Shift
const [SLOWEST, FASTEST] = [0.02, 20]; // median depths per second
const NOTCH = 1.25; // by which a notch of the wheel changes the speed
const PER_PIXEL = 0.15; // degrees
const STEEPEST = 89; // degrees
const SETTLING = 0.12; // seconds in which the speed follows the keys
const LONGEST_STEP = 0.1; // seconds: a page that stood still does not leap

export class Fly {
  /**
   * view: a View; model: its PathModel.
   * host: {changed(), edited()}: called when there is something else to say, and after a recording.
   */
  constructor(view, model, host) {
    Object.assign(this, { view, model, host });
    this.speed = 0.5;
    this.flight = null; // an AbortController while flying
    this.record = null; // [{seconds, position, pan, tilt, roll}] while recording
    this.note = ""; // about the last recording
  }

  get active() {
    return this.flight !== null;
  }

  /** Whether the mouse is held by the view, and turns it without a button. */
  get locked() {
    return document.pointerLockElement === this.view.canvas;
  }

  start() {
    const { canvas } = this.view;
    const { position, rotation } = this.view.pose;
    Object.assign(this, { position: [...position], ...anglesOf(rotation), velocity: [0, 0, 0], held: new Set() });
    Object.assign(this, { note: "", clock: 0 });
    this.lens = this.#lensKey().field_of_view;
    this.flight = new AbortController();
    const on = (target, name, act, more) => target.addEventListener(name, act, { signal: this.flight.signal, ...more });
    on(window, "keyup", (event) => this.held.delete(event.code), { capture: true });
    on(window, "blur", () => this.held.clear());
    on(canvas, "pointerdown", (event) => !this.locked && canvas.setPointerCapture(event.pointerId));
    on(canvas, "pointermove", (event) => this.#look(event));
    on(canvas, "wheel", (event) => this.#wheel(event), { passive: false });
    on(document, "pointerlockchange", () => this.#lockChanged());
    this.#holdMouse();
    this.#show();
    this.then = performance.now();
    const run = this.flight;
    const step = (now) => {
      if (this.flight !== run) return;
      this.#step(now);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
    this.host.changed();
  }

  /** Leave; what was recorded until now goes into the path. */
  stop() {
    if (!this.active) return;
    if (this.record) this.#finish();
    this.flight.abort();
    this.flight = null;
    if (this.locked) document.exitPointerLock();
    this.view.land();
    this.host.changed();
  }

  dispose() {
    this.record = null;
    this.stop();
  }

  /** A key that is pressed; return whether it is one for flying. */
  key(event) {
    if (event.code === "KeyF") this.active ? this.stop() : this.start();
    else if (!this.active) return false;
    else if (event.code === "Escape") this.stop();
    else if (event.code === "KeyR") event.repeat || this.toggleRecord();
    else if (WAYS[event.code] || SHIFTS.includes(event.code)) this.held.add(event.code);
    else return false;
    return true;
  }

  toggleRecord() {
    if (this.record) this.#finish();
    else if (this.model.editable) Object.assign(this, { record: [], first: this.nextFirst });
    this.host.changed();
  }

  /** The first video frame that a recording would fill now: the playhead's, or, at the end of the path, the first. */
  get nextFirst() {
    const frame = this.model.frameOf(this.model.time);
    return frame < this.model.frames - 1 ? frame : 0;
  }

  // Where a page may not hold the mouse (in a frame of another page, on a touch screen), dragging turns the view; the
  // hint says which of the two it is.
  #holdMouse() {
    Promise.resolve(this.view.canvas.requestPointerLock?.()).then(
      () => this.locked && !this.active && document.exitPointerLock(),
      () => this.host.changed(),
    );
  }

  #lockChanged() {
    if (this.locked) this.wasLocked = true;
    else if (this.wasLocked) {
      this.wasLocked = false; // Escape gives the mouse back, and no key event comes
      this.stop();
    }
    this.host.changed();
  }

  #look(event) {
    if (!this.locked && !(event.buttons & 1)) return;
    this.pan += event.movementX * PER_PIXEL;
    this.tilt = Math.max(-STEEPEST, Math.min(STEEPEST, this.tilt - event.movementY * PER_PIXEL));
  }

  #wheel(event) {
    event.preventDefault();
    if (!event.deltaY) return;
    this.speed = Math.max(SLOWEST, Math.min(FASTEST, this.speed * (event.deltaY < 0 ? NOTCH : 1 / NOTCH)));
    this.host.changed();
  }

  #step(now) {
    const seconds = Math.max(0, Math.min((now - this.then) / 1000, LONGEST_STEP));
    this.then = now;
    const held = [...this.held].filter((code) => WAYS[code]);
    const way = [0, 1, 2].map((axis) => held.reduce((sum, code) => sum + WAYS[code][axis], 0));
    const speed = this.speed * (SHIFTS.some((code) => this.held.has(code)) ? FASTER : 1);
    const size = Math.max(Math.hypot(...way), 1);
    const wanted = rotated(poseOf(this).rotation, way.map((value) => (value * speed) / size));
    const share = 1 - Math.exp(-seconds / SETTLING);
    this.velocity = this.velocity.map((value, axis) => value + (wanted[axis] - value) * share);
    this.position = this.position.map((value, axis) => value + this.velocity[axis] * seconds);
    const { position, pan, tilt, roll } = this;
    this.clock += seconds; // of the flight: where the page stood still, it stood still, too
    this.record?.push({ seconds: this.clock, position, pan, tilt, roll });
    this.#show();
  }

  #show() {
    this.view.fly({ ...poseOf(this), fieldOfView: this.lens ?? this.model.ownField }, () => this.stop());
  }

  /** The key whose lens the flight has: the last one that a recording would leave, or the first. */
  #lensKey() {
    const { keys, frames } = this.model;
    return keys.findLast((key) => key.time * (frames - 1) < this.nextFirst + 0.5) ?? keys[0];
  }

  /** The recording takes the place of the path from the first frame on. */
  #finish() {
    const { record, model, first } = this;
    this.record = null;
    if (record.length < 2 || model.frames < 2) {
      this.note = "short";
      return;
    }
    const made = keysOfFlight(record, first, model.frames, this.lens);
    model.replaceFrom(first, made);
    this.note = "done";
    this.made = made.length;
    this.host.edited();
  }
}
