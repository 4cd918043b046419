/** Which tokens a memory knows from a camera: the rule of mirage_core/splatting, without its z-buffer. */

import { rotated } from "./spline.mjs";

const MIN_DEPTH = 2 ** -10; // scene units, as in mirage_core/conventions.py

/** The video frames, of so many, that latent frames stand at: the rule of mirage_core/timing.py. */
export function standsAt({ stride, clip }, frames) {
  const every = [];
  for (let latent = 0; ; latent++) {
    const clips = clip ? Math.floor(latent / clip) : 0;
    const frame = clips * (1 + (clip - 1) * stride) + (latent - clips * clip) * stride;
    if (frame >= frames) return every;
    every.push(frame);
  }
}

/** Share known, 0..1, from one camera: see knownTokens. */
export function knownShare(scene, camera, ownField) {
  const known = knownTokens(scene, camera, ownField);
  return known.reduce((sum, one) => sum + one, 0) / known.length;
}

/**
 * Uint8Array of h * w tokens, row by row: 1 where the memory knows the token from a camera.
 *
 * scene: of sceneFromBytes, with coverage {grid: [h, w], disk_radius, most_cells}; camera: of pathThrough.
 */
export function knownTokens(scene, camera, ownField) {
  const { xyz, width, K, coverage } = scene;
  const [h, w] = coverage.grid;
  const zoom = Math.tan((ownField * Math.PI) / 360) / Math.tan((camera.fieldOfView * Math.PI) / 360);
  const [fu, fv] = [K[0][0] * w * zoom, K[1][1] * h * zoom];
  const [cu, cv] = [K[0][2] * w, K[1][2] * h];
  const [right, down, forward] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((axis) => rotated(camera.rotation, axis));
  const [px, py, pz] = camera.position;
  const nearest = MIN_DEPTH / scene.scene_depth;
  const known = new Uint8Array(h * w);
  for (let n = 0; n < width.length; n++) {
    const [dx, dy, dz] = [xyz[3 * n] - px, xyz[3 * n + 1] - py, xyz[3 * n + 2] - pz];
    const z = forward[0] * dx + forward[1] * dy + forward[2] * dz;
    if (z < nearest) continue;
    const u = ((right[0] * dx + right[1] * dy + right[2] * dz) * fu) / z + cu;
    const v = ((down[0] * dx + down[1] * dy + down[2] * dz) * fv) / z + cv;
    const radius = Math.min(((width[n] * Math.sqrt(fu * fv)) / z) * coverage.disk_radius, coverage.most_cells);
    if (u < -radius - 1 || v < -radius - 1 || u > w + radius + 1 || v > h + radius + 1) continue;
    const [column, row] = [Math.floor(u), Math.floor(v)];
    if (column >= 0 && row >= 0 && column < w && row < h) known[row * w + column] = 1;
    const reach = Math.ceil(radius) + 1;
    for (let r = Math.max(row - reach, 0); r <= Math.min(row + reach, h - 1); r++) {
      for (let c = Math.max(column - reach, 0); c <= Math.min(column + reach, w - 1); c++) {
        if ((c + 0.5 - u) ** 2 + (r + 0.5 - v) ** 2 <= radius * radius) known[r * w + c] = 1;
      }
    }
  }
  return known;
}
