/** The eye that looks at the scene from outside: turned about a target, in perspective, or flat from one side. */

import * as THREE from "../lib/three.mjs";
import { flipped, flippedTurn } from "./axes.mjs";
import { rotated } from "./spline.mjs";
import { FAR, NEAR } from "./through.mjs";

const OPEN = 50; // degrees, vertical field of view
const FLAT = 3; // degrees: from far away, nearly without perspective
const FILLED = 1.05; // half the height of a flat view, in radii of what is shown
const OPENING = [-0.6, -0.55, -0.6]; // from the middle of things: the left of the start camera, above and behind it
const OPENING_DISTANCE = 1.5; // radii of what is shown
const STRAIGHT = 1e-3; // a flat view may be turned by so much, radians, before it is none
const half = (degrees) => Math.tan((degrees * Math.PI) / 360);

// towards the eye, in our axes; from above what is ahead of the start camera is up
export const SIDES = { top: [0, -1, -1e-5], front: [0, 0, -1], side: [1, 0, 0] };

export class Eye {
  /** canvas: what the mouse turns it on; changed: called after every change. */
  constructor(canvas, changed) {
    this.camera = new THREE.PerspectiveCamera(OPEN, 1, NEAR, FAR);
    this.controls = new THREE.OrbitControls(this.camera, canvas);
    this.flat = null; // a name of SIDES
    this.changed = changed;
    this.controls.addEventListener("change", () => {
      this.#openWhenTurned();
      changed();
    });
  }

  get distance() {
    return this.camera.position.distanceTo(this.controls.target);
  }

  /** As far as a view in perspective would be for what it shows. */
  get reach() {
    return (this.distance * half(this.camera.fov)) / half(OPEN);
  }

  get pose() {
    const { x, y, z, w } = this.camera.quaternion;
    return { position: flipped(this.camera.position.toArray()), rotation: flippedTurn([w, x, y, z]) };
  }

  /** See all within a radius of a place: flat from a side of SIDES, or from the left, above and behind. */
  survey(middle, radius, side = null) {
    this.#setFlat(side);
    const way = side ? SIDES[side] : OPENING;
    const away = (side ? (FILLED * radius) / half(FLAT) : OPENING_DISTANCE * radius) / Math.hypot(...way);
    this.#place(middle.map((value, n) => value + way[n] * away), middle);
  }

  /** Go where a pose is, and look on from there. */
  land({ position, rotation }) {
    const reach = this.reach;
    this.#setFlat(null);
    this.#place(position, rotated(rotation, [0, 0, reach]).map((value, n) => value + position[n]));
  }

  /** Move along its own axes (x right, y down, z forward), shares of its reach; a flat view goes up, not forward. */
  walk([x, y, z]) {
    const direction = this.flat ? [x, y - z, 0] : [x, y, z];
    const by = rotated(this.pose.rotation, direction.map((value) => value * this.reach));
    for (const place of [this.camera.position, this.controls.target]) place.add(new THREE.Vector3(...flipped(by)));
    this.controls.update();
    this.changed();
  }

  get look() {
    return { eye: this.camera.position.toArray(), target: this.controls.target.toArray(), flat: this.flat };
  }

  set look({ eye, target, flat }) {
    this.#setFlat(flat);
    this.#place(flipped(eye), flipped(target));
  }

  /** Make ready to be drawn in a space of this shape. */
  shape(width, height) {
    this.camera.aspect = width / height;
    [this.camera.near, this.camera.far] = this.flat ? [this.distance * 0.3, this.distance * 3] : [NEAR, FAR];
    this.camera.updateProjectionMatrix();
  }

  #setFlat(side) {
    this.flat = side;
    this.camera.fov = side ? FLAT : OPEN;
  }

  #place(position, target) {
    this.camera.position.set(...flipped(position));
    this.controls.target.set(...flipped(target));
    this.controls.update();
    this.changed();
  }

  #openWhenTurned() {
    if (!this.flat) return;
    const { target } = this.controls;
    const way = this.camera.position.clone().sub(target).normalize();
    if (way.angleTo(new THREE.Vector3(...flipped(SIDES[this.flat]))) < STRAIGHT) return;
    this.camera.position.copy(way.multiplyScalar(this.reach).add(target));
    this.#setFlat(null);
  }
}
