/** The points, the path and its keys in 3D. */

import * as THREE from "../lib/three.mjs";
import { tokenMaterial } from "../token_material.mjs";
import { flipped } from "./axes.mjs";
import { BACKGROUND, TRACK } from "./colours.mjs";
import { knownTokens } from "./coverage.mjs";
import { DrawnPath } from "./drawn_path.mjs";
import { Eye } from "./eye.mjs";
import { Gizmo } from "./gizmo.mjs";
import { Ground } from "./ground.mjs";
import { Marks } from "./marks.mjs";
import { aim, FAR, fitted, lensOf, NEAR, shapeOf } from "./through.mjs";

const OUTLIERS = 0.02; // share of the points on either side that the overview may leave out
const POINT = 1.25; // drawn width of a token, in widths: closes the seams between neighbours

export class View {
  /** host: the element to fill; model: a PathModel. */
  constructor(host, model) {
    this.model = model;
    this.through = false;
    this.flown = null; // the camera {position, rotation, fieldOfView} of a flight
    this.seen = false; // points were shown: more of them do not move the view
    this.scene = null;
    this.listeners = [];
    this.renderer = new THREE.WebGLRenderer({ antialias: true });
    this.canvas = this.renderer.domElement;
    Object.assign(this.canvas.style, { position: "absolute", inset: "0", width: "100%", height: "100%", touchAction: "none" });
    host.append(this.canvas);
    this.fixed = new THREE.PerspectiveCamera(50, 1, NEAR, FAR);
    this.world = new THREE.Scene();
    this.world.background = new THREE.Color(BACKGROUND);
    this.#makeObjects();
    this.eye = new Eye(this.canvas, () => this.requestRender());
    this.marks = new Marks(host);
    this.gizmo = new Gizmo(this.eye, model);
    this.overview();
    this.resizing = new ResizeObserver(() => this.requestRender());
    this.resizing.observe(host);
    model.onChange((what) => {
      if (what === "path") this.drawn.redraw();
      this.requestRender();
    });
    this.drawn.redraw();
  }

  get free() {
    return this.eye.camera;
  }

  get controls() {
    return this.eye.controls;
  }

  dispose() {
    cancelAnimationFrame(this.pending);
    this.resizing.disconnect();
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
  }

  /** listener: called with "scene" when points have come, "through" when the view enters the camera or leaves it. */
  onChange(listener) {
    this.listeners.push(listener);
  }

  /** Show points: a scene of sceneFromBytes. */
  show(scene) {
    this.scene = scene;
    const geometry = new THREE.BufferGeometry();
    const places = new Float32Array(scene.xyz.length);
    for (let n = 0; n < places.length; n += 3) places.set(flipped(scene.xyz.slice(n, n + 3)), n);
    geometry.setAttribute("position", new THREE.BufferAttribute(places, 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(scene.rgb, 3, true));
    geometry.setAttribute("tokenWidth", new THREE.BufferAttribute(scene.width, 1));
    this.points.geometry.dispose();
    this.points.geometry = geometry;
    if (this.seen) this.#box();
    else this.overview();
    this.seen = true;
    const [H, W] = shapeOf(scene);
    this.drawn.aspect = H / W;
    this.drawn.redraw();
    this.requestRender();
    this.#tell("scene");
  }

  setKnown(known) {
    this.drawn.setKnown(known);
    this.requestRender();
  }

  /** Look at all of it, from beside, above and behind the start camera, or flat from a side of SIDES. */
  overview(side = null) {
    if (this.flown) this.leave();
    const box = this.#box();
    const middle = box.map(([low, high]) => (low + high) / 2);
    this.eye.survey(middle, Math.max(0.7, Math.hypot(...box.map(([low, high]) => (high - low) / 2))), side);
  }

  /** What all but a few of the points, and the keys, lie in: lowest and highest of x, y, z. The floor goes under it. */
  #box() {
    const places = this.model.keys.map((key) => key.position);
    const box = [0, 1, 2].map((axis) => {
      const values = (this.scene?.xyz ?? new Float32Array([0, 0, 1])).filter((_, n) => n % 3 === axis).sort();
      const end = Math.floor((values.length - 1) * OUTLIERS);
      const edges = [values[end], values[values.length - 1 - end], ...places.map((place) => place[axis])];
      return [Math.min(...edges), Math.max(...edges)];
    });
    this.ground.lay(box);
    return box;
  }

  /** Move the eye and what it turns about along its own axes (x right, y down, z forward), shares of their distance. */
  walk(direction) {
    this.eye.walk(direction);
  }

  /** What an editor made anew takes over. */
  get look() {
    const { through, seen } = this;
    return { through, seen, ...this.eye.look };
  }

  set look({ through, seen, ...look }) {
    this.seen = seen;
    this.eye.look = look;
    this.setThrough(through);
  }

  setThrough(through) {
    if (this.flown) this.leave();
    this.through = through;
    this.controls.enabled = !through;
    this.requestRender();
    this.#tell("through");
  }

  /** Look as a flying camera {position, rotation, fieldOfView}; leave: called when something else is to be seen. */
  fly(camera, leave) {
    this.through = false;
    this.controls.enabled = false;
    Object.assign(this, { flown: camera, leave });
    this.requestRender();
  }

  /** Go on looking from where a flight has come to. */
  land() {
    this.eye.land(this.flown);
    this.flown = null;
    this.controls.enabled = true;
    this.requestRender();
  }

  /** The pose that the view has now. */
  get pose() {
    if (this.flown) return this.flown;
    if (this.through) return this.model.camera;
    return this.eye.pose;
  }

  /** Where a key's ball ("key"), or the ball that aims it ("aim"), is on the page; for tests and picking. */
  onPage(number, ball = "key") {
    const whole = { left: 0, top: 0, width: 1, height: 1 };
    const { x, y, visible } = this.#project(this.drawn.placeOf(number, ball), this.free, whole);
    const box = this.canvas.getBoundingClientRect();
    return { x: box.left + x * box.width, y: box.top + y * box.height, visible };
  }

  /** Where a place in our axes is for a camera that fills {left, top, width, height}. */
  #project(place, camera, { left, top, width, height }) {
    const { x, y, z } = new THREE.Vector3(...flipped(place)).project(camera);
    return { x: left + ((x + 1) / 2) * width, y: top + ((1 - y) / 2) * height, visible: Math.abs(z) < 1 };
  }

  requestRender() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.#render();
    });
  }

  #tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  #makeObjects() {
    this.points = new THREE.Points(new THREE.BufferGeometry(), tokenMaterial());
    this.points.frustumCulled = false;
    this.drawn = new DrawnPath(this.model);
    this.ground = new Ground();
    this.world.add(this.points, this.ground, this.drawn);
  }

  #render() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    const ratio = Math.min(window.devicePixelRatio, 2);
    if (this.renderer.getPixelRatio() !== ratio) this.renderer.setPixelRatio(ratio);
    if (this.width !== width || this.height !== height) {
      this.renderer.setSize(width, height, false);
      Object.assign(this, { width, height });
    }
    this.drawn.visible = !this.through && !this.model.blank;
    this.ground.visible = !this.through && !this.flown;
    this.marks.clear(width, height);
    this.gizmo.clear();
    if (this.flown || this.through) return this.#renderThrough(this.flown ?? this.model.camera, width, height);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.world.background.set(BACKGROUND);
    this.eye.shape(width, height);
    this.points.material.size = POINT / Math.tan((this.free.fov * Math.PI) / 360);
    const pixel = (2 * Math.tan((this.free.fov * Math.PI) / 360)) / height; // at distance 1
    this.drawn.follow(this.free.position, pixel);
    this.renderer.render(this.world, this.free);
    const place = (one) => this.#project(one, this.free, { left: 0, top: 0, width, height });
    this.marks.axes(place);
    if (this.drawn.visible) this.marks.numbers(this.drawn, place);
    if (!this.drawn.visible || !this.model.editable) return;
    this.gizmo.follow(place, pixel);
    this.gizmo.draw(this.marks.to);
  }

  /** Draw the picture that a camera takes, so many pixels wide and high, at the corner of a 2D canvas. */
  picture(camera, width, height, to) {
    this.drawn.visible = this.ground.visible = false;
    this.#take(camera, { left: 0, top: 0, width, height });
    const ratio = this.renderer.getPixelRatio();
    const [w, h] = [width * ratio, height * ratio];
    to.drawImage(this.canvas, 0, this.canvas.height - h, w, h, 0, 0, width, height); // WebGL's corner is below
    this.requestRender(); // comes before the page is painted again
  }

  /** The picture that a camera takes, in the shape of the start picture. */
  #renderThrough(camera, width, height) {
    const box = fitted(this.scene, width, height);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.renderer.setClearColor(TRACK);
    this.renderer.clear();
    this.#take(camera, box);
    if (this.scene?.coverage) this.marks.hatch(this.#known(camera), this.scene.coverage.grid, box);
  }

  #take(camera, { left, top, width, height }) {
    this.renderer.setScissorTest(true);
    this.renderer.setScissor(left, top, width, height);
    this.renderer.setViewport(left, top, width, height);
    const lens = lensOf(this.scene, camera.fieldOfView, this.model.ownField);
    aim(this.fixed, camera, lens);
    this.drawn.follow(this.fixed.position, 1 / (lens.fy * height));
    // three.js scales points by half the canvas, but the picture is only a part of it
    this.points.material.size = (POINT * 2 * lens.fy * height) / this.height;
    this.renderer.render(this.world, this.fixed);
  }

  /** Tokens known from a camera; counted again only where it has moved. */
  #known(camera) {
    const asked = JSON.stringify(camera);
    if (this.counted?.asked !== asked || this.counted.scene !== this.scene) {
      this.counted = { asked, scene: this.scene, known: knownTokens(this.scene, camera, this.model.ownField) };
    }
    return this.counted.known;
  }
}
