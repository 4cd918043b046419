/** The shapes as lines among the points, and the balls of the chosen one. */

import * as THREE from "../lib/three.mjs";
import { TEXT } from "../editor/colours.mjs";
import { TINTS } from "./colourings.mjs";
import { handlesOf } from "./handles.mjs";

const BALL = 6; // pixels, radius
const CIRCLE = 64; // steps of a drawn circle
const RIBS = 12; // lines that join the two ends of a lasso, about
const [NEAREST, FARTHEST] = [0.05, 4]; // units: ends of a drawn lasso that has none

export class Outlines {
  constructor(view, model) {
    Object.assign(this, { view, model });
    const material = new THREE.LineBasicMaterial({ vertexColors: true });
    this.lines = new THREE.LineSegments(new THREE.BufferGeometry(), material);
    this.lines.frustumCulled = false;
    this.balls = new THREE.Group();
    this.ball = new THREE.SphereGeometry(1, 16, 12);
    view.placed.add(this.lines);
    view.world.add(this.balls);
    view.beforeRender = () => this.#placeBalls();
  }

  get handles() {
    const { shape, editable } = this.model;
    return shape && editable && !shape.off ? handlesOf(shape, this.view) : [];
  }

  /** Draw the shapes as they are now. */
  redraw() {
    const [places, colours] = [[], []];
    this.model.shapes.forEach((shape, number) => {
      if (shape.off) return;
      const colour = new THREE.Color(number === this.model.chosen ? TEXT : TINTS[shape.does]).toArray();
      const ends = EDGES[shape.kind](shape, this.view.frame.unit);
      places.push(...ends.flat());
      for (let n = 0; n < ends.length; n++) colours.push(...colour);
    });
    this.lines.geometry.dispose();
    this.lines.geometry = new THREE.BufferGeometry();
    this.lines.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places, 3));
    this.lines.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
    this.view.requestRender();
  }

  #placeBalls() {
    const { handles, balls } = this;
    while (balls.children.length < handles.length) {
      balls.add(new THREE.Mesh(this.ball, new THREE.MeshBasicMaterial({ depthTest: false })));
    }
    while (balls.children.length > handles.length) balls.remove(balls.children[0]);
    handles.forEach(({ name, place }, n) => {
      const mesh = balls.children[n];
      mesh.renderOrder = 1;
      mesh.position.set(...this.view.frame.toView(place));
      mesh.material.color.set(name === "middle" ? TEXT : TINTS[this.model.shape.does]);
      mesh.scale.setScalar(BALL * this.view.pixelAt(mesh.position));
    });
  }
}

/** Places of the world, two for each line. */
const EDGES = {
  box: ({ low, high }) =>
    [0, 1, 2].flatMap((axis) =>
      [0, 1, 2, 3].flatMap((corner) => {
        const [second, third] = [0, 1, 2].filter((one) => one !== axis);
        const start = [...low];
        if (corner & 1) start[second] = high[second];
        if (corner & 2) start[third] = high[third];
        return [start, start.with(axis, high[axis])];
      }),
    ),
  sphere: ({ center, radius }) =>
    [0, 1, 2].flatMap((axis) => {
      const [second, third] = [0, 1, 2].filter((one) => one !== axis);
      const round = Array.from({ length: CIRCLE }, (_, n) => {
        const angle = (2 * Math.PI * n) / CIRCLE;
        const place = [...center];
        place[second] += radius * Math.cos(angle);
        place[third] += radius * Math.sin(angle);
        return place;
      });
      return joined(round);
    }),
  lasso: ({ cam2world, K, polygon, near = 0, far }, unit) => {
    const at = (depth) =>
      polygon.map(([u, v]) => {
        const seen = [((u - K[0][2]) / K[0][0]) * depth, ((v - K[1][2]) / K[1][1]) * depth, depth];
        return cam2world.slice(0, 3).map((row) => row[0] * seen[0] + row[1] * seen[1] + row[2] * seen[2] + row[3]);
      });
    const [front, back] = [at(Math.max(near, NEAREST * unit)), at(far ?? FARTHEST * unit)];
    const every = Math.ceil(polygon.length / RIBS);
    const ribs = front.flatMap((place, n) => (n % every ? [] : [place, back[n]]));
    return [...joined(front), ...joined(back), ...ribs];
  },
};

const joined = (round) => round.flatMap((place, n) => [place, round[(n + 1) % round.length]]);
