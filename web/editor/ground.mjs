/** The floor as a grid, and the axes of the world at the start camera. */

import * as THREE from "../lib/three.mjs";
import { flipped } from "./axes.mjs";
import { AXES, TRACK } from "./colours.mjs";

const STEP = 0.5; // median depths between lines
const MOST_LINES = 40; // each way
export const AXIS = 0.25; // length of a drawn axis, median depths

export class Ground extends THREE.Group {
  constructor() {
    super();
    this.grid = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ color: TRACK }));
    const axes = new THREE.BufferGeometry();
    const ends = [0, 1, 2].flatMap((axis) => [0, 0, 0, ...flipped([0, 1, 2].map((n) => (n === axis ? AXIS : 0)))]);
    const colours = AXES.flatMap((name) => Array(2).fill(new THREE.Color(name).toArray()).flat());
    axes.setAttribute("position", new THREE.Float32BufferAttribute(ends, 3));
    axes.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
    this.add(this.grid, new THREE.LineSegments(axes, new THREE.LineBasicMaterial({ vertexColors: true })));
    for (const drawn of this.children) drawn.frustumCulled = false;
  }

  /** Lay the grid under what fills a box [[x, x], [y, y], [z, z]], in our axes: the largest y is the floor. */
  lay([[left, right], [, floor], [near, far]]) {
    const step = STEP * Math.max(1, Math.ceil(Math.max(right - left, far - near) / STEP / MOST_LINES));
    const from = [left, near].map((at) => Math.floor(at / step) * step);
    const to = [right, far].map((at) => Math.ceil(at / step) * step);
    const places = [];
    for (let x = from[0]; x <= to[0] + step / 2; x += step) places.push([x, floor, from[1]], [x, floor, to[1]]);
    for (let z = from[1]; z <= to[1] + step / 2; z += step) places.push([from[0], floor, z], [to[0], floor, z]);
    this.grid.geometry.dispose();
    this.grid.geometry = new THREE.BufferGeometry();
    this.grid.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places.flatMap(flipped), 3));
    this.floor = floor;
  }
}
