/** The points, the path and its keys in 3D. */

import * as THREE from "../lib/three.mjs";
import { flipped, flippedTurn } from "./axes.mjs";
import { BACKGROUND, TRACK } from "./colours.mjs";
import { DrawnPath } from "./drawn_path.mjs";
import { rotated } from "./spline.mjs";
import { aim, FAR, fitted, lensOf, NEAR, shapeOf } from "./through.mjs";

const OPENING = [-0.6, -0.55, -0.6]; // from the middle of things: the left of the start camera, above and behind it
const OPENING_DISTANCE = 1.5; // radii of what is shown
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
    this.renderer = new THREE.WebGLRenderer({ antialias: true });
    this.canvas = this.renderer.domElement;
    Object.assign(this.canvas.style, { position: "absolute", inset: "0", width: "100%", height: "100%", touchAction: "none" });
    host.append(this.canvas);
    this.free = new THREE.PerspectiveCamera(50, 1, NEAR, FAR);
    this.fixed = new THREE.PerspectiveCamera(50, 1, NEAR, FAR);
    this.world = new THREE.Scene();
    this.world.background = new THREE.Color(BACKGROUND);
    this.#makeObjects();
    this.controls = new THREE.OrbitControls(this.free, this.canvas);
    this.controls.addEventListener("change", () => this.requestRender());
    this.overview();
    this.resizing = new ResizeObserver(() => this.requestRender());
    this.resizing.observe(host);
    model.onChange((what) => {
      if (what === "path") this.drawn.redraw();
      this.requestRender();
    });
    this.drawn.redraw();
  }

  dispose() {
    cancelAnimationFrame(this.pending);
    this.resizing.disconnect();
    this.controls.dispose();
    this.renderer.dispose();
    this.renderer.forceContextLoss();
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
    if (!this.seen) this.overview();
    this.seen = true;
    const [H, W] = shapeOf(scene);
    this.drawn.aspect = H / W;
    this.drawn.redraw();
    this.requestRender();
  }

  setKnown(known) {
    this.drawn.setKnown(known);
    this.requestRender();
  }

  /** Look at all of it, from beside, above and behind the start camera. */
  overview() {
    if (this.flown) this.leave();
    const places = this.model.keys.map((key) => key.position);
    const axes = [0, 1, 2].map((axis) => {
      const values = (this.scene?.xyz ?? new Float32Array([0, 0, 1])).filter((_, n) => n % 3 === axis).sort();
      const end = Math.floor((values.length - 1) * OUTLIERS);
      const edges = [values[end], values[values.length - 1 - end], ...places.map((place) => place[axis])];
      return [Math.min(...edges), Math.max(...edges)];
    });
    const middle = axes.map(([low, high]) => (low + high) / 2);
    const radius = Math.max(0.7, Math.hypot(...axes.map(([low, high]) => (high - low) / 2)));
    const away = (OPENING_DISTANCE * radius) / Math.hypot(...OPENING);
    this.free.position.set(...flipped(middle.map((value, n) => value + OPENING[n] * away)));
    this.controls.target.set(...flipped(middle));
    this.controls.update();
    this.requestRender();
  }

  /** Move the eye and what it turns about along its own axes (x right, y down, z forward), shares of their distance. */
  walk(direction) {
    const share = this.free.position.distanceTo(this.controls.target);
    const by = flipped(rotated(this.pose.rotation, direction.map((value) => value * share)));
    for (const place of [this.free.position, this.controls.target]) place.add(new THREE.Vector3(...by));
    this.controls.update();
    this.requestRender();
  }

  /** What an editor made anew takes over. */
  get look() {
    const { through, seen } = this;
    return { through, seen, eye: this.free.position.toArray(), target: this.controls.target.toArray() };
  }

  set look({ through, seen, eye, target }) {
    this.seen = seen;
    this.free.position.set(...eye);
    this.controls.target.set(...target);
    this.controls.update();
    this.setThrough(through);
  }

  setThrough(through) {
    if (this.flown) this.leave();
    this.through = through;
    this.controls.enabled = !through;
    this.requestRender();
  }

  /** Look as a flying camera {position, rotation, fieldOfView} does; leave: called when something else is to be seen. */
  fly(camera, leave) {
    this.through = false;
    this.controls.enabled = false;
    Object.assign(this, { flown: camera, leave });
    this.requestRender();
  }

  /** Go on looking from where a flight has come to. */
  land() {
    const reach = this.free.position.distanceTo(this.controls.target);
    const { position, rotation } = this.flown;
    const ahead = rotated(rotation, [0, 0, reach]).map((value, n) => value + position[n]);
    this.free.position.set(...flipped(position));
    this.controls.target.set(...flipped(ahead));
    this.flown = null;
    this.controls.enabled = true;
    this.controls.update();
    this.requestRender();
  }

  /** The pose that the view has now. */
  get pose() {
    if (this.flown) return this.flown;
    if (this.through) return this.model.camera;
    const { x, y, z, w } = this.free.quaternion;
    return { position: flipped(this.free.position.toArray()), rotation: flippedTurn([w, x, y, z]) };
  }

  /** Where a key's ball ("key"), or the ball that aims it ("aim"), is on the page; for tests and picking. */
  onPage(number, ball = "key") {
    const place = new THREE.Vector3(...flipped(this.drawn.placeOf(number, ball))).project(this.free);
    const box = this.canvas.getBoundingClientRect();
    const visible = Math.abs(place.z) < 1;
    return { x: box.left + ((place.x + 1) / 2) * box.width, y: box.top + ((1 - place.y) / 2) * box.height, visible };
  }

  requestRender() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.#render();
    });
  }

  #makeObjects() {
    const material = new THREE.PointsMaterial({ vertexColors: true, sizeAttenuation: true });
    material.onBeforeCompile = (shader) => {
      shader.vertexShader = shader.vertexShader
        .replace("uniform float size;", "uniform float size;\nattribute float tokenWidth;")
        .replace("gl_PointSize = size;", "gl_PointSize = size * tokenWidth;");
    };
    this.points = new THREE.Points(new THREE.BufferGeometry(), material);
    this.points.frustumCulled = false;
    this.drawn = new DrawnPath(this.model);
    this.world.add(this.points, this.drawn);
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
    if (this.flown || this.through) return this.#renderThrough(this.flown ?? this.model.camera, width, height);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.world.background.set(BACKGROUND);
    this.free.aspect = width / height;
    this.free.updateProjectionMatrix();
    this.points.material.size = POINT / Math.tan((this.free.fov * Math.PI) / 360);
    this.drawn.follow(this.free.position, (2 * Math.tan((this.free.fov * Math.PI) / 360)) / height);
    this.renderer.render(this.world, this.free);
  }

  /** The picture that a camera takes, in the shape of the start picture. */
  #renderThrough(camera, width, height) {
    const { left, top, width: pictureWidth, height: pictureHeight } = fitted(this.scene, width, height);
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.renderer.setClearColor(TRACK);
    this.renderer.clear();
    this.renderer.setScissorTest(true);
    this.renderer.setScissor(left, top, pictureWidth, pictureHeight);
    this.renderer.setViewport(left, top, pictureWidth, pictureHeight);
    const lens = lensOf(this.scene, camera.fieldOfView, this.model.ownField);
    aim(this.fixed, camera, lens);
    this.drawn.follow(this.fixed.position, 1 / (lens.fy * pictureHeight));
    // three.js scales points by half the canvas, but the picture is only a part of it
    this.points.material.size = (POINT * 2 * lens.fy * pictureHeight) / height;
    this.renderer.render(this.world, this.fixed);
  }
}
