/**
 * Where a memory's world stands in the view: the opening camera at the middle, 1 = the unit of the scene, and the axes
 * of three.js (x right, y up, z backward).
 */

const flipped = ([x, y, z]) => [x, -y, -z];

export class Frame {
  /** cam2world: 4 rows of 4; unit: scene units. */
  constructor(cam2world = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], unit = 1) {
    this.rotation = cam2world.slice(0, 3).map((row) => row.slice(0, 3));
    this.origin = cam2world.slice(0, 3).map((row) => row[3]);
    this.unit = unit;
  }

  toView(place) {
    const from = place.map((value, n) => (value - this.origin[n]) / this.unit);
    return flipped([0, 1, 2].map((column) => dot(this.rotation.map((row) => row[column]), from)));
  }

  toWorld(place) {
    return this.turnedToWorld(place).map((value, n) => value * this.unit + this.origin[n]);
  }

  /** A direction, which keeps its length. */
  turnedToWorld(direction) {
    const ours = flipped(direction);
    return this.rotation.map((row) => dot(row, ours));
  }

  /** toView as the 16 numbers, row after row, that a THREE.Matrix4 is set by. */
  get rows() {
    const axes = this.rotation.map((row) => flipped(row)); // of the world, in the view
    const shift = this.toView([0, 0, 0]);
    const rows = [0, 1, 2].map((row) => [...axes.map((axis) => axis[row] / this.unit), shift[row]]);
    return [...rows.flat(), 0, 0, 0, 1];
  }
}

export const dot = (one, other) => one.reduce((sum, value, n) => sum + value * other[n], 0);
