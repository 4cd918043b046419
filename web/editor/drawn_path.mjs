/** The path, its keys and the camera at the playhead, as lines and balls in 3D. */

import * as THREE from "../lib/three.mjs";
import { flipped } from "./axes.mjs";
import { CAREFUL, DIM, KNOWN, LEAST_KNOWN, PATH, TEXT } from "./colours.mjs";
import { poseOf } from "./keys.mjs";
import { rotated } from "./spline.mjs";

const FRUSTUM = 0.14; // length of a drawn camera; all lengths: median depths of the picture
const AIM = 0.4; // from a key to the ball that aims it
const BALL = 6; // pixels, radius
const MOST_STEPS = 600; // of the drawn path

export class DrawnPath extends THREE.Group {
  /** model: a PathModel. */
  constructor(model) {
    super();
    this.model = model;
    this.aspect = 2 / 3; // height of the picture for a width of 1
    this.known = []; // share known of each latent frame
    this.path = new THREE.Line(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ vertexColors: true }));
    this.keys = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ vertexColors: true }));
    this.playhead = new THREE.LineSegments(new THREE.BufferGeometry(), new THREE.LineBasicMaterial({ color: TEXT }));
    this.balls = new THREE.Group();
    this.ball = new THREE.SphereGeometry(1, 16, 12);
    for (const drawn of [this.path, this.keys, this.playhead]) drawn.frustumCulled = false;
    this.add(this.path, this.keys, this.playhead, this.balls);
  }

  /** Where a key is ("key"), or the ball that aims it ("aim"), in our axes. */
  placeOf(number, ball) {
    const { position, rotation } = poseOf(this.model.keys[number]);
    const ahead = ball === "aim" ? AIM : 0;
    return rotated(rotation, [0, 0, ahead]).map((value, n) => value + position[n]);
  }

  redraw() {
    const { keys, frames } = this.model;
    this.steps = Math.max(2, Math.min(frames, MOST_STEPS));
    const places = [];
    for (let n = 0; n < this.steps; n++) places.push(...flipped(this.model.at(n / (this.steps - 1)).position));
    this.path.geometry.dispose();
    this.path.geometry = new THREE.BufferGeometry();
    this.path.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places, 3));
    this.#colour();
    const cameras = keys.map((key) => ({ ...poseOf(key), fieldOfView: key.field_of_view ?? this.model.ownField }));
    this.#drawFrusta(this.keys, cameras);
  }

  setKnown(known) {
    this.known = known;
    this.#colour();
  }

  /** Follow the playhead and the eye: a ball keeps its size on the page. pixel: its size at distance 1 from the eye. */
  follow(eye, pixel) {
    this.#drawFrusta(this.playhead, [this.model.camera]);
    const wanted = this.model.keys.map((_, number) => [number, "key"]);
    wanted.push([this.model.chosen, "aim"]); // a ball that aims the chosen key
    while (this.balls.children.length < wanted.length) {
      this.balls.add(new THREE.Mesh(this.ball, new THREE.MeshBasicMaterial()));
    }
    while (this.balls.children.length > wanted.length) this.balls.remove(this.balls.children[0]);
    wanted.forEach(([number, ball], n) => {
      const mesh = this.balls.children[n];
      mesh.position.set(...flipped(this.placeOf(number, ball)));
      mesh.material.color.set(ball === "aim" ? DIM : number === this.model.chosen ? TEXT : PATH);
      const radius = ball === "aim" ? BALL * 0.75 : BALL;
      mesh.scale.setScalar(pixel * radius * mesh.position.distanceTo(eye));
    });
  }

  #colour() {
    const { length } = this.known;
    const [path, known, careful] = [PATH, KNOWN, CAREFUL].map((name) => new THREE.Color(name).toArray());
    const colours = [];
    for (let n = 0; n < this.steps; n++) {
      const share = this.known[Math.round((n / (this.steps - 1)) * (length - 1))];
      colours.push(...(!length ? path : share < LEAST_KNOWN ? careful : known));
    }
    this.path.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  }

  #drawFrusta(lines, cameras) {
    const places = [];
    const colours = [];
    cameras.forEach(({ position, rotation, fieldOfView }, number) => {
      const x = FRUSTUM * Math.min(Math.tan((fieldOfView * Math.PI) / 360), 2);
      const y = x * this.aspect;
      const corners = [[-x, -y], [x, -y], [x, y], [-x, y]].map(([u, v]) =>
        rotated(rotation, [u, v, FRUSTUM]).map((value, n) => value + position[n]),
      );
      const top = rotated(rotation, [0, -y * 1.5, FRUSTUM]).map((value, n) => value + position[n]);
      const edges = corners.flatMap((corner, n) => [position, corner, corner, corners[(n + 1) % 4]]);
      edges.push(corners[0], top, top, corners[1]);
      const colour = new THREE.Color(number === this.model.chosen ? TEXT : PATH).toArray();
      for (const place of edges) {
        places.push(...flipped(place));
        colours.push(...colour);
      }
    });
    lines.geometry.dispose();
    lines.geometry = new THREE.BufferGeometry();
    lines.geometry.setAttribute("position", new THREE.Float32BufferAttribute(places, 3));
    lines.geometry.setAttribute("color", new THREE.Float32BufferAttribute(colours, 3));
  }
}
