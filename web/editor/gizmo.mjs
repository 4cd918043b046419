/** Three rings about the chosen key, which pan, tilt and roll it; they keep their size on the page. */

import * as THREE from "../lib/three.mjs";
import { flipped } from "./axes.mjs";
import { AXES, TEXT } from "./colours.mjs";
import { poseOf } from "./keys.mjs";
import { rotated } from "./spline.mjs";

const RADIUS = 48; // pixels
const PARTS = 64; // of a drawn ring
const EDGE_ON = 0.25; // cosine between the eye's ray and the axis below which a ring is a line on the page
const DEGREES = 180 / Math.PI;
const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
const dot = (a, b) => a.reduce((sum, value, n) => sum + value * b[n], 0);

export class Gizmo {
  /** eye: of a View; model: its PathModel. */
  constructor(eye, model) {
    Object.assign(this, { eye, model });
    this.rings = []; // as last drawn: [{name, centre, axis, u, v, points: [{x, y, visible, near}]}]
    this.held = null; // name of the ring that is dragged
  }

  /** Find the rings anew. place: of View.#project, in pixels; pixel: its size at distance 1 from the eye. */
  follow(place, pixel) {
    const { key } = this.model;
    const { position: centre } = poseOf(key);
    const away = centre.map((value, n) => value - this.eye.pose.position[n]);
    const size = RADIUS * pixel * dot(away, rotated(this.eye.pose.rotation, [0, 0, 1]));
    const ahead = poseOf({ ...key, roll: 0 }).rotation;
    const [right, down, forward] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((axis) => rotated(ahead, axis));
    const level = cross(right, [0, 1, 0]); // forward, without the tilt
    // each ring turns one number: the axis that the pan, then the tilt, then the roll goes about
    const axes = [["tilt", right, [0, 1, 0], level], ["pan", [0, 1, 0], level, right], ["roll", forward, right, down]];
    this.rings = axes.map(([name, axis, u, v], n) => {
      const points = Array.from({ length: PARTS + 1 }, (_, part) => {
        const angle = (part * 2 * Math.PI) / PARTS;
        const out = u.map((value, m) => value * Math.cos(angle) + v[m] * Math.sin(angle));
        return { ...place(out.map((value, m) => centre[m] + value * size)), near: dot(out, away) <= 0, angle };
      });
      return { name, centre, axis, u, v, points, colour: AXES[n] };
    });
  }

  clear() {
    this.rings = [];
  }

  draw(to) {
    for (const { name, points, colour } of this.rings) {
      to.lineWidth = name === this.held ? 3 : 1.75;
      to.strokeStyle = name === this.held ? TEXT : colour;
      points.slice(1).forEach((after, n) => {
        if (!after.visible) return;
        to.globalAlpha = after.near ? 1 : 0.3;
        to.beginPath();
        to.moveTo(points[n].x, points[n].y);
        to.lineTo(after.x, after.y);
        to.stroke();
      });
    }
    to.globalAlpha = 1;
  }

  /** The ring at a place of the view nearer than `reach`, pixels, and where; the front before the back. */
  at({ x, y }, reach) {
    let best = null;
    for (const ring of this.rings) {
      ring.points.slice(1).forEach((point, n) => {
        const far = Math.hypot(point.x - x, point.y - y) + (point.near ? 0 : reach / 2);
        if (point.visible && far < (best?.far ?? reach)) best = { ring, point, before: ring.points[n], far };
      });
    }
    return best;
  }

  /**
   * Begin to turn the chosen key; returns what takes the mouse {x, y} in pixels and gives {name: degrees}.
   *
   * ray: from {x, y} to the direction, in our axes, that the eye looks there.
   */
  grab({ ring, point, before }, from, ray) {
    this.held = ring.name;
    const begun = this.model.key[ring.name];
    const flat = Math.abs(dot(ring.axis, ray(from))) < EDGE_ON; // asked once: a drag does not change its rule
    const turned = flat ? this.#alongLine(point, before, from) : this.#aboutAxis(ring, from, ray);
    return (to) => {
      const angle = begun + turned(to) * DEGREES;
      return { [ring.name]: ring.name === "tilt" ? Math.max(-90, Math.min(90, angle)) : angle };
    };
  }

  release() {
    this.held = null;
  }

  /** A ring that is a line on the page: as far along that line as the mouse goes. */
  #alongLine(point, before, from) {
    const [dx, dy] = [point.x - before.x, point.y - before.y];
    const perRadian = Math.hypot(dx, dy) / (point.angle - before.angle);
    const long = Math.hypot(dx, dy) || 1;
    return ({ x, y }) => ((x - from.x) * dx + (y - from.y) * dy) / long / perRadian;
  }

  /** A ring that is seen open: by the angle between where the mouse's rays meet its plane; it may be over a turn. */
  #aboutAxis({ centre, axis, u, v }, from, ray) {
    const angleAt = (place) => {
      const eye = this.eye.pose.position;
      const way = ray(place);
      const along = dot(axis, centre.map((value, n) => value - eye[n])) / dot(axis, way);
      const out = way.map((value, n) => eye[n] + value * along - centre[n]);
      return Math.atan2(dot(out, v), dot(out, u));
    };
    let [last, sum] = [angleAt(from), 0];
    return (place) => {
      const angle = angleAt(place);
      sum += ((angle - last + 3 * Math.PI) % (2 * Math.PI)) - Math.PI;
      last = angle;
      return sum;
    };
  }
}

/** The direction, in our axes, that a camera looks through a place of its picture, -1..1 right and up. */
export function rayThrough(camera, x, y) {
  return flipped(new THREE.Vector3(x, y, 0.5).unproject(camera).sub(camera.position).normalize().toArray());
}
