/** Where a path comes too near to the points, or goes through a surface of them. */

export const CLOSE = 0.05; // median depths
const SPACING = 0.75; // of a point's width: between neighbours of a surface nothing gets through
const SLICE = 12; // milliseconds of counting before the page may go on

/** Whether a camera that goes straight from one place to another meets points. scene: of sceneFromBytes. */
export function meets({ xyz, width }, from, to) {
  const way = to.map((value, axis) => value - from[axis]);
  const square = way[0] ** 2 + way[1] ** 2 + way[2] ** 2;
  for (let n = 0; n < width.length; n++) {
    const [x, y, z] = [xyz[3 * n] - from[0], xyz[3 * n + 1] - from[1], xyz[3 * n + 2] - from[2]];
    const along = square ? Math.max(0, Math.min(1, (x * way[0] + y * way[1] + z * way[2]) / square)) : 0;
    const near = Math.max(CLOSE, SPACING * width[n]);
    if ((x - along * way[0]) ** 2 + (y - along * way[1]) ** 2 + (z - along * way[2]) ** 2 < near * near) return true;
  }
  return false;
}

/** Looks along the path, video frame after video frame, without holding the page up. */
export class Collisions {
  /** view: a View; model: its PathModel; told: called with a boolean per video frame; none: no points. */
  constructor(view, model, told) {
    Object.assign(this, { view, model, told });
    this.found = [];
    model.onChange((what) => what === "path" && this.look());
    view.onChange((what) => what === "scene" && this.look());
  }

  dispose() {
    this.looking = null;
  }

  look() {
    const run = (this.looking = {});
    const { scene } = this.view;
    if (!scene || this.model.blank) return this.#tell([]);
    const { frames, at } = this.model;
    const found = [];
    const some = () => {
      if (this.looking !== run) return;
      const begun = performance.now();
      while (performance.now() - begun < SLICE) {
        if (found.length === frames) return this.#tell(found);
        const [here, next] = [0, 1].map((on) => at(this.model.timeOf(found.length + on)).position);
        found.push(meets(scene, here, next));
      }
      setTimeout(some);
    };
    setTimeout(some);
  }

  #tell(found) {
    this.found = found;
    this.told(found);
  }
}
