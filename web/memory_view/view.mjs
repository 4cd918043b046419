/** A memory's points in 3D: where they are looked at from, and which one the mouse is on. */

import * as THREE from "../lib/three.mjs";
import { BACKGROUND, PATH } from "../editor/colours.mjs";
import { tokenMaterial } from "../token_material.mjs";
import { Frame } from "./frame.mjs";

const NEAR = 0.01; // all lengths of the view: units of the scene, about its median depth
const FAR = 200;
const OPENING = [-0.6, 0.55, 0.6]; // from the middle of things: the left of the opening camera, above and behind it
const OPENING_DISTANCE = 2; // radii of what is shown
const OUTLIERS = 0.02; // share of the points on either side that the overview may leave out
const LEAST_RADIUS = 0.1;
const POINT = 1.25; // drawn width of a token, in widths: closes the seams between neighbours
const LEAST_PIXELS = 3; // around a point's middle that the mouse takes it from
const MARK = 4; // pixels, radius of the ball on the token that is read
const MOST_RATIO = 2; // pixels of the screen per pixel of the page that are drawn

export class View {
  /** host: the element to fill. */
  constructor(host) {
    this.scene = null;
    this.shown = null; // Uint8Array, which points are drawn
    this.seen = false; // points were shown: more of them do not move the view
    this.beforeRender = () => {};
    this.renderer = new THREE.WebGLRenderer({ antialias: true });
    this.canvas = this.renderer.domElement;
    this.canvas.style.cssText = "position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none";
    host.append(this.canvas);
    this.free = new THREE.PerspectiveCamera(50, 1, NEAR, FAR);
    this.world = new THREE.Scene();
    this.world.background = new THREE.Color(BACKGROUND);
    this.placed = new THREE.Group(); // what is in it has the places of the memory's world
    this.placed.matrixAutoUpdate = false;
    this.world.add(this.placed);
    this.#makePoints();
    this.#setFrame(new Frame());
    this.controls = new THREE.OrbitControls(this.free, this.canvas);
    this.controls.addEventListener("change", () => this.requestRender());
    this.overview();
    this.resizing = new ResizeObserver(() => this.requestRender());
    this.resizing.observe(host);
  }

  dispose() {
    cancelAnimationFrame(this.pending);
    this.resizing.disconnect();
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  /** Show points: what nodes/host/points_file.py wrote. */
  show(scene) {
    this.scene = scene;
    this.#setFrame(new Frame(scene.cam2world, scene.unit));
    this.places = new Float32Array(scene.xyz.length); // in the view
    for (let n = 0; n < this.places.length; n += 3) {
      this.places.set(this.frame.toView([...scene.xyz.subarray(n, n + 3)]), n);
    }
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(scene.xyz, 3));
    geometry.setAttribute("tokenWidth", new THREE.BufferAttribute(scene.width, 1));
    this.points.geometry.dispose();
    this.points.geometry = geometry;
    this.mark(-1);
    this.paint(scene.rgb, new Uint8Array(scene.width.length).fill(1));
    if (!this.seen) this.overview();
    this.seen = true;
  }

  /** Give the points colours, Uint8Array of N times three, and say which of them are drawn. */
  paint(rgb, shown) {
    this.shown = shown;
    const { geometry } = this.points;
    geometry.setAttribute("color", new THREE.BufferAttribute(rgb, 3, true));
    const drawn = Uint32Array.from(shown.keys()).filter((n) => shown[n]);
    geometry.setIndex(new THREE.BufferAttribute(drawn, 1));
    if (this.marked >= 0 && !shown[this.marked]) this.mark(-1);
    this.requestRender();
  }

  /** Put a ball on the token that is read; -1: on none. */
  mark(number) {
    this.marked = number;
    this.ball.visible = number >= 0;
    if (number >= 0) this.ball.position.set(...this.places.slice(3 * number, 3 * number + 3));
    this.requestRender();
  }

  /** Look at all that is drawn, from beside, above and behind the opening camera. */
  overview() {
    const axes = [0, 1, 2].map((axis) => {
      const values = (this.places ?? new Float32Array([0, 0, -1]))
        .filter((_, n) => n % 3 === axis && (this.shown?.[(n - axis) / 3] ?? 1))
        .sort();
      const end = Math.floor((values.length - 1) * OUTLIERS);
      return values.length ? [values[end], values[values.length - 1 - end]] : [0, 0];
    });
    const middle = axes.map(([low, high]) => (low + high) / 2);
    const radius = Math.max(LEAST_RADIUS, Math.hypot(...axes.map(([low, high]) => (high - low) / 2)));
    const away = (OPENING_DISTANCE * radius) / Math.hypot(...OPENING);
    this.#lookFrom(middle.map((value, n) => value + OPENING[n] * away), middle);
  }

  /** Look as the opening camera does. */
  fromStart() {
    this.#lookFrom([0, 0, 0], [0, 0, -1]);
  }

  #lookFrom(eye, target) {
    this.free.position.set(...eye);
    this.controls.target.set(...target);
    this.controls.update();
    this.requestRender();
  }

  /** Move the eye and what it turns about along its own axes (x right, y up, z backward), shares of their distance. */
  walk(direction) {
    const share = this.free.position.distanceTo(this.controls.target);
    const by = new THREE.Vector3(...direction).multiplyScalar(share).applyQuaternion(this.free.quaternion);
    for (const place of [this.free.position, this.controls.target]) place.add(by);
    this.controls.update();
    this.requestRender();
  }

  /** What a view made anew takes over. */
  get look() {
    return { seen: this.seen, eye: this.free.position.toArray(), target: this.controls.target.toArray() };
  }

  set look({ seen, eye, target }) {
    this.seen = seen;
    this.#lookFrom(eye, target);
  }

  /** The camera of the view in the memory's world, OpenCV axes; K normalised by the picture. */
  get camera() {
    this.#fit();
    const axes = [[1, 0, 0], [0, -1, 0], [0, 0, -1]].map((axis) => this.#worldAxis(axis));
    const origin = this.frame.toWorld(this.free.position.toArray());
    const cam2world = [0, 1, 2].map((row) => [...axes.map((axis) => axis[row]), origin[row]]);
    const fy = 0.5 / Math.tan((this.free.fov * Math.PI) / 360);
    return { cam2world: [...cam2world, [0, 0, 0, 1]], K: [[fy / this.free.aspect, 0, 0.5], [0, fy, 0.5], [0, 0, 1]] };
  }

  /** The direction of the world that lies along an axis of the eye (x right, y up, z backward). */
  #worldAxis(axis) {
    return this.frame.turnedToWorld(new THREE.Vector3(...axis).applyQuaternion(this.free.quaternion).toArray());
  }

  get rightInWorld() {
    return this.#worldAxis([1, 0, 0]);
  }

  /** Where a place of the world is on the page. */
  onPage(place) {
    this.#fit();
    const seen = new THREE.Vector3(...this.frame.toView(place)).project(this.free);
    const box = this.canvas.getBoundingClientRect();
    const visible = Math.abs(seen.z) < 1;
    return { x: box.left + ((seen.x + 1) / 2) * box.width, y: box.top + ((1 - seen.y) / 2) * box.height, visible };
  }

  /** Where the mouse is on the picture, 0..1 from its top left corner. */
  onPicture(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  /** The ray under the mouse, in the view: {from, along}, along of length 1. */
  rayAt(event) {
    this.#fit();
    const [u, v] = this.onPicture(event);
    const from = this.free.position.clone();
    return { from, along: new THREE.Vector3(2 * u - 1, 1 - 2 * v, 0.5).unproject(this.free).sub(from).normalize() };
  }

  /** Where the mouse's ray meets the plane through a place of the world that faces the view. */
  onPlane(event, place) {
    const { from, along } = this.rayAt(event);
    const normal = this.free.getWorldDirection(new THREE.Vector3());
    const away = new THREE.Vector3(...this.frame.toView(place)).sub(from).dot(normal);
    return this.frame.toWorld(along.multiplyScalar(away / along.dot(normal)).add(from).toArray());
  }

  /** The nearest drawn token under the mouse, or -1. */
  tokenAt(event) {
    if (!this.scene) return -1;
    this.#fit();
    const [u, v] = this.onPicture(event);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const place = new THREE.Vector3();
    const forward = this.free.getWorldDirection(new THREE.Vector3());
    const fy = 0.5 / Math.tan((this.free.fov * Math.PI) / 360);
    let [best, nearest] = [-1, Infinity];
    for (let n = 0; n < this.shown.length; n++) {
      if (!this.shown[n]) continue;
      place.fromArray(this.places, 3 * n);
      const depth = place.clone().sub(this.free.position).dot(forward);
      if (depth < NEAR || depth >= nearest) continue;
      place.project(this.free);
      const reach = Math.max(LEAST_PIXELS, (POINT * this.scene.width[n] * fy * height) / (2 * this.frame.unit * depth));
      const across = Math.abs((place.x + 1) / 2 - u) * width;
      const down = Math.abs((1 - place.y) / 2 - v) * height;
      if (across <= reach && down <= reach) [best, nearest] = [n, depth];
    }
    return best;
  }

  /** Length in the view of a pixel of the page at a place of the view. */
  pixelAt(position) {
    const away = position.distanceTo(this.free.position);
    return (2 * Math.tan((this.free.fov * Math.PI) / 360) * away) / this.canvas.clientHeight;
  }

  requestRender() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.#render();
    });
  }

  #setFrame(frame) {
    this.frame = frame;
    this.placed.matrix.set(...frame.rows);
    this.placed.matrixWorldNeedsUpdate = true;
  }

  #makePoints() {
    this.points = new THREE.Points(new THREE.BufferGeometry(), tokenMaterial());
    this.points.frustumCulled = false;
    const above = new THREE.MeshBasicMaterial({ color: PATH, depthTest: false });
    this.ball = new THREE.Mesh(new THREE.SphereGeometry(1, 16, 12), above);
    this.ball.visible = false;
    this.ball.renderOrder = 1;
    this.marked = -1;
    this.placed.add(this.points);
    this.world.add(this.ball);
  }

  /** Bring the eye's picture to the size of the canvas, which may have changed since it was drawn. */
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    this.free.aspect = (width || 1) / (height || 1);
    this.free.updateProjectionMatrix();
    this.free.updateMatrixWorld();
  }

  #render() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio, MOST_RATIO);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    if (this.width !== width || this.height !== height) {
      this.renderer.setSize(width, height, false);
      Object.assign(this, { width, height });
    }
    this.#fit();
    this.points.material.size = POINT / Math.tan((this.free.fov * Math.PI) / 360) / this.frame.unit;
    this.ball.scale.setScalar(MARK * this.pixelAt(this.ball.position));
    this.beforeRender();
    this.renderer.render(this.world, this.free);
  }
}
