/** What the mouse, fingers, the wheel and the keyboard do among the points. */

import * as THREE from "../lib/three.mjs";
import { flipped } from "./axes.mjs";
import { Fingers } from "./fingers.mjs";
import { rayThrough } from "./gizmo.mjs";
import { anglesOf, poseOf } from "./keys.mjs";
import { multiply, rotated } from "./spline.mjs";

const REACH = { ball: 14, ring: 8 }; // pixels around it that take it
const FINGER = 1.8; // times as far reaches a finger
const SLIDE = 0.002; // median depths per pixel that two fingers move, through the camera
const PINCH = 0.5; // median depths forward where two fingers go e times as far apart, through the camera
const TURN = 0.15; // degrees per pixel, through the camera
const STEP = 0.02; // median depths per notch of the wheel or press of a key, through the camera
const NOTCH = 100; // pixels that a notch of a wheel stands for
const NOTCHES = [1 / NOTCH, 1 / 3, 1]; // per unit of a wheel's deltaMode: pixels, lines, pages
const QUIET = 400; // milliseconds after which a gesture has ended
const STILL = 3; // pixels that a click may move
const WALK = 0.05; // of the distance looked at, per press of a key
const MOVES = { w: [0, 0, 1], s: [0, 0, -1], a: [-1, 0, 0], d: [1, 0, 0], q: [0, 1, 0], e: [0, -1, 0] };

/** Many small changes that are one for Undo: `done` is called when they have stopped. */
class Burst {
  constructor(done) {
    this.done = done;
    this.timer = null;
    this.atCommand = (event) => (event.ctrlKey || event.metaKey) && this.end(); // before Ctrl+Z takes the change before
  }

  go() {
    this.cancel();
    this.timer = setTimeout(() => this.end(), QUIET);
    window.addEventListener("keydown", this.atCommand, true);
  }

  end() {
    if (this.timer === null) return;
    this.cancel();
    this.done();
  }

  cancel() {
    clearTimeout(this.timer);
    this.timer = null;
    window.removeEventListener("keydown", this.atCommand, true);
  }
}

const reach = (what, { pointerType }) => REACH[what] * (pointerType === "touch" ? FINGER : 1);

export class Gestures {
  /** view: a View; model: its PathModel; onEdited: called once after every finished change. */
  constructor(view, model, onEdited) {
    Object.assign(this, { view, model, onEdited, canvas: view.canvas });
    this.burst = new Burst(onEdited);
    this.fingers = new Fingers(this.canvas);
    this.followed = null; // the pointer that drags something
    // captured: a grabbed ball must not turn the view
    this.canvas.addEventListener("pointerdown", (event) => this.#grab(event), { capture: true });
    this.canvas.addEventListener("wheel", (event) => this.#wheel(event), { capture: true, passive: false });
    this.canvas.addEventListener("contextmenu", (event) => this.#holdMenuBack(event));
  }

  /** Finish what is going on, as one change. */
  end() {
    this.burst.end();
  }

  dispose() {
    this.burst.cancel();
  }

  /** Move the camera at the playhead, or the view; return whether the key is one for that. */
  key(event) {
    const direction = MOVES[event.key.toLowerCase()];
    if (!direction) return false;
    if (this.view.through) this.#step(direction);
    else this.view.walk(direction.map((value) => value * WALK));
    return true;
  }

  #grab(event) {
    this.#followMenu(event);
    if (event.button !== 0 || event.ctrlKey || this.model.blank || this.view.flown) return;
    if (this.fingers.count > 1) return this.#anotherFinger(event);
    if (this.view.through) return this.#turn(event);
    const best = this.#ballAt(event);
    if (!best) return this.#grabRing(event);
    event.stopImmediatePropagation(); // the view must not turn meanwhile
    this.model.seek(this.model.keys[best.number].time);
    this.model.choose(best.number);
    const start = new THREE.Vector3(...flipped(this.view.drawn.placeOf(best.number, best.ball)));
    const normal = this.view.free.getWorldDirection(new THREE.Vector3());
    this.#follow(event, (moved) => {
      const place = this.#onPlane(moved, start, normal);
      if (best.ball === "key") this.model.changeKey(best.number, { position: flipped(place.toArray()) });
      else this.#aim(best.number, flipped(place.toArray()));
    });
  }

  /** Two fingers move the view; while one drags a ball, another does nothing; through the camera both move the key. */
  #anotherFinger(event) {
    if (this.followed === null) return;
    event.stopImmediatePropagation();
    if (!this.view.through) return;
    let last = this.fingers.pair;
    const move = () => {
      const { pair } = this.fingers;
      if (!pair) return this.canvas.removeEventListener("pointermove", move);
      const ahead = Math.log(pair.spread / last.spread) * PINCH;
      this.#shift([(last.x - pair.x) * SLIDE, (last.y - pair.y) * SLIDE, ahead]);
      last = pair;
    };
    this.canvas.addEventListener("pointermove", move);
  }

  #grabRing(event) {
    const { gizmo } = this.view;
    const from = this.#inView(event);
    const grabbed = gizmo.at(from, reach("ring", event));
    if (!grabbed) return;
    event.stopImmediatePropagation();
    const turned = gizmo.grab(grabbed, from, (place) => this.#ray(place));
    const number = this.model.chosen;
    const turn = (moved) => this.model.changeKey(number, turned(this.#inView(moved)));
    this.#follow(event, turn, () => {
      gizmo.release();
      this.view.requestRender();
    });
  }

  /** Where a pointer is in the view, in its own pixels: the graph may be scaled. */
  #inView({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    const zoom = box.width / this.canvas.clientWidth;
    return { x: (clientX - box.left) / zoom, y: (clientY - box.top) / zoom };
  }

  /** The direction, in our axes, of a place in the view. */
  #ray({ x, y }) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return rayThrough(this.view.free, (x / width) * 2 - 1, 1 - (y / height) * 2);
  }

  #ballAt(event) {
    const candidates = this.model.keys.map((_, number) => ({ number, ball: "key" }));
    candidates.unshift({ number: this.model.chosen, ball: "aim" });
    let best = null;
    for (const candidate of candidates) {
      const place = this.view.onPage(candidate.number, candidate.ball);
      const distance = Math.hypot(place.x - event.clientX, place.y - event.clientY);
      const nearest = distance < (best?.distance ?? reach("ball", event));
      if (place.visible && nearest) best = { ...candidate, distance };
    }
    return best;
  }

  /** Where the mouse's ray meets the plane through a place. */
  #onPlane(event, place, normal) {
    const { free } = this.view;
    const direction = new THREE.Vector3(...flipped(this.#ray(this.#inView(event))));
    const along = place.clone().sub(free.position).dot(normal) / direction.dot(normal);
    return direction.multiplyScalar(along).add(free.position);
  }

  /** Turn a key by the smallest turn that makes it look at a place. */
  #aim(number, target) {
    const key = this.model.keys[number];
    const { rotation } = poseOf(key);
    const from = new THREE.Vector3(...rotated(rotation, [0, 0, 1]));
    const to = new THREE.Vector3(...target.map((value, n) => value - key.position[n]));
    if (to.length() < 1e-6) return;
    const turn = new THREE.Quaternion().setFromUnitVectors(from, to.normalize());
    this.model.changeKey(number, anglesOf(multiply([turn.w, turn.x, turn.y, turn.z], rotation)));
  }

  /** Through the camera, at a key: drag turns it. */
  #turn(event) {
    const number = this.model.keyAtPlayhead;
    if (number < 0 || !this.model.editable) return;
    let [lastX, lastY] = [event.clientX, event.clientY];
    this.#follow(event, (moved) => {
      if (this.fingers.count > 1) return ([lastX, lastY] = [moved.clientX, moved.clientY]);
      const { pan, tilt } = this.model.keys[number];
      const down = tilt + (moved.clientY - lastY) * TURN;
      this.model.changeKey(number, {
        pan: pan - (moved.clientX - lastX) * TURN,
        tilt: Math.max(-90, Math.min(90, down)),
      });
      [lastX, lastY] = [moved.clientX, moved.clientY];
    });
  }

  /** Through the camera, at a key: the wheel moves it along its view, at most a notch an event. */
  #wheel(event) {
    if (!this.view.through) return;
    event.preventDefault();
    const notches = Math.max(-1, Math.min(1, event.deltaY * NOTCHES[event.deltaMode]));
    if (notches) this.#step([0, 0, -notches]);
  }

  /** Move the key at the playhead along its own axes, a step or less. */
  #step(direction) {
    if (this.#shift(direction.map((value) => value * STEP))) this.burst.go();
  }

  /** Move the key at the playhead along its own axes; return whether there is one. */
  #shift(by) {
    const number = this.model.keyAtPlayhead;
    if (number < 0 || !this.model.editable) return false;
    const key = this.model.keys[number];
    const step = rotated(poseOf(key).rotation, by);
    this.model.changeKey(number, { position: key.position.map((value, n) => value + step[n]) });
    return true;
  }

  /** Until a pointer is lifted, `move` gets its moves; then `done` is called, and the change is finished. */
  #follow(event, move, done = () => {}) {
    this.canvas.setPointerCapture(event.pointerId);
    this.followed = event.pointerId;
    const over = new AbortController();
    const on = (name, act) => {
      const mine = (other) => other.pointerId === event.pointerId && act(other);
      this.canvas.addEventListener(name, mine, { signal: over.signal });
    };
    on("pointermove", move);
    on("lostpointercapture", () => {
      over.abort();
      this.followed = null;
      done();
      this.onEdited();
    });
  }

  // The right button moves the view, and only a click of it opens the menu of the node. The page asks for the menu when
  // the button goes down, or, on Windows, when it comes up.

  #followMenu(event) {
    const press = (this.press = { x: event.clientX, y: event.clientY, moved: false, asked: null, down: true });
    const move = ({ clientX, clientY }) => {
      press.moved ||= Math.hypot(clientX - press.x, clientY - press.y) > STILL;
    };
    const up = () => {
      press.down = false;
      window.removeEventListener("pointermove", move, true);
      if (press.asked && !press.moved) this.canvas.dispatchEvent(new PointerEvent("contextmenu", press.asked));
    };
    window.addEventListener("pointermove", move, true);
    window.addEventListener("pointerup", up, { capture: true, once: true });
  }

  #holdMenuBack(event) {
    const { press } = this;
    if (!event.isTrusted || !press || !(press.down || press.moved)) return;
    event.preventDefault();
    event.stopPropagation();
    if (press.down) press.asked = event;
  }
}
